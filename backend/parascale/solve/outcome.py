"""From a solution to a shot: poses, depth, points, and how far it can be relied on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError, Notice
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import felt_parallax, median_depth, parallax_number
from parascale.parallax.shot import Points, Shot
from parascale.solve.clip import Candidate, Clip
from parascale.solve.depth.movers import AREA_ERROR, find_movers, find_moving_tracks, insert_movers
from parascale.solve.depth.photo_consistency import PhotoConsistency
from parascale.solve.depth.sky import SkyCandidates, covers, detect_sky, find_distant_sky, find_sky_candidates
from parascale.solve.depth.statistic_error import (
    SAMPLED_FRAMES,
    estimate_area_error,
    estimate_sky_error,
    relative_depth_error,
)
from parascale.solve.depth.track_depth import interpolate_depth
from parascale.solve.lens.focal import FocalEvidence
from parascale.solve.lens.rolling_shutter import estimate_readout
from parascale.solve.metres import tell_metres
from parascale.solve.motion.motion_class import MotionClass
from parascale.solve.motion.rotation_fit import estimate_rotation_path
from parascale.solve.provenance import describe_source
from parascale.solve.reconstruction.gate import pool_noise
from parascale.solve.reconstruction.noise import COMMON_NOISE
from parascale.solve.reconstruction.solution import FINAL_REPROJECTION_LIMIT, Solution
from parascale.solve.reconstruction.triangulation import camera_centres
from parascale.solve.tracking.tracks import Tracks
from parascale.solve.uncertainty import estimate_parallax_sigma
from parascale.types import Array, Json, Mask

# Of a point's depth, as a share of it, at this noise of its observations (working pixels); others are left out.
MAX_DEPTH_UNCERTAINTY = 0.25
OBSERVATION_NOISE = 0.4
# Frames from one whose skyline is searched to the next: it moves little in between, and the frames vote.
SKYLINE_STEP = 4
# Inverse depth of a far point and its standard deviation, over the median of those that are measured.
MAX_FAR_INVERSE, MAX_FAR_ERROR = 0.5, 0.15
# Standard deviation of ln f of a lens that Exif names: its focal length is a whole number of millimetres.
METADATA_SPREAD = 0.02
# A P whose standard deviation, over P, is larger in the median of the steps above the noise floor is no answer.
MAX_PARALLAX_ERROR = 1.0


def build_moving_shot(clip: Clip, candidate: Candidate) -> Shot:
    """Build the shot of a camera that moves, in the unit-depth gauge.

    Raises
    ------
    InputError
        Where the first frame shows too little surface to measure its depth, or where P is less sure than itself.
    """
    info, solution = clip.footage.info, candidate.solution
    visible = solution.inliers & (solution.structure.uncertainty * OBSERVATION_NOISE < MAX_DEPTH_UNCERTAINTY)
    intrinsics = clip.lens.intrinsics(solution.focal)
    trajectory = Trajectory(_camera_to_world(solution), intrinsics, clip.footage.times, info.width, info.height)
    samples, area_error = _sample_depth(clip, solution, visible)
    depth = np.array([median_depth(sample) for sample in samples])
    if np.isnan(depth[0]):
        raise InputError(f"{clip.path.name} shows too little surface in its first frame to tell its depth: start later")
    parallax = parallax_number(trajectory, depth)
    sigma = _parallax_sigma(clip, candidate, parallax, samples, area_error)
    _refuse_unsure(clip, parallax, sigma, 3 * solution.noise / depth[:-1])
    metres, told = tell_metres(trajectory.centres, clip.footage.places, clip.seed)
    shot = Shot(
        name=clip.name,
        fps=clip.footage.fps,
        trajectory=trajectory,
        median_depth=depth,
        metres_per_unit=None if metres is None else metres.scale,
        frames=clip.footage.frames,
        felt_parallax=felt_parallax(trajectory, samples),
        parallax_sigma=sigma,
        points=_points(clip, solution, visible),
        distortion=None if clip.k1 is None else {"model": "SIMPLE_RADIAL", "k1": clip.k1},
        quality=_quality(clip, candidate, depth, told) | _parallax_quality(parallax, sigma),
        provenance=describe_source(clip.path, clip.footage, clip.seed),
    )
    return to_unit_depth(shot)


def _refuse_unsure(clip: Clip, parallax: Array, sigma: Array, floor: Array) -> None:
    with np.errstate(invalid="ignore"):
        above = np.isfinite(sigma) & (parallax > floor)
    if not above.any():
        return
    error = float(np.median(sigma[above] / parallax[above]))
    if error > MAX_PARALLAX_ERROR:
        raise InputError(
            f"{clip.path.name} does not show how far it looks: its Parallax Number is uncertain by {error:.1f} times "
            "itself; choose another range, or mask what moves"
        )


def _sample_depth(clip: Clip, solution: Solution, visible: Mask) -> tuple[list[DepthSamples], float]:
    """Interpolate the depth of every frame from the tracks visible in it (T, M), and estimate its area error."""
    lens, size = clip.lens, (clip.footage.info.width, clip.footage.info.height)
    consistency = PhotoConsistency(
        clip.footage.grey,
        solution.world_to_camera,
        solution.focal,
        lambda pixels: clip.to_picture_pixels(pixels, solution.focal),
    )
    frames = range(len(visible))
    seen, inverse = clip.tracks.seen, _inverse_depths(solution)
    # Points too far away to measure are surface all the same where they lie below a skyline.
    far = _far_surface(solution, visible, inverse)

    def shown(frame: int, chosen: Mask) -> tuple[Array, Array]:
        return lens.to_reference_pixels(clip.tracks.positions[frame, chosen]), 1 / inverse[frame, chosen]

    points = [shown(frame, visible[frame]) for frame in frames]
    moves = find_moving_tracks(solution.structure.residuals < FINAL_REPROJECTION_LIMIT, seen)

    def movers(frame: int) -> list[Mask]:
        moving = lens.to_reference_pixels(clip.tracks.positions[frame, seen[frame] & moves])
        moving = moving[~covers(sky[frame], moving, size)]
        return find_movers(moving, points[frame][0], size)

    def sky_candidates(frame: int) -> SkyCandidates:
        return find_sky_candidates(clip.footage.grey[frame], *points[frame], size)

    def distant_sky(frame: int) -> SkyCandidates:
        unmeasured = lens.to_reference_pixels(clip.tracks.positions[frame, seen[frame] & ~visible[frame]])
        return find_distant_sky(clip.footage.colour[frame], *points[frame], unmeasured, size)

    def samples(frame: int) -> DepthSamples:
        def choose(pixels: Array, inverse: Array) -> Array:
            return consistency.choose_surface(frame, lens.to_working_pixels(pixels, size), inverse)

        surface = points[frame]
        if sky[frame].any():
            pixels, depth = shown(frame, far[frame])
            below = ~covers(sky[frame], pixels, size)
            surface = np.concatenate([surface[0], pixels[below]]), np.concatenate([surface[1], depth[below]])
        return interpolate_depth(*surface, size, choose, sky[frame])

    skyline_step = 1 if clip.tracks.matched else SKYLINE_STEP
    with ThreadPoolExecutor(clip.threads) as pool:
        distant = list(pool.map(distant_sky, frames[::skyline_step]))
        even = pool.map(sky_candidates, frames)
        sky = detect_sky([each.joined(distant[frame // skyline_step]) for frame, each in enumerate(even)])
        found = list(pool.map(samples, frames))
        outlined = list(pool.map(movers, frames))
    half = np.random.default_rng(clip.seed).random(len(clip.tracks)) < 0.5
    some = np.unique(np.linspace(0, len(visible) - 1, SAMPLED_FRAMES).round().astype(int))
    error = estimate_area_error(
        [points[frame] for frame in some],
        [half[visible[frame]] for frame in some],
        [found[frame] for frame in some],
        size,
        [sky[frame] for frame in some],
    )
    area = float(np.mean([np.mean(np.any(each, axis=0)) if each else 0.0 for each in outlined]))
    whole = [insert_movers(sample, each) for sample, each in zip(found, outlined, strict=True)]
    return whole, float(np.linalg.norm([error, estimate_sky_error(sky), AREA_ERROR * area]))


def _parallax_sigma(
    clip: Clip, candidate: Candidate, parallax: Array, samples: list[DepthSamples], area_error: float
) -> Array:
    """Estimate the standard deviation of P of every step (T - 1,)."""
    count, evidence = len(parallax), candidate.evidence

    def of_steps(between: Array, keyframes: NDArray[np.int64]) -> Array:
        """Repeat values between keyframes for each step there."""
        interval = np.searchsorted(keyframes, np.arange(count), side="right") - 1
        return np.asarray(between[np.clip(interval, 0, len(between) - 1)])

    spread, sensitivity = METADATA_SPREAD if _known_focal(clip) == "metadata" else 0.0, np.ones(count)
    if evidence is not None:
        spread, sensitivity = evidence.remaining_spread, of_steps(evidence.sensitivity, candidate.mapped)
    depth = np.array([median_depth(sample) for sample in samples[:-1]])
    error = np.array([relative_depth_error(sample, area_error) for sample in samples[:-1]])
    if candidate.rival_spread is not None:
        error = np.hypot(error, of_steps(candidate.rival_spread, candidate.keyframes))
    return estimate_parallax_sigma(parallax, candidate.solution.noise / depth, error, spread, sensitivity)


def _inverse_depths(solution: Solution) -> Array:
    """Inverse z-depth (T, M) of every point in every frame."""
    axis = solution.world_to_camera[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 / (axis[:, :3] @ solution.structure.points.T + axis[:, 3:]))


def _far_surface(solution: Solution, visible: Mask, inverse: Array) -> Mask:
    """Mark the observations (T, M) that fit and are far: their inverse depth is known to a share of the median one."""
    typical = float(np.median(inverse[visible])) if visible.any() else 0.0
    with np.errstate(invalid="ignore"):
        error = np.minimum(solution.structure.uncertainty * OBSERVATION_NOISE, 1.0) * inverse
        known = (inverse > 0) & (inverse < MAX_FAR_INVERSE * typical) & (error < MAX_FAR_ERROR * typical)
    return np.asarray(solution.fits & ~visible & known)


def _camera_to_world(solution: Solution) -> Array:
    """Camera-to-world poses with the first camera at the origin, to the last bit."""
    poses = np.tile(np.eye(4), (len(solution.world_to_camera), 1, 1))
    poses[:, :3] = solution.world_to_camera
    relative = np.asarray(poses[0] @ np.linalg.inv(poses))
    relative[0] = np.eye(4)
    return relative


def _points(clip: Clip, solution: Solution, visible: Mask) -> Points:
    """Points behind the depth, in the first camera's coordinates, with the colour of their first observation."""
    kept = np.flatnonzero(visible.any(axis=0))
    first = visible[:, kept].argmax(axis=0)
    pose = solution.world_to_camera[0]
    positions = solution.structure.points[kept] @ pose[:, :3].T + pose[:, 3]
    height, width = clip.footage.grey[0].shape
    small_height, small_width = clip.footage.colour[0].shape[:2]
    at = clip.picture_positions[first, kept] * [small_width / width, small_height / height]
    x, y = np.clip(at.astype(np.int64), 0, [small_width - 1, small_height - 1]).T
    colours = np.array([clip.footage.colour[f][j, i] for f, j, i in zip(first, y, x, strict=True)], np.uint8)
    return Points(positions.astype(np.float32), colours.reshape(-1, 3))


