"""From a clip to a shot: the steps of a solve in their order."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycolmap
from numpy.typing import ArrayLike, NDArray

from parascale.camera import Trajectory
from parascale.camera.intrinsics import focal_from_fov
from parascale.errors import Cancelled, InputError
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import felt_per_unit_step, median_depth
from parascale.parallax.shot import Points, Shot
from parascale.solve.cuts import one_shot
from parascale.solve.flow import FAINT, SHARP, WIDE
from parascale.solve.focal import FocalEvidence, tell_focal
from parascale.solve.footage import Footage, Grey
from parascale.solve.keyframes import choose_keyframes
from parascale.solve.lens import Lens
from parascale.solve.mapping import KeyframeMapper, Map, Mapper
from parascale.solve.masks import read_masks
from parascale.solve.motion_class import MotionClass, classify
from parascale.solve.noise import TOGETHER
from parascale.solve.provenance import provenance
from parascale.solve.radial import LEAST_USED, tell_radial, undistorted
from parascale.solve.rolling_shutter import readout
from parascale.solve.rotation_path import turning_path
from parascale.solve.solution import Solution, complete
from parascale.solve.track_depth import depth_samples
from parascale.solve.tracks import Tracks, draw, follow
from parascale.solve.video import read_frames

Array = NDArray[np.float64]
Progress = Callable[[float, str], None] | None
Cancel = Callable[[], bool] | None

log = logging.getLogger(__name__)

# Where nothing tells the focal length: a lens of 48 degrees across, between a phone's and a film camera's.
ASSUMED_FOCAL = 1.12
FEWEST_FRAMES = 2
LEAST_SHARED = 30
# Sightings a keyframe that are mapped.
MAPPED_SIGHTINGS = 300
# When the incremental map is made and the global one, as shares of the progress.
MAPPERS: dict[Mapper, tuple[float, float]] = {"incremental": (0.65, 0.8), "global": (0.8, 0.93)}
# An incremental map with more error (working pixels), or that leaves more sightings out, is held against a global one.
DOUBTFUL_ERROR, DOUBTFUL_SHARE = 0.4, 0.75
MAX_DEPTH_UNCERTAINTY = 0.25
# How far the sightings of a point are off, together: what its depth's uncertainty is counted with.
SIGHTING_NOISE = 0.4


def solve(  # noqa: PLR0913 - what a user can say about a clip, by name
    reference: Path,
    *,
    focal: float | None = None,
    fov: float | None = None,
    intrinsics: ArrayLike | None = None,
    start: int = 0,
    end: int | None = None,
    shot: int | None = None,
    masks: Path | None = None,
    threads: int | None = None,
    seed: int = 0,
    progress: Progress = None,
    cancelled: Cancel = None,
) -> Shot:
    """Find the camera path of a clip, and how deep it looks, from its pixels.

    Parameters
    ----------
    reference : Path
        A video file, or a folder of images in natural order. It must be one shot.
    focal : float or None
        Focal length in pixels of the clip.
    fov : float or None
        Horizontal field of view in degrees.
    intrinsics : (4,) or None
        fx, fy, cx, cy in pixels of the clip, where all are known.
    start, end : int
        First frame, and the one after the last.
    shot : int or None
        Which shot of these frames, counting from 1, where they hold several.
    masks : Path or None
        A folder of masks, one a frame, white where things move.
    threads : int or None
        Same bytes out with 1; all cores where None.
    seed : int
        Of the robust estimators.

    Returns
    -------
    Shot
        In the unit-depth gauge, Z_0 = 1. Static and turning cameras have a path without steps, P = 0.

    Raises
    ------
    InputError
        Where the clip cannot be read or cannot be solved: which, and what to do.
    Cancelled
    """
    if sum(given is not None for given in (focal, fov, intrinsics)) > 1:
        raise InputError("give one of the focal length, the field of view and the intrinsics, not several")
    report = _Reporter(progress, cancelled)
    workers = threads or os.cpu_count() or 1
    with _quiet_libraries(workers):
        with report.phase("decode", 0.0, 0.2):
            footage = read_frames(reference, start=start, end=end, progress=report.inside, cancelled=cancelled)
            footage = one_shot(reference.name, footage, shot)
            _refuse_unusable(reference, footage)
        lens = _lens(footage, focal, fov, intrinsics)
        with report.phase("track", 0.2, 0.55):
            height, width = footage.grey[0].shape
            blocked = read_masks(masks, footage) if masks is not None else None
            tracks = _followed(footage, blocked, report, cancelled)
            pixels = tracks.positions
            tracks = Tracks(lens.centred(tracks.positions, (width, height)))
            _refuse_untracked(reference, tracks)
        source = provenance(reference, footage, seed)
        clip = _Clip(reference, footage, lens, tracks, pixels, source)
        with report.phase("motion class", 0.55, 0.58):
            motion = classify(tracks, clip.focal, lens.working_size[0])
            log.debug("motion class: %s", motion)
        if motion.doubt is not None:
            raise InputError(f"{reference.name} {motion.doubt}: choose another range, or mask what moves")
        if motion.motion == "zoom":
            raise InputError(
                f"{reference.name} zooms, or moves straight at a flat wall, by a factor of {motion.zoom:.2f}: "
                "the two look alike; choose a range without it"
            )
        if motion.motion != "general":
            with report.phase("turns", 0.58, 1.0):
                return _turning_shot(clip, motion)
        clip, answer = _with_distortion(clip, _solve_general(clip, workers, seed, report), workers, seed, report)
        with report.phase("depth", 0.93, 1.0):
            return _general_shot(clip, answer)


@dataclass(frozen=True, eq=False)
class _Clip:
    """A clip on its way through the pipeline: tracks centred and square, and as they lie in the working picture."""

    path: Path
    footage: Footage
    lens: Lens
    tracks: Tracks
    picture_positions: Array
    source: dict[str, Any]
    k1: float | None = None

    @property
    def name(self) -> str:
        return self.path.stem if self.path.is_file() else self.path.name

    @property
    def focal(self) -> float | None:
        """Working pixels, where known."""
        return None if self.lens.focal is None else self.lens.focal * self.lens.scale

    @property
    def assumed_focal(self) -> float:
        """Working pixels, where nothing tells: of the lens the file names, else of an ordinary one."""
        if self.footage.nominal_focal is not None:
            return self.footage.nominal_focal * self.lens.scale
        return ASSUMED_FOCAL * max(self.lens.width, self.lens.height) * self.lens.scale


@dataclass(frozen=True, eq=False)
class _Answer:
    solution: Solution
    mapper: Mapper
    keyframes: NDArray[np.int64]
    evidence: FocalEvidence | None


class _Reporter:
    """Carries progress out and the wish to stop in, and notes how long each phase took."""

    def __init__(self, progress: Progress, cancelled: Cancel) -> None:
        self._progress, self._cancelled = progress, cancelled
        self._span = (0.0, 1.0)
        self._reached = 0.0

    @contextmanager
    def phase(self, name: str, first: float, last: float) -> Iterator[None]:
        self._span = (first, last)
        self.inside(0.0, name)
        began = time.perf_counter()
        yield
        log.info("%s: %.2f s", name, time.perf_counter() - began)
        self.inside(1.0, name)

    def inside(self, fraction: float, name: str) -> None:
        if self._cancelled is not None and self._cancelled():
            raise Cancelled
        if self._progress is not None:
            first, last = self._span
            # A second map may follow once the first has failed: progress never falls back.
            self._reached = max(self._reached, first + (last - first) * min(max(fraction, 0.0), 1.0))
            self._progress(self._reached, name)


@contextmanager
def _quiet_libraries(threads: int) -> Iterator[None]:
    before = cv2.getNumThreads(), pycolmap.logging.minloglevel
    cv2.setNumThreads(threads)
    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        pycolmap.logging.minloglevel = before[1]


def _lens(footage: Footage, focal: float | None, fov: float | None, intrinsics: ArrayLike | None) -> Lens:
    width, height = footage.info.width, footage.info.height
    centre = (width / 2, height / 2)
    if intrinsics is not None:
        fx, fy, cx, cy = (float(value) for value in np.asarray(intrinsics, np.float64))
        if not (np.isfinite([fx, fy, cx, cy]).all() and fx > 0 and fy > 0):
            raise InputError(f"the intrinsics {fx}, {fy}, {cx}, {cy} need finite numbers and positive focal lengths")
        return Lens(width, height, footage.scale, cx, cy, fy / fx, fx)
    if fov is not None:
        focal = focal_from_fov(float(np.radians(fov)), width)
    if focal is not None and not (np.isfinite(focal) and focal > 0):
        raise InputError(f"a focal length of {focal} pixels is not positive")
    return Lens(width, height, footage.scale, *centre, footage.info.aspect, focal or footage.focal)


def _refuse_unusable(path: Path, footage: Footage) -> None:
    if len(footage) < FEWEST_FRAMES:
        raise InputError(f"{path.name} has one frame in this range: a camera move needs at least {FEWEST_FRAMES}")


def _followed(footage: Footage, blocked: Sequence[Grey] | None, report: "_Reporter", cancelled: Cancel) -> Tracks:
    """Follow sharp corners alone; fainter ones too where some frames share few, not where there are none to be had."""
    tracks = Tracks(np.empty((len(footage), 0, 2)))
    for feel in (SHARP, FAINT, WIDE):
        tracks = follow(footage.grey, blocked, feel=feel, progress=report.inside, cancelled=cancelled)
        if tracks.shared.min() >= 2 * LEAST_SHARED or np.median(tracks.shared) < LEAST_SHARED:
            break
    return tracks


def _refuse_untracked(path: Path, tracks: Tracks) -> None:
    shared = tracks.shared
    if shared.min() < LEAST_SHARED:
        frame = int(shared.argmin())
        what = (
            "are black, flat or blurred"
            if shared.max() < LEAST_SHARED
            else f"lose it between frames {frame} and {frame + 1}"
        )
        raise InputError(f"too little to follow in {path.name}: its pictures {what}; choose another range or clip")


def _solve_general(clip: _Clip, workers: int, seed: int, report: _Reporter) -> _Answer:
    """Map the keyframes, place the other frames, and take what fits best of what passes the gate."""
    tracks = clip.tracks
    with report.phase("map", 0.58, 0.65):
        keyframes = choose_keyframes(tracks, clip.lens.working_size[0])
        focal = clip.focal or clip.assumed_focal
        mapped = tracks.keep(draw(tracks.seen[keyframes], MAPPED_SIGHTINGS, seed))
        mapper = KeyframeMapper(mapped, keyframes, focal, clip.lens.working_size, seed=seed, threads=workers)
    answers: list[_Answer] = []
    maps: list[Map] = []
    reasons: list[str] = []
    for kind, (first, last) in MAPPERS.items():
        with report.phase(f"{kind} map", first, (first + last) / 2):
            found = mapper.run(kind)
        if found is None or any(found.agrees(other) for other in maps):
            continue
        maps.append(found)
        with report.phase("all frames", (first + last) / 2, last):
            answer = _completed(clip, keyframes, found, workers, seed)
        complaint = answer if isinstance(answer, str) else answer.solution.complaint
        log.debug("%s: %s", kind, complaint or "good")
        if isinstance(answer, str) or complaint is not None:
            reasons.append(str(complaint))
            continue
        answers.append(answer)
        if found.registered.all() and found.error < DOUBTFUL_ERROR and answer.solution.used_share > DOUBTFUL_SHARE:
            break
    if answers:
        return min(answers, key=lambda answer: answer.solution.misfit)
    reason = reasons[0] if reasons else "no two frames see enough of the same points from different places"
    raise InputError(
        f"{clip.path.name} cannot be solved as one rigid scene ({reason}): "
        "choose a range with more parallax, or mask what moves"
    )


def _with_distortion(clip: _Clip, answer: _Answer, workers: int, seed: int, report: _Reporter) -> tuple[_Clip, _Answer]:
    """Solve again on straightened tracks where the lens bends lines."""
    solution, keyframes = answer.solution, answer.keyframes
    if solution.used_share < LEAST_USED:
        return clip, answer
    k1 = tell_radial(
        clip.tracks.positions[keyframes],
        solution.cam_from_world[keyframes],
        solution.focal,
        seed=seed,
        threads=workers,
    )
    if k1 is None:
        return clip, answer
    log.debug("radial distortion %.4f", k1)
    straight = replace(clip, tracks=undistorted(clip.tracks, solution.focal, k1), k1=k1)
    return straight, _solve_general(straight, workers, seed, report)


def _completed(clip: _Clip, keyframes: NDArray[np.int64], found: Map, workers: int, seed: int) -> _Answer | str:
    """Tell the focal length from a map of the keyframes where it is not known; place and refine all frames."""
    tracks, focal, evidence = clip.tracks, found.focal, None
    known, mapped = keyframes[found.registered], found.cam_from_world[found.registered]
    if clip.focal is None:
        guess = focal
        mapped, focal, evidence = tell_focal(tracks.positions[known], mapped, guess, seed=seed, threads=workers)
        log.debug("focal length %.1f +- %.3f, from %.1f", focal, evidence.spread, guess)
    poses = np.full((len(tracks.positions), 3, 4), np.nan)
    poses[known] = mapped
    refine = evidence is not None and evidence.observable
    solution = complete(tracks, poses, focal, refine_focal=refine, seed=seed, threads=workers)
    return solution if isinstance(solution, str) else _Answer(solution, found.mapper, keyframes, evidence)


def _general_shot(clip: _Clip, answer: _Answer) -> Shot:
    lens, info, solution = clip.lens, clip.footage.info, answer.solution
    poses = _camera_to_world(solution)
    intrinsics = lens.intrinsics(solution.focal)
    visible = solution.used & (solution.structure.uncertainty * SIGHTING_NOISE < MAX_DEPTH_UNCERTAINTY)
    trajectory = Trajectory(poses, intrinsics, clip.footage.times, info.width, info.height)
    steps = trajectory.baselines
    depth = np.full(len(poses), np.nan)
    felt = np.zeros(len(steps))
    for frame in range(len(poses)):
        there = np.flatnonzero(visible[frame])
        axis = solution.cam_from_world[frame, 2]
        local = solution.structure.points[there] @ axis[:3] + axis[3]
        samples = depth_samples(lens.pixels(clip.tracks.positions[frame, there]), local, (info.width, info.height))
        depth[frame] = median_depth(samples)
        if frame < len(steps):
            length = float(np.linalg.norm(steps[frame]))
            direction = trajectory.rotations[frame].T @ steps[frame] / max(length, 1e-300)
            felt[frame] = length * felt_per_unit_step(direction, samples, intrinsics)
    if np.isnan(depth[0]):
        raise InputError(f"{clip.path.name} shows too little surface in its first frame to tell its depth: start later")
    shot = Shot(
        name=clip.name,
        fps=info.fps,
        trajectory=trajectory,
        median_depth=depth,
        frames=clip.footage.frames,
        felt_parallax=felt,
        points=_points(clip, solution, visible),
        distortion=None if clip.k1 is None else {"model": "SIMPLE_RADIAL", "k1": clip.k1},
        quality=_quality(clip, answer, depth),
        provenance=clip.source,
    )
    return to_unit_depth(shot)


def _camera_to_world(solution: Solution) -> Array:
    """Camera-to-world poses with the first camera at the origin, to the last bit."""
    poses = np.tile(np.eye(4), (len(solution.cam_from_world), 1, 1))
    poses[:, :3] = solution.cam_from_world
    relative = np.asarray(poses[0] @ np.linalg.inv(poses))
    relative[0] = np.eye(4)
    return relative


def _points(clip: _Clip, solution: Solution, visible: NDArray[np.bool_]) -> Points:
    """Gather what the depth was taken from, in the first camera's coordinates, coloured where it was first seen."""
    kept = np.flatnonzero(visible.any(axis=0))
    first = visible[:, kept].argmax(axis=0)
    pose = solution.cam_from_world[0]
    positions = solution.structure.points[kept] @ pose[:, :3].T + pose[:, 3]
    height, width = clip.footage.grey[0].shape
    small_height, small_width = clip.footage.colour[0].shape[:2]
    at = clip.picture_positions[first, kept] * [small_width / width, small_height / height]
    x, y = np.clip(at.astype(np.int64), 0, [small_width - 1, small_height - 1]).T
    colours = np.array([clip.footage.colour[f][j, i] for f, j, i in zip(first, y, x, strict=True)], np.uint8)
    return Points(positions.astype(np.float32), colours.reshape(-1, 3))


