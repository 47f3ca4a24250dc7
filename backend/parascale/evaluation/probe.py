"""How far a generator's camera goes: known moves at several gains, generated, solved again, and fitted."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.evaluation.pictures import Picture
from parascale.evaluation.verify import MIN_SHARE_ABOVE_FLOOR, verify
from parascale.generators.generator import Generator
from parascale.generators.profile import Profile, profile_of
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Scalar
from parascale.link.request import JobResult
from parascale.parallax.number import median_depth
from parascale.parallax.shot import Shot
from parascale.types import Progress

# Camera axes (x right, y down, z forward) a move goes along.
MOVES = {"truck": (1.0, 0.0, 0.0), "dolly": (0.0, 0.0, 1.0)}
GAINS = (0.5, 1.0, 2.0, 3.0, 4.0)
# Length of a move's path at gain 1, in median depths of the picture.
TRAVEL = 0.08
# A gain whose response falls below this share of the smaller gains' is beyond saturation.
SATURATED_BELOW_RATIO = 0.8
# Responses flatter than this do not follow the path's scale.
ERASED_BELOW_SLOPE = 0.3

Make = Callable[[GenerationRequest, Path, Progress], JobResult]


@dataclass(frozen=True)
class Plan:
    """What a generator is asked for: pictures to move through, and its own parameters."""

    pictures: Sequence[Picture]
    frames: int = 33
    fps: float = 16.0
    prompt: str = ""
    seed: int = 0
    parameters: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """One video: the median P of its steps that was asked, and that it realised; None, and why, where not measured."""

    picture: str
    move: str
    gain: float
    asked: float
    realised: float | None
    reason: str = ""

    @property
    def ratio(self) -> float:
        """ln(realised / asked), NaN where it was not measured."""
        return math.nan if self.realised is None else math.log(self.realised / self.asked)


def probe(
    generator: Generator,
    plan: Plan,
    make: Make,
    progress: Progress,
    measured: Sequence[Response] = (),
    keep: Callable[[Sequence[Response]], None] | None = None,
) -> Profile:
    """Measure a generator by videos it makes: ``make`` has it answer a request, its files put into a folder.

    Parameters
    ----------
    generator : Generator
    plan : Plan
    make : callable
    progress : callable
    measured : sequence of Response
        What an earlier run of the same plan measured, which is not made again.
    keep : callable, optional
        Takes all responses by now, after each video.

    Raises
    ------
    InputError
        Where the generator refuses, or too few videos can be measured.
    Cancelled
    """
    units, parameters = _units(generator, plan)
    asked = [
        (picture, move, gain, moving_shot(picture, move, gain, plan))
        for picture in plan.pictures
        for move in MOVES
        for gain in GAINS
    ]
    responses: list[Response] = []
    before = {(item.picture, item.move, item.gain): item for item in measured}
    for number, (picture, move, gain, shot) in enumerate(asked):

        def report(part: float, phase: str, number: int = number, what: str = f"{move} x{gain:g}") -> None:
            progress((number + part) / len(asked), f"{what}: {phase}")

        if (found := before.get((picture.name, move, gain))) is not None:
            responses.append(found)
            continue
        request = GenerationRequest(
            shot, generator.name, picture.image, picture.depth, plan.prompt, plan.seed, parameters
        )
        realised, reason = _measure_response(request, make, report)
        asked_p = float(np.median(shot.parallax_number))
        responses.append(Response(picture.name, move, gain, asked_p, realised and asked_p * realised, reason))
        if keep is not None:
            keep(responses)
    return fit(generator, responses, units, parameters)


def moving_shot(picture: Picture, move: str, gain: float, plan: Plan) -> Shot:
    """Return a known move through a picture, in its unit-depth gauge.

    Where the picture's depth is known, Z of every frame is measured in it; where not, it is that of a wall.
    """
    from parascale.projection.depth_map import DepthMapSource

    poses = np.tile(np.eye(4), (plan.frames, 1, 1))
    poses[:, :3, 3] = np.linspace(0, gain * TRAVEL, plan.frames)[:, None] * np.array(MOVES[move])
    trajectory = Trajectory(poses, picture.intrinsics, np.arange(plan.frames) / plan.fps, *picture.size)
    depth = 1.0 - poses[:, 2, 3]
    if picture.depth is not None:
        source = DepthMapSource(picture.depth, trajectory.view(0))
        samples = (source(pose, picture.intrinsics, picture.size, frame) for frame, pose in enumerate(poses))
        depth = np.array([median_depth(item) for item in samples])
    return Shot(f"{move} x{gain:g}", plan.fps, trajectory, depth, unit="unit-depth")


def _units(generator: Generator, plan: Plan) -> tuple[float, dict[str, Scalar]]:
    """Return the units per depth that are tried, and the parameters that set them where there is such a one."""
    given = dict(plan.parameters)
    if UNITS_PER_DEPTH not in generator.describe():
        return 1.0, given
    tried = float(given.get(UNITS_PER_DEPTH.name, 0.0)) or profile_of(generator.name).units_per_depth
    return tried, given | {UNITS_PER_DEPTH.name: tried}


def _measure_response(request: GenerationRequest, make: Make, report: Progress) -> tuple[float | None, str]:
    """Generate and solve: realised over asked, or why that is not known."""
    with TemporaryDirectory(prefix="parascale-probe-") as folder:
        result = make(request, Path(folder), lambda part, phase: report(0.7 * part, phase))
        try:
            verification = verify(
                result.files["video"],
                request.shot,
                masks=result.files.get("hole_mask"),
                progress=lambda part, phase: report(0.7 + 0.3 * part, phase),
            )
        except InputError as error:
            return None, str(error)
    metrics = verification.metrics
    if not metrics.above_floor >= MIN_SHARE_ABOVE_FLOOR:
        return None, "the video moves less than can be measured"
    return math.exp(metrics.pce_scale_gap), ""


def fit(generator: Generator, responses: Sequence[Response], units: float, parameters: Mapping[str, Scalar]) -> Profile:
    """Fit a profile to responses.

    ``units_per_depth`` is what was tried, over the median of realised / asked below saturation; ``slope`` the median
    of those of ln realised over ln asked between any two gains of a picture and move.

    Raises
    ------
    InputError
        Where fewer than two gains of any move were measured.
    """
    measured = [item for item in responses if item.realised is not None]
    if all(len({item.gain for item in group}) < 2 for group in _groups(measured)):
        reasons = sorted({item.reason for item in responses if item.reason})
        raise InputError(f"{generator.name} could not be measured: {reasons[0] if reasons else 'too few videos'}")
    saturates, slope = saturation(measured), _slope(measured)
    used = [item for item in measured if saturates is None or item.gain * TRAVEL < saturates]
    erased = slope < ERASED_BELOW_SLOPE
    ratios = np.array([item.ratio for item in used])
    return Profile(
        generator=generator.name,
        scale_class="C" if erased else generator.scale_class,
        units_per_depth=units / math.exp(float(np.median(ratios))),
        measured=True,
        source=_source(responses, used, slope, erased=erased),
        slope=slope,
        spread=float(np.std(ratios)),
        saturates_at=saturates,
        parameters=dict(parameters),
        response=tuple(_as_json(item) for item in responses),
    )


def saturation(responses: Sequence[Response]) -> float | None:
    """Return the smallest path, in median depths, from which on measured responses fall behind; None if none do."""
    ratios = {gain: [item.ratio for item in responses if item.gain == gain] for gain in GAINS}
    found = [(gain, float(np.median(values))) for gain, values in ratios.items() if values]
    for number, (gain, _) in enumerate(found[1:], 1):
        before = max(ratio for _, ratio in found[:number])
        if all(ratio < before + math.log(SATURATED_BELOW_RATIO) for _, ratio in found[number:]):
            return gain * TRAVEL
    return None


def _groups(responses: Sequence[Response]) -> list[list[Response]]:
    """Sort responses by picture and move."""
    names = sorted({(item.picture, item.move) for item in responses})
    return [[item for item in responses if (item.picture, item.move) == name] for name in names]


def _slope(responses: Sequence[Response]) -> float:
    """Theil-Sen: a video that was solved wrongly moves a median little."""
    slopes = []
    for group in _groups(responses):
        for one, other in combinations(group, 2):
            asked = math.log(other.asked / one.asked)
            slopes.append(1 + (other.ratio - one.ratio) / asked)
    return float(np.median(slopes))


def _source(responses: Sequence[Response], used: Sequence[Response], slope: float, *, erased: bool) -> str:
    told = f"probed: {len(used)} of {len(responses)} videos fitted, slope {slope:.2f}"
    return told + ("; the path's scale has next to no effect, so calibration has none" if erased else "")


def _as_json(item: Response) -> dict[str, str | float | None]:
    told: dict[str, str | float | None] = {
        "move": item.move,
        "image": item.picture,
        "gain": item.gain,
        "asked": item.asked,
        "realised": item.realised,
    }
    return told | ({"reason": item.reason} if item.reason else {})