def _quality(clip: Clip, candidate: Candidate, depth: Array, notices: tuple[Notice, ...]) -> dict[str, Json]:
    solution, inliers = candidate.solution, candidate.solution.inliers
    floor = 3 * solution.noise / depth[:-1]
    bend = np.linalg.norm(np.diff(camera_centres(solution.world_to_camera), n=2, axis=0), axis=1) / depth[1:-1]
    observations = inliers.sum(axis=1)
    return {
        "frames": len(inliers),
        "frames_registered": len(inliers),
        "reprojection_error": solution.error / clip.lens.scale,
        "tracks": len(clip.tracks),
        "tracks_thrown_out": int((~inliers.any(axis=0)).sum()),
        "sightings_used": solution.inlier_ratio,
        "observations_per_camera": {"min": int(observations.min()), "median": float(np.median(observations))},
        "jitter": float(np.median(bend)) if len(bend) else 0.0,
        "noise_floor": pool_noise(floor),
        "noise_floor_per_step": [None if not np.isfinite(value) else float(value) for value in floor],
        "mapper": candidate.mapper,
        "keyframes": len(candidate.keyframes),
        **_told(clip, *notices),
        **_focal_quality(clip, candidate),
        **_shutter_quality(clip, solution),
    }


def _parallax_quality(parallax: Array, sigma: Array) -> dict[str, Json]:
    """Relative error of P, of the median step."""
    known = np.isfinite(sigma) & (parallax > 0)
    return {"parallax_error": float(np.median(sigma[known] / parallax[known]))} if known.any() else {}