def _quality(clip: _Clip, answer: _Answer, depth: Array) -> dict[str, Any]:
    solution, tracks = answer.solution, clip.tracks
    used = solution.used
    floor = 3 * solution.noise / depth[:-1]
    bend = np.linalg.norm(np.diff(solution.centres, n=2, axis=0), axis=1) / depth[1:-1]
    observations = used.sum(axis=1)
    return {
        "frames": len(used),
        "frames_registered": len(used),
        "reprojection_error": solution.error / clip.lens.scale,
        "tracks": len(tracks),
        "tracks_thrown_out": int((~used.any(axis=0)).sum()),
        "sightings_used": solution.used_share,
        "observations_per_camera": {"min": int(observations.min()), "median": float(np.median(observations))},
        "jitter": float(np.median(bend)) if len(bend) else 0.0,
        "noise_floor": _pooled(floor),
        "noise_floor_per_step": [None if not np.isfinite(value) else float(value) for value in floor],
        "mapper": answer.mapper,
        "keyframes": len(answer.keyframes),
        **_focal_quality(clip, answer),
        **_shutter_quality(clip, solution),
    }


def _shutter_quality(clip: _Clip, solution: Solution) -> dict[str, Any]:
    """Say where the residuals look like rows read one after another."""
    share = readout(
        clip.tracks.positions,
        solution.structure.points,
        solution.cam_from_world,
        solution.focal,
        solution.used,
        clip.lens.working_size[1],
    )
    if share is None:
        return {}
    warning = (
        f"looks like a rolling shutter, its rows read over {abs(share):.0%} of the time between frames: "
        "P of single frames is less sure than its noise floor says"
    )
    log.warning("%s %s", clip.path.name, warning)
    return {"rolling_shutter": share, "warning": warning}


