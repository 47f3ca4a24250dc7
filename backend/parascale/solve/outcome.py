"""What a solve leaves: the shot, how deep it looks, and how far it can be relied on."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import felt_per_unit_step, median_depth
from parascale.parallax.shot import Points, Shot
from parascale.solve.clip import Answer, Clip
from parascale.solve.depth.photo_consistency import Looks
from parascale.solve.depth.sky import Openings, find_openings, sky_of
from parascale.solve.depth.track_depth import depth_samples
from parascale.solve.lens.rolling_shutter import readout
from parascale.solve.motion.motion_class import MotionClass
from parascale.solve.motion.rotation_path import turning_path
from parascale.solve.reconstruction.gate import pooled
from parascale.solve.reconstruction.noise import TOGETHER
from parascale.solve.reconstruction.solution import Solution
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array, to_json_values

log = logging.getLogger(__name__)

MAX_DEPTH_UNCERTAINTY = 0.25
# How far the sightings of a point are off, together: what its depth's uncertainty is counted with.
SIGHTING_NOISE = 0.4


def general_shot(clip: Clip, answer: Answer, threads: int) -> Shot:
    """Gather the shot of a camera that moves, in the unit-depth gauge.

    Raises
    ------
    InputError
        Where the first frame shows too little surface to tell its depth.
    """
    lens, info, solution = clip.lens, clip.footage.info, answer.solution
    poses = _camera_to_world(solution)
    visible = solution.used & (solution.structure.uncertainty * SIGHTING_NOISE < MAX_DEPTH_UNCERTAINTY)
    intrinsics = lens.intrinsics(solution.focal)
    trajectory = Trajectory(poses, intrinsics, clip.footage.times, info.width, info.height)
    with ThreadPoolExecutor(threads) as pool:
        looks = Looks(clip, solution.cam_from_world, solution.focal)
        frames = [_Frame(number, *_seen(clip, solution, number, visible[number])) for number in range(len(poses))]
        sky = sky_of(list(pool.map(lambda frame: _openings(clip, frame), frames)))
        samples = list(pool.map(lambda frame: _samples(looks, frame, sky[frame.number]), frames))
    depth = np.array([median_depth(sample) for sample in samples])
    if np.isnan(depth[0]):
        raise InputError(f"{clip.path.name} shows too little surface in its first frame to tell its depth: start later")
    shot = Shot(
        name=clip.name,
        fps=info.fps,
        trajectory=trajectory,
        median_depth=depth,
        frames=clip.footage.frames,
        felt_parallax=_felt(trajectory, samples),
        points=_points(clip, solution, visible),
        distortion=None if clip.k1 is None else {"model": "SIMPLE_RADIAL", "k1": clip.k1},
        quality=_quality(clip, answer, depth),
        provenance=clip.source,
    )
    return to_unit_depth(shot)


class _Frame(NamedTuple):
    """What a frame sees of the tracks: pixels (N, 2) and z-depth (N,)."""

    number: int
    pixels: Array
    depth: Array


def _seen(clip: Clip, solution: Solution, frame: int, visible: NDArray[np.bool_]) -> tuple[Array, Array]:
    axis = solution.cam_from_world[frame, 2]
    pixels = clip.lens.pixels(clip.tracks.positions[frame, visible])
    return pixels, solution.structure.points[visible] @ axis[:3] + axis[3]


def _openings(clip: Clip, frame: _Frame) -> Openings:
    size = clip.footage.info.width, clip.footage.info.height
    return find_openings(clip.footage.grey[frame.number], frame.pixels, frame.depth, size)


def _samples(looks: Looks, frame: _Frame, sky: NDArray[np.bool_]) -> DepthSamples:
    lens, info = looks.clip.lens, looks.clip.footage.info
    size = info.width, info.height

    def choose(places: Array, inverse: Array) -> Array:
        return looks.surface(frame.number, lens.centred(places, size), inverse)

    return depth_samples(frame.pixels, frame.depth, size, choose, sky)


def _felt(trajectory: Trajectory, samples: list[DepthSamples]) -> Array:
    steps = trajectory.baselines
    length = np.linalg.norm(steps, axis=1)
    felt = np.zeros(len(steps))
    for frame, step in enumerate(steps):
        direction = trajectory.rotations[frame].T @ step / max(length[frame], 1e-300)
        felt[frame] = length[frame] * felt_per_unit_step(direction, samples[frame], trajectory.intrinsics[frame])
    return felt


def _camera_to_world(solution: Solution) -> Array:
    """Camera-to-world poses with the first camera at the origin, to the last bit."""
    poses = np.tile(np.eye(4), (len(solution.cam_from_world), 1, 1))
    poses[:, :3] = solution.cam_from_world
    relative = np.asarray(poses[0] @ np.linalg.inv(poses))
    relative[0] = np.eye(4)
    return relative


def _points(clip: Clip, solution: Solution, visible: NDArray[np.bool_]) -> Points:
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


def _quality(clip: Clip, answer: Answer, depth: Array) -> dict[str, Any]:
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
        "noise_floor": pooled(floor),
        "noise_floor_per_step": to_json_values(floor),
        "mapper": answer.mapper,
        "keyframes": len(answer.keyframes),
        **_focal_quality(clip, answer),
        **_shutter_quality(clip, solution),
    }


def _shutter_quality(clip: Clip, solution: Solution) -> dict[str, Any]:
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


def _known_focal(clip: Clip) -> str | None:
    if clip.lens.focal is None:
        return None
    return "metadata" if clip.lens.focal == clip.footage.focal else "given"


def _focal_quality(clip: Clip, answer: Answer) -> dict[str, Any]:
    """Where the focal length comes from, whether the motion tells it, and how well."""
    evidence = answer.evidence
    if evidence is None:
        return {"focal_source": _known_focal(clip)}
    return {
        "focal_source": "searched" if evidence.observable else "assumed",
        "focal_observable": evidence.observable,
        "focal_interval": evidence.interval(answer.solution.focal / clip.lens.scale),
    }


def turning_shot(clip: Clip, motion: MotionClass) -> Shot:
    """Gather the shot of a camera that rests or turns: P = 0, and the floor of what it could hide.

    Raises
    ------
    InputError
        Where it turns too fast to be followed.
    """
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