def _told(clip: Clip, *more: Notice) -> dict[str, Json]:
    """Give what the user should know about the clip, as JSON values."""
    notices, repeated = clip.footage.notices + more, clip.footage.repeats_within()
    found: dict[str, Json] = {}
    if notices:
        found["notices"] = [{"message": told.message, "remedy": told.remedy} for told in notices]
    if repeated:
        found["repeated_frames"] = list(repeated)
    return found


def _shutter_quality(clip: Clip, solution: Solution) -> dict[str, Json]:
    """Warn where the residuals look like a rolling shutter, which photos do not show."""
    if clip.tracks.matched:
        return {}
    share = estimate_readout(
        clip.tracks.positions,
        solution.structure.points,
        solution.world_to_camera,
        solution.focal,
        solution.inliers,
        clip.lens.working_size[1],
    )
    if share is None:
        return {}
    warning = (
        f"looks like a rolling shutter, its rows read over {abs(share):.0%} of the time between frames: "
        "P of single frames is less sure than its noise floor says"
    )
    return {"rolling_shutter": share, "warning": warning}


def _known_focal(clip: Clip) -> str | None:
    if clip.lens.focal is None:
        return None
    return "metadata" if clip.lens.focal == clip.footage.focal else "given"


def _focal_quality(clip: Clip, candidate: Candidate) -> dict[str, Json]:
    """Where the focal length comes from, whether the motion determines it, and how well."""
    return _focal_evidence_quality(clip, candidate.evidence, candidate.solution.focal)


