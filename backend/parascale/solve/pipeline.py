"""From a clip to a shot: the steps of a solve in their order."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pycolmap
from numpy.typing import ArrayLike, NDArray

from parascale.camera.intrinsics import focal_from_fov
from parascale.errors import Cancelled, InputError
from parascale.parallax.shot import Shot
from parascale.parallax.subject_box import SubjectBox
from parascale.solve.clip import Candidate, Clip
from parascale.solve.composition import describe_composition
from parascale.solve.findings import Findings, shown
from parascale.solve.ground import MAX_COST_RATIO, choose_ground, leave_out_sky
from parascale.solve.lens.focal import estimate_focal_length
from parascale.solve.lens.lens import Lens
from parascale.solve.lens.projection import refuse_panoramas, refuse_wide_fit
from parascale.solve.lens.radial import MIN_INLIER_RATIO, estimate_radial_distortion, undistort
from parascale.solve.linking import choose_shot, link_pictures, remembered
from parascale.solve.motion.keyframes import choose_keyframes
from parascale.solve.motion.motion_class import MotionClass, classify_motion
from parascale.solve.outcome import build_moving_shot, build_small_move_shot, build_still_shot
from parascale.solve.reconstruction.gate import SMALL_MOVE
from parascale.solve.reconstruction.hypotheses import MAX_TWIN_COST, Jury
from parascale.solve.reconstruction.mapping import KeyframeMap, KeyframeMapper, Mapper
from parascale.solve.reconstruction.rivals import DOUBTFUL_COST, Rivals, find_rivals
from parascale.solve.reconstruction.solution import FINAL_REPROJECTION_LIMIT, Solution, complete_solution
from parascale.solve.tracking.footage import Footage, read_footage
from parascale.solve.tracking.masks import read_masks
from parascale.solve.tracking.repeats import leave_out_repeats
from parascale.solve.tracking.tracks import sample_tracks
from parascale.solve.wide_lens import compare_lenses, refuse_bent_pairs
from parascale.types import CancelCheck, Progress

log = logging.getLogger(__name__)

# Observations a keyframe that are mapped; of photos, whose pairs share fewer of them.
MAPPED_OBSERVATIONS, MAPPED_OBSERVATIONS_OF_PHOTOS = 300, 1000
# The mappers in their order, with the shares of the progress at which they start and end.
MAPPERS: dict[Mapper, tuple[float, float]] = {"incremental": (0.65, 0.8), "global": (0.8, 0.93)}
# A solution of an incremental map with a larger cost is compared with one of a global map.
MAX_TRUSTED_COST = 0.2
# So is one with a reprojection error beyond this many times the noise of the matches of two frames and beyond these
# working pixels: the lens bends lines, or the path was bent to fit. Then other samples of the tracks are mapped.
MAX_ERROR_TO_NOISE, MIN_INEXACT_ERROR = 3.5, 0.15
MAX_RESAMPLINGS = 2
# A solution with a smaller cost is not compared with others: a rendered truck with grain has 0.02.
CLEAR_COST = 0.05
# Added to the seed for the tracks of another map, and their observations a keyframe where the first map is clear.
OTHER_SAMPLE, OTHER_OBSERVATIONS = 1000, 150
# A move too small to be measured that may come to more than this share of the depth is not taken for a turn.
MAX_HIDDEN_SPAN = 0.1
# Two paths that fit alike and whose P differs by more than this factor are no answer.
MAX_RIVAL_FACTOR = 2.0


def solve(  # noqa: PLR0913 - what a user can say about a clip, by name
    reference: Path | str,
    *,
    focal: float | None = None,
    fov: float | None = None,
    intrinsics: ArrayLike | None = None,
    start: int = 0,
    end: int | None = None,
    every: int = 1,
    fps: float | None = None,
    shot: int | None = None,
    ignore_cuts: bool = False,
    masks: Path | None = None,
    subjects: Sequence[SubjectBox] = (),
    threads: int | None = None,
    seed: int = 0,
    debug_picture: Path | None = None,
    save_masks: Path | None = None,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Shot:
    """Solve the camera path and the depth of a clip from its pixels.

    Parameters
    ----------
    reference : Path
        A video file, a folder of pictures, one of numbered pictures, or their pattern. It must be one shot.
    focal : float or None
        Focal length in pixels of the clip.
    fov : float or None
        Horizontal field of view in degrees.
    intrinsics : (4,) or None
        fx, fy, cx, cy in pixels of the clip, where all are known.
    start, end : int
        First frame, and the one after the last.
    every : int
        One frame in so many is taken.
    fps : float or None
        Pictures a second, where the reference is pictures.
    shot : int or None
        Number of the shot, counting from 1, where these frames hold several.
    ignore_cuts : bool
        Take all frames for one shot, also where they look like several.
    masks : Path or None
        A video or a folder of masks, one a frame, white where things move.
    subjects : sequence of SubjectBox
        What the shot looks at, followed through the clip; what the camera holds is proposed where there is none.
    threads : int or None
        1 gives the same bytes every time; all cores where None.
    seed : int
        Of the robust estimators.
    debug_picture : Path or None
        A PNG file to draw the tracks to, by used and not used, also where the clip is refused once it is decoded.
    save_masks : Path or None
        A folder for a mask a frame, white where something moves by itself.

    Returns
    -------
    Shot
        In the unit-depth gauge, Z_0 = 1. Static and rotating cameras have a path without steps, P = 0.

    Raises
    ------
    InputError
        Where the clip cannot be read or cannot be solved: which, and what to do.
    Cancelled
    """
    if sum(given is not None for given in (focal, fov, intrinsics)) > 1:
        raise InputError("give one of the focal length, the field of view and the intrinsics, not several")
    if ignore_cuts and shot is not None:
        raise InputError("give the number of a shot, or take all frames for one, not both")
    reference = Path(reference)
    report, findings = _Reporter(progress, cancelled), Findings()
    threads = threads or os.cpu_count() or 1
    with _quiet_libraries(threads), shown(findings, debug_picture, save_masks):
        with report.phase("decode", 0.0, 0.2):
            footage = read_footage(reference, start=start, end=end, every=every, fps=fps, progress=report.inside)
            findings.footage = footage
            footage = leave_out_repeats(reference.name, footage)
            footage, cuts = (footage, None) if ignore_cuts else choose_shot(reference, footage, shot)
            findings.footage = footage
            refuse_panoramas(reference.name, footage)
            if len(footage) < 2:
                raise InputError(f"{reference.name} has one frame in this range: a camera move needs at least 2")
        lens = _lens(footage, focal, fov, intrinsics)
        with report.phase("track", 0.2, 0.55):
            height, width = footage.grey[0].shape
            blocked = read_masks(masks, footage) if masks is not None else None
            linked = link_pictures(reference, footage, blocked, cuts, threads, report.inside)
            footage, found = linked.footage, linked.tracks
            findings.footage, findings.tracks = footage, found
            if linked.refusal is not None:
                raise linked.refusal
            tracks = replace(found, positions=lens.to_working_pixels(found.positions, (width, height)))
        clip = Clip(reference, footage, lens, tracks, found.positions, seed, threads)
        with remembered(cuts):
            return _solve_linked(clip, subjects, report, findings, cancelled)


class _Reporter:
    """Reports progress, raises where the user cancels, and logs how long each phase took."""

    def __init__(self, progress: Progress | None, cancelled: CancelCheck | None) -> None:
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
    if intrinsics is not None:
        fx, fy, cx, cy = (float(value) for value in np.asarray(intrinsics, np.float64))
        if not (np.isfinite([fx, fy, cx, cy]).all() and fx > 0 and fy > 0):
            raise InputError(f"the intrinsics {fx}, {fy}, {cx}, {cy} need finite numbers and positive focal lengths")
        return Lens(width, height, footage.scale, cx, cy, fy / fx, fx)
    if fov is not None:
        focal = focal_from_fov(float(np.radians(fov)), width)
    if focal is not None and not (np.isfinite(focal) and focal > 0):
        raise InputError(f"a focal length of {focal} pixels is not positive")
    return Lens(width, height, footage.scale, width / 2, height / 2, footage.info.aspect, focal or footage.focal)


def _solve_linked(
    clip: Clip, subjects: Sequence[SubjectBox], report: _Reporter, findings: Findings, cancelled: CancelCheck | None
) -> Shot:
    """Solve a clip whose pictures are linked."""
    with report.phase("motion class", 0.55, 0.58):
        motion = classify_motion(clip.tracks, clip.focal, clip.lens.working_size[0])
        log.debug("motion class: %s", motion)
    if motion.rejection_reason is not None:
        raise InputError(f"{clip.path.name} {motion.rejection_reason}: choose another range, or mask what moves")
    if motion.motion == "zoom":
        raise InputError(
            f"{clip.path.name} zooms, or moves straight at a flat wall, by a factor of {motion.zoom:.2f}: "
            "the two look alike; choose a range without it"
        )
    if motion.motion != "general":
        with report.phase("turns", 0.58, 1.0):
            still = build_still_shot(clip, motion)
            findings.note_turn(
                clip.tracks, still.trajectory.rotations, float(still.trajectory.intrinsics[0, 0]) * clip.lens.scale
            )
            return describe_composition(still, clip, None, subjects, cancelled)
    if clip.focal is None:
        refuse_bent_pairs(clip)
    clip, candidate = _find_best_candidate(clip, motion.noise, report, findings)
    findings.note(candidate.solution)
    clip, candidate = compare_lenses(clip, candidate)
    with report.phase("depth", 0.93, 1.0):
        if candidate.hidden_parallax is not None:
            small = build_small_move_shot(
                clip, candidate, _bound_parallax(candidate.hidden_parallax, candidate, motion)
            )
            return describe_composition(small, clip, None, subjects, cancelled)
        moving = build_moving_shot(clip, candidate)
        if clip.focal is None:
            refuse_wide_fit(clip.path.name, float(moving.trajectory.intrinsics[0, 0]), moving.trajectory.width)
        # Not the inliers: what is far fits the static scene as well, though its depth is not known.
        static = candidate.solution.structure.residuals < FINAL_REPROJECTION_LIMIT
        return describe_composition(moving, clip, static, subjects, cancelled)


def _find_best_candidate(clip: Clip, noise: float, report: _Reporter, findings: Findings) -> tuple[Clip, Candidate]:
    """Solve; where the lens bends lines, on undistorted tracks; where the path is bent, from other samples of them."""
    candidate = _find_candidate(clip, noise, clip.seed, report, findings)
    if candidate.hidden_parallax is not None:
        return clip, candidate
    ground = leave_out_sky(clip, candidate)
    if ground is not None:
        found = _solve_ground(clip, candidate, ground)
        if found is not candidate:
            return clip, replace(found, rival_spread=_find_rivals(ground, found).spread)
    undistorted = _undistort(clip, candidate)
    if undistorted is not None:
        found = _find_candidate(undistorted, noise, clip.seed, report, findings)
        # A path that was bent to fit makes the lens seem bent as well, and stays as inexact.
        if not _is_inexact(found.solution, noise):
            if found.hidden_parallax is None:
                return undistorted, _compare_with_rivals(undistorted, found)
            # The bend was taken for the move. It has the same bound as other maps, or is refused.
            return undistorted, _pass_gate(undistorted, found, [found, candidate])
    for sampling in range(1, MAX_RESAMPLINGS + 1):
        if not _is_inexact(candidate.solution, noise):
            break
        with suppress(InputError):
            other = _find_candidate(clip, noise, clip.seed + sampling, report, findings)
            if other.hidden_parallax is None:
                candidate = min(candidate, other, key=lambda each: each.solution.msac_cost)
    return clip, _compare_with_rivals(clip, candidate)


def _solve_ground(clip: Clip, candidate: Candidate, ground: Clip) -> Candidate:
    """Fit the map of a candidate, or a twin of it, to the ground alone, and return what fits that better."""
    keyframes, solution = candidate.keyframes, candidate.solution
    jury = Jury.of(ground.tracks.positions[keyframes], clip.seed, clip.threads)
    before = KeyframeMap(candidate.mapper, solution.world_to_camera[keyframes], solution.focal)
    after = jury.choose_twin(before)
    if jury.cost(after) > MAX_COST_RATIO * jury.cost(before):
        return candidate
    found = _complete(ground, keyframes, after, clip.seed)
    if isinstance(found, str) or found.solution.rejection_reason is not None:
        return candidate
    return choose_ground(clip, candidate, ground, found)


def _find_candidate(clip: Clip, noise: float, seed: int, report: _Reporter, findings: Findings) -> Candidate:
    """Map the keyframes, estimate the other frames, and take the best fit of what passes the gate."""
    with report.phase("map", 0.58, 0.65):
        tracks, size = clip.tracks, clip.lens.working_size
        keyframes = choose_keyframes(tracks, size[0])
        focal = clip.focal or clip.assumed_focal
        count = MAPPED_OBSERVATIONS_OF_PHOTOS if tracks.matched else MAPPED_OBSERVATIONS
        mapped = tracks.keep(sample_tracks(tracks.seen[keyframes], count, seed))
        mapper = KeyframeMapper(mapped, keyframes, focal, size, seed=seed, threads=clip.threads)
    jury = Jury.of(tracks.positions[keyframes], seed, clip.threads)
    candidates: list[Candidate] = []
    maps: list[KeyframeMap] = []
    reasons: list[str] = []
    for kind, (first, last) in MAPPERS.items():
        with report.phase(f"{kind} map", first, (first + last) / 2):
            mapped_by = mapper.run(kind)
            found = None if mapped_by is None else jury.choose_twin(mapped_by)
        if found is None or any(found.agrees_with(other) for other in maps):
            continue
        maps.append(found)
        with report.phase("all frames", (first + last) / 2, last):
            candidate = _complete(clip, keyframes, found, seed)
        if isinstance(candidate, str):
            reasons.append(candidate)
            continue
        solution = candidate.solution
        log.debug("%s: cost %.3f, %s", kind, solution.msac_cost, solution.rejection_reason or "good")
        candidates.append(candidate)
        doubtful = solution.msac_cost > MAX_TRUSTED_COST or _is_inexact(solution, noise)
        if found.registered.all() and solution.rejection_reason is None and not doubtful:
            break
    # The gate judges the best fit. It does not choose: a worse fit that passes is a wrong path.
    best = min(candidates, key=lambda candidate: candidate.solution.msac_cost, default=None)
    if best is None or best.solution.rejection_reason is not None:
        other = _map_in_another_order(clip, keyframes, focal, jury, maps)
        second = None if other is None else _complete(clip, keyframes, other, seed)
        if isinstance(second, Candidate):
            candidates.append(second)
            best = second
    if best is None:
        reason = "no two frames see enough of the same points from different places"
        _refuse_rigid(clip, reasons[0] if reasons else reason)
    findings.note(best.solution)
    return _pass_gate(clip, best, candidates)


def _pass_gate(clip: Clip, best: Candidate, candidates: Sequence[Candidate]) -> Candidate:
    """Refuse a solution that is rejected; a move too small to be measured gets a bound, by all that were found."""
    reason = best.solution.rejection_reason
    if reason is None:
        return best
    steps, spans = zip(*(each.solution.parallax_bounds for each in candidates), strict=True)
    if reason != SMALL_MOVE or not max(spans) < MAX_HIDDEN_SPAN:
        _refuse_rigid(clip, reason)
    return replace(best, hidden_parallax=max(*steps, best.hidden_parallax or 0.0))


def _bound_parallax(mapped: float, candidate: Candidate, motion: MotionClass) -> float:
    """Bound the P of a small move by the maps, whose points may lie too far away, and by the errors of mere turns."""
    return max(mapped, motion.hidden_parallax * motion.focal / candidate.solution.focal)


def _map_in_another_order(
    clip: Clip, keyframes: NDArray[np.int64], focal: float, jury: Jury, maps: Sequence[KeyframeMap]
) -> KeyframeMap | None:
    """Map the keyframes backwards; None where that fits the held-out tracks no better than the other maps."""
    found = _map_backwards(clip, keyframes, focal, MAPPED_OBSERVATIONS)
    if found is None:
        return None
    found = jury.choose_twin(found)
    least = min((jury.cost(each) for each in maps), default=1.0)
    log.debug("backwards: %.4f against %.4f", jury.cost(found), least)
    return found if jury.cost(found) < MAX_TWIN_COST * least else None


def _compare_with_rivals(clip: Clip, candidate: Candidate) -> Candidate:
    """Look for another path that fits as well: take it where it fits better, and else widen the error of P by it."""
    if candidate.solution.msac_cost < CLEAR_COST:
        return candidate
    rivals = _find_rivals(clip, candidate)
    if rivals.better is not None:
        found = _complete(clip, candidate.keyframes, rivals.better, clip.seed)
        # Both are judged by all tracks and frames; the gate judges the better one.
        if not isinstance(found, str) and found.solution.msac_cost < candidate.solution.msac_cost:
            if found.solution.rejection_reason is not None:
                _refuse_rigid(clip, found.solution.rejection_reason)
            candidate, rivals = found, _find_rivals(clip, found)
    factor = float(np.exp(abs(rivals.farthest)))
    if factor > MAX_RIVAL_FACTOR:
        reason = f"two camera paths fit alike, one with {factor:.1f} times the Parallax Number of the other"
        _refuse_rigid(clip, reason)
    return replace(candidate, rival_spread=rivals.spread)


def _find_rivals(clip: Clip, candidate: Candidate) -> Rivals:
    """Map the keyframes once more, backwards and from other tracks, and compare all that fits them."""
    keyframes, solution = candidate.keyframes, candidate.solution
    count = MAPPED_OBSERVATIONS if solution.msac_cost > DOUBTFUL_COST else OTHER_OBSERVATIONS
    backwards = _map_backwards(clip, keyframes, solution.focal, count)
    found = KeyframeMap(candidate.mapper, solution.world_to_camera[keyframes], solution.focal)
    jury = Jury.of(clip.tracks.positions[keyframes], clip.seed, clip.threads)
    return find_rivals(jury, found, [] if backwards is None else [backwards])


def _map_backwards(clip: Clip, keyframes: NDArray[np.int64], focal: float, count: int) -> KeyframeMap | None:
    """Map the keyframes from the last to the first, from other tracks than at first."""
    tracks = clip.tracks
    count = MAPPED_OBSERVATIONS_OF_PHOTOS if tracks.matched else count
    mapped = tracks.keep(sample_tracks(tracks.seen[keyframes], count, clip.seed + OTHER_SAMPLE))
    size, seed, threads = clip.lens.working_size, clip.seed, clip.threads
    found = KeyframeMapper(mapped, keyframes[::-1], focal, size, seed=seed, threads=threads).run("incremental")
    return None if found is None else replace(found, world_to_camera=found.world_to_camera[::-1])


def _refuse_rigid(clip: Clip, reason: str) -> NoReturn:
    raise InputError(
        f"{clip.path.name} cannot be solved as one rigid scene ({reason}): "
        "choose a range with more parallax, or mask what moves"
    )


def _is_inexact(solution: Solution, noise: float) -> bool:
    return solution.error > max(MAX_ERROR_TO_NOISE * noise, MIN_INEXACT_ERROR)


def _undistort(clip: Clip, candidate: Candidate) -> Clip | None:
    """Undistort the tracks of a clip where the lens bends lines."""
    solution, keyframes = candidate.solution, candidate.keyframes
    # The far field fits whatever the lens: only what has a depth tells of it.
    if solution.inliers.sum() < MIN_INLIER_RATIO * clip.tracks.seen.sum():
        return None
    k1 = estimate_radial_distortion(
        clip.tracks.positions[keyframes],
        solution.world_to_camera[keyframes],
        solution.focal,
        seed=clip.seed,
        threads=clip.threads,
    )
    if k1 is None:
        return None
    log.debug("radial distortion %.4f", k1)
    return replace(clip, tracks=undistort(clip.tracks, solution.focal, k1), k1=k1)


def _complete(clip: Clip, keyframes: NDArray[np.int64], found: KeyframeMap, seed: int) -> Candidate | str:
    """Estimate the focal length from a map of the keyframes where it is unknown; then place and refine all frames."""
    positions, focal, evidence, threads = clip.tracks.positions, found.focal, None, clip.threads
    known, mapped = keyframes[found.registered], found.world_to_camera[found.registered]
    if clip.focal is None:
        mapped, focal, evidence = estimate_focal_length(positions[known], mapped, focal, seed=seed, threads=threads)
        log.debug("focal length %.1f +- %.3f, from %.1f", focal, evidence.spread, found.focal)
    poses = np.full((len(positions), 3, 4), np.nan)
    poses[known] = mapped
    solution = complete_solution(clip.tracks, poses, focal, seed=seed, threads=threads)
    return solution if isinstance(solution, str) else Candidate(solution, found.mapper, keyframes, evidence, known)
