"""How faithful camera-motion transfer is, method by method, between scenes of other scales whose geometry is known.

A move is rendered in one scene and solved from its pixels, given the lens; every method carries it over to another
scene; what the path found there does is measured by a depth pass that shares nothing with the rays of the
calibration, and held against the true path and depth of the reference. Asked to, a video is made along that path too,
solved, and held against the solved reference.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parascale.camera import View
from parascale.errors import InputError
from parascale.evaluation.methods import METHODS, carry_over
from parascale.evaluation.probe import Make
from parascale.evaluation.results import Row, read_rows, write_rows
from parascale.evaluation.verify import verify
from parascale.files.disk import make_folder
from parascale.files.shot_file import read_shot, write_shot
from parascale.link.kinds.generate import GenerationRequest
from parascale.parallax.gauge import scale_gauge, to_unit_depth
from parascale.parallax.metrics import compare
from parascale.parallax.shot import Shot
from parascale.solve import solve
from parascale.types import Progress

if TYPE_CHECKING:
    from parascale.blender.depth import SceneDepth

SCENES = ("cosmos", "street", "room", "desk")
MOVES = ("arc", "dolly in", "dolly out", "truck", "crane", "orbit", "handheld")
# A reference scene and a target scene.
REGIMES = ("cosmos-desk", "street-desk", "street-room", "room-desk", "desk-street")
# `metric` is `raw` here: both sides are in metres.
DEFAULT_METHODS = tuple(method for method in METHODS if method != "metric")
QUICK_REGIMES, QUICK_METHODS = ("cosmos-desk", "street-room"), ("closed-loop", "static", "raw")
QUICK_MOVES = ("dolly in", "truck")
# The generator that is none: Blender renders the target scene along the path.
RENDER = "render"
FPS = 16
# The depth pass is small, and looks at every so many frames.
PASS_SIZE, EVERY = (208, 120), 4


@dataclass(frozen=True)
class Plan:
    """What is evaluated.

    Attributes
    ----------
    regimes : sequence of str
        "REFERENCE-TARGET", each one of `SCENES`.
    methods, moves : sequence of str
        Of `METHODS` and `MOVES`.
    generator : str or None
        Who makes a video along every path: `RENDER`, or the name of a generator; None makes none.
    frames : int
    size : (int, int)
        Width and height of clips, in pixels.

    Raises
    ------
    InputError
        Where a name is unknown.
    """

    regimes: Sequence[str] = REGIMES
    methods: Sequence[str] = DEFAULT_METHODS
    moves: Sequence[str] = MOVES
    generator: str | None = None
    frames: int = 81
    size: tuple[int, int] = (832, 480)

    def __post_init__(self) -> None:
        sides = [name for regime in self.regimes for name in _sides(regime)]
        checks = ("scene", sides, SCENES), ("method", self.methods, METHODS), ("move", self.moves, MOVES)
        for what, names, known in checks:
            for name in names:
                if name not in known:
                    raise InputError(f"there is no {what} {name!r}: take one of {', '.join(known)}")


def quick(plan: Plan) -> Plan:
    """Return the part of a plan that takes minutes: two moves, 33 frames; of all regimes and methods a few."""
    return replace(
        plan,
        regimes=QUICK_REGIMES if plan.regimes == REGIMES else plan.regimes,
        methods=QUICK_METHODS if plan.methods == DEFAULT_METHODS else plan.methods,
        moves=QUICK_MOVES,
        frames=33,
    )


def _sides(regime: str) -> tuple[str, str]:
    source, dash, target = regime.partition("-")
    if not dash:
        raise InputError(f"{regime!r} is no regime: write REFERENCE-TARGET, as in {REGIMES[0]}")
    return source, target


@dataclass(frozen=True, eq=False)
class Reference:
    """A rendered move: as it is, and as it was solved, both in metres; or why it was not solved."""

    true: Shot
    solved: Shot | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class _Job:
    """A plan, where its results go, and who makes its videos."""

    plan: Plan
    folder: Path
    make: Make | None


@dataclass(frozen=True, eq=False)
class _Stage:
    """A target scene: its Blender scene, its rays, and the camera that paths start from."""

    scene: Any
    depth: "SceneDepth"
    anchor: View


def evaluate(plan: Plan, folder: Path, make: Make | None, progress: Progress) -> list[Row]:
    """Evaluate a plan; what the folder already holds of it is not done again.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Holds clips, shots and ``results.json``, written after every row.
    make : callable or None
        Has a generator answer a request, its files put into a folder; needed where the plan names one.
    progress : callable
        Takes the fraction done and the phase.

    Returns
    -------
    list of Row
        Of this plan, in its order.

    Raises
    ------
    InputError
        Where the folder holds the results of another plan, cannot be written, or the generator fails.
    """
    stamp = {"frames": plan.frames, "size": list(plan.size), "generator": plan.generator}
    known = {row.key: row for row in read_rows(folder, stamp)}
    job = _Job(plan, folder, make)
    total = len(plan.regimes) * len(plan.moves)
    for number, (regime, move) in enumerate(product(plan.regimes, plan.moves)):

        def report(part: float, phase: str, number: int = number, what: str = f"{regime}, {move}") -> None:
            progress((number + part) / total, f"{what}: {phase}")

        missing = [method for method in plan.methods if (regime, move, method) not in known]
        if not missing:
            continue
        for row in _rows(job, regime, move, missing, report):
            known[row.key] = row
            write_rows(folder, stamp, known.values())
    return [known[key] for key in product(plan.regimes, plan.moves, plan.methods)]


def _rows(job: _Job, regime: str, move: str, methods: Sequence[str], report: Progress) -> Iterator[Row]:
    source, target = _sides(regime)
    reference = film_reference(source, move, job.plan, job.folder, lambda part, phase: report(0.4 * part, phase))
    if reference.solved is None:
        yield from (Row(regime, move, method, reason=reference.reason) for method in methods)
        return
    stage = _open(target, job.plan.size)
    for number, method in enumerate(methods):
        report(0.4 + 0.6 * number / len(methods), method)
        try:
            path = carry_over(method, reference.solved, stage.depth, stage.anchor)
        except InputError as error:
            yield Row(regime, move, method, reason=str(error))
            continue
        row = _measure(Row(regime, move, method), path, reference.true, stage)
        yield row if job.plan.generator is None else _with_video(job, row, path, reference.solved, stage)


def film_reference(name: str, move: str, plan: Plan, folder: Path, report: Progress) -> Reference:
    """Render a move in a scene and solve it, given its lens; what the folder already holds is not done again."""
    from parascale.blender.render import render_clip, z_medians
    from parascale.blender.scenes.moves import animate

    own = make_folder(folder / "references")
    stem = f"{name}-{move.replace(' ', '-')}"
    clip, true_file, solved_file = (own / f"{stem}{end}" for end in (".mp4", ".true.shot.json", ".solved.shot.json"))
    # The shot is written last: a clip without it was left half done.
    if not true_file.is_file():
        report(0.0, "rendering")
        stage = _open(name, plan.size)
        trajectory = animate(stage.scene, move, plan.frames, FPS)
        render_clip(stage.scene, clip, plan.size, (1, plan.frames + 1), FPS)
        path = Shot(stem, FPS, trajectory, np.ones(plan.frames), unit="m")
        # Replayed in its own scene a path is itself: with felt parallax.
        measured = carry_over("raw", path, stage.depth, trajectory.view(0))
        depth = z_medians(stage.scene, trajectory, range(0, plan.frames, EVERY), PASS_SIZE)
        write_shot(replace(measured, trajectory=trajectory, median_depth=depth), true_file)
    true = read_shot(true_file)
    if not solved_file.is_file():
        lens = true.trajectory.intrinsics[0]
        try:
            solved = solve(clip, intrinsics=lens, progress=lambda part, phase: report(0.8 + 0.2 * part, phase))
        except InputError as error:
            return Reference(true, None, f"not solved: {error}")
        # As large as a perfect metric depth of its frames would make it.
        scaled = scale_gauge(solved, math.exp(_depth_gap(true, solved)))
        write_shot(replace(scaled, unit="m", metres_per_unit=1.0), solved_file)
    return Reference(true, read_shot(solved_file))


def _open(name: str, size: tuple[int, int]) -> _Stage:
    from parascale.blender.camera import view_of_camera
    from parascale.blender.depth import SceneDepth, clip_range
    from parascale.blender.scenes.scenes_by_name import open_scene

    scene = open_scene(name, size)
    assert scene.camera is not None
    return _Stage(scene, SceneDepth(scene, clip=clip_range(scene, scene.camera)), view_of_camera(scene, scene.camera))


def _measure(row: Row, path: Shot, true: Shot, stage: _Stage) -> Row:
    """Hold a path, in the depth it really sees, against the true reference."""
    from parascale.blender.render import z_medians

    sampled = range(0, len(path), EVERY)
    asked = replace(path, median_depth=z_medians(stage.scene, path.trajectory, sampled, PASS_SIZE))
    found = compare(asked, true)
    return replace(
        row,
        pce=found.pce,
        scale_gap=found.pce_scale_gap,
        profile=found.pce_profile,
        felt_error=found.felt_error,
        rot_err=found.rot_err,
        trans_err=found.trans_err,
        depth_gap=_depth_gap(true, asked),
        crossings=float(len(stage.depth.crossings(path.trajectory.centres))),
        blind=float(np.mean(np.isnan(asked.median_depth[list(sampled)]))),
    )


def _depth_gap(reference: Shot, other: Shot) -> float:
    """ln(Z / Z'), median of the frames that steps start from: the log scale gap of the paper's Theorem 1."""
    ratio = np.log(reference.median_depth / other.median_depth)[:-1]
    known = ratio[~np.isnan(ratio)]
    return float(np.median(known)) if len(known) else math.nan


def _with_video(job: _Job, row: Row, path: Shot, solved: Shot, stage: _Stage) -> Row:
    """Have a video made along a path, solve it, and hold it against the solved reference."""
    own = make_folder(make_folder(job.folder / "videos") / "-".join(row.key).replace(" ", "-"))
    try:
        video, made_up = _video(job, path, stage, own)
        found = compare(verify(video, path, masks=made_up).shot, solved)
    except InputError as error:
        return replace(row, reason=f"no video to measure: {error}")
    return replace(row, video_pce=found.pce, video_gap=found.pce_scale_gap, above_floor=found.above_floor)


def _video(job: _Job, path: Shot, stage: _Stage, folder: Path) -> tuple[Path, Path | None]:
    """Have a video made along a path; its file, and the mask of what it made up."""
    from parascale.blender.render import render_path

    if job.plan.generator == RENDER:
        return render_path(stage.scene, path.trajectory, folder / "result.mp4", job.plan.size, FPS), None
    assert job.make is not None
    made = job.make(_request(job.plan, path, stage, folder), folder, lambda _part, _phase: None)
    return made.files["video"], made.files.get("hole_mask")


def _request(plan: Plan, path: Shot, stage: _Stage, folder: Path) -> GenerationRequest:
    """Ask for a path that starts at the scene's own camera."""
    from parascale.blender.render import render_still, z_pass
    from parascale.media.image_file import read_image

    assert plan.generator is not None
    scene = stage.scene
    image = read_image(render_still(scene, folder / "first.png", plan.size)).image
    depth = z_pass(scene, scene.camera, scene.frame_current, plan.size) / np.float32(path.median_depth[0])
    # What renders as nothing is far away, not unmeasured.
    depth[np.isnan(depth)] = np.inf
    return GenerationRequest(to_unit_depth(path), plan.generator, image, depth)