def _focal_evidence_quality(clip: Clip, evidence: FocalEvidence | None, focal: float) -> dict[str, Json]:
    known = _known_focal(clip)
    if known is not None or evidence is None:
        return {"focal_source": known}
    return {
        "focal_source": "searched" if evidence.observable else "assumed",
        "focal_observable": evidence.observable,
        "focal_interval": evidence.interval(focal / clip.lens.scale),
    }


def build_still_shot(clip: Clip, motion: MotionClass) -> Shot:
    """Build the shot of a camera that rests or rotates: P = 0, and the noise floor of the P it could hide.

    Raises
    ------
    InputError
        Where it turns too fast to be tracked.
    """
    lens, info, tracks = clip.lens, clip.footage.info, clip.tracks
    count = len(tracks.positions)
    poses = np.tile(np.eye(4), (count, 1, 1))
    error = 0.0
    rotates = motion.motion == "rotation-only"
    evidence = FocalEvidence(motion.focal_spread, np.ones(count - 1))
    focal = lens.focal * lens.scale if lens.focal is not None else evidence.choose(motion.focal, clip.assumed_focal)
    if rotates:
        path = estimate_rotation_path(tracks, focal)
        if path is None:
            raise InputError(f"{clip.path.name} turns too fast to be followed: choose another range")
        poses[:, :3, :3], error = path
    # What the errors of the turns could hide may be more than the wander of the tracks.
    floor = max(_still_noise_floor(tracks, focal), motion.hidden_parallax * motion.focal / focal)
    return Shot(
        name=clip.name,
        fps=clip.footage.fps,
        trajectory=Trajectory(poses, lens.intrinsics(focal), clip.footage.times, info.width, info.height),
        median_depth=np.ones(count),
        unit="unit-depth",
        motion_class="rotation-only" if rotates else "static",
        frames=clip.footage.frames,
        felt_parallax=np.zeros(count - 1),
        parallax_sigma=np.full(count - 1, floor / 3),
        quality={
            "frames": count,
            "frames_registered": count,
            "reprojection_error": error / lens.scale,
            "tracks": len(tracks),
            "noise_floor": floor,
            **_focal_evidence_quality(clip, evidence, focal),
            **_told(clip),
        },
        provenance=describe_source(clip.path, clip.footage, clip.seed),
    )


def build_small_move_shot(clip: Clip, candidate: Candidate, hidden: float) -> Shot:
    """Build the shot of a camera whose move is too small to be measured: its turns, P = 0, and what P may be.

    Parameters
    ----------
    hidden : float
        A bound of P per step by the paths that were found: taken for the standard deviation, as their scale is open.
    """
    solution, info = candidate.solution, clip.footage.info
    poses = _camera_to_world(solution)
    poses[:, :3, 3] = 0.0
    count, observations = len(poses), solution.inliers.sum(axis=1)
    notice = Notice(
        f"the camera moves too little to be measured: its turns are kept, its steps count as rest, P < {3 * hidden:.1g}"
    )
    return Shot(
        name=clip.name,
        fps=clip.footage.fps,
        trajectory=Trajectory(poses, clip.lens.intrinsics(solution.focal), clip.footage.times, info.width, info.height),
        median_depth=np.ones(count),
        unit="unit-depth",
        motion_class="rotation-only",
        frames=clip.footage.frames,
        felt_parallax=np.zeros(count - 1),
        parallax_sigma=np.full(count - 1, hidden),
        distortion=None if clip.k1 is None else {"model": "SIMPLE_RADIAL", "k1": clip.k1},
        quality={
            "frames": count,
            "frames_registered": count,
            "reprojection_error": solution.error / clip.lens.scale,
            "tracks": len(clip.tracks),
            "observations_per_camera": {"min": int(observations.min()), "median": float(np.median(observations))},
            "noise_floor": 3 * hidden,
            **_focal_quality(clip, candidate),
            **_told(clip, notice),
        },
        provenance=describe_source(clip.path, clip.footage, clip.seed),
    )


def _still_noise_floor(tracks: Tracks, focal: float) -> float:
    """Three sigma of the P a resting camera could hide: the wander of the tracks from frame to frame, averaged."""
    change = np.diff(tracks.positions, axis=0)
    change = change - np.nanmedian(change, axis=1, keepdims=True)
    wander = 1.4826 * float(np.nanmedian(np.abs(change))) / float(np.sqrt(np.median(tracks.seen.sum(axis=1))))
    return 3 * float(np.hypot(wander, COMMON_NOISE)) / focal