def _pooled(floor: Array) -> float:
    finite = floor[np.isfinite(floor)]
    return float(np.sqrt((finite**2).mean())) if len(finite) else 0.0


def _known_focal(clip: _Clip) -> str | None:
    if clip.lens.focal is None:
        return None
    return "metadata" if clip.lens.focal == clip.footage.focal else "given"


def _focal_quality(clip: _Clip, answer: _Answer) -> dict[str, Any]:
    """Where the focal length comes from, whether the motion tells it, and how well."""
    evidence = answer.evidence
    if evidence is None:
        return {"focal_source": _known_focal(clip)}
    return {
        "focal_source": "searched" if evidence.observable else "assumed",
        "focal_observable": evidence.observable,
        "focal_interval": evidence.interval(answer.solution.focal / clip.lens.scale),
    }


def _turning_shot(clip: _Clip, motion: MotionClass) -> Shot:
    lens, info, tracks = clip.lens, clip.footage.info, clip.tracks
    count = len(tracks.positions)
    poses = np.tile(np.eye(4), (count, 1, 1))
    focal, error = motion.focal, 0.0
    if motion.motion == "rotation-only":
        path = turning_path(tracks, focal)
        if path is None:
            raise InputError(f"{clip.path.name} turns too fast to be followed: choose another range")
        poses[:, :3, :3], error = path
    elif lens.focal is None:
        focal = clip.assumed_focal
    turns = motion.motion == "rotation-only"
    return Shot(
        name=clip.name,
        fps=info.fps,
        trajectory=Trajectory(poses, lens.intrinsics(focal), clip.footage.times, info.width, info.height),
        median_depth=np.ones(count),
        unit="unit-depth",
        motion_class="rotation-only" if turns else "static",
        frames=clip.footage.frames,
        felt_parallax=np.zeros(count - 1),
        quality={
            "frames": count,
            "frames_registered": count,
            "reprojection_error": error / lens.scale,
            "tracks": len(tracks),
            "noise_floor": _resting_floor(tracks, focal),
            "focal_source": _known_focal(clip) or ("searched" if turns else "assumed"),
            "focal_observable": turns,
        },
        provenance=clip.source,
    )


def _resting_floor(tracks: Tracks, focal: float) -> float:
    """Three sigma of the P a resting camera could hide: what the tracks wander from frame to frame, averaged."""
    change = np.diff(tracks.positions, axis=0)
    change = change - np.nanmedian(change, axis=1, keepdims=True)
    wander = 1.4826 * float(np.nanmedian(np.abs(change))) / float(np.sqrt(np.median(tracks.seen.sum(axis=1))))
    return 3 * float(np.hypot(wander, TOGETHER)) / focal
