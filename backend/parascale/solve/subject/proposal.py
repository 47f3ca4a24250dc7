"""What a camera holds: a proposal for the subject where the user pointed at none.

A camera that holds a thing that stands still turns while it travels, so that its optical axes pass by one point; one
that follows a thing that moves keeps it where it is in the picture while the scene passes. In a dolly through a
street, a truck or a pan neither is so, and nothing is proposed: far points stay where they are in every picture, and
held is only what the camera's own travel would have carried away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack, places_of
from parascale.types import Array, Mask

# Frames of the shortest hold.
MIN_HOLD = 12
# Median angle between an optical axis and the point it passes by.
MAX_AXIS_ERROR = np.radians(3.0)
# The axes must turn by this, as seen from the point, and keep it this many times as still as they turn.
MIN_TURN, MIN_STILLNESS = np.radians(8.0), 4.0
# Depth of the point over the median depth.
DEPTH_RANGE = (0.15, 4.0)
# Of a track that moves by itself: the largest share of its observations that fit the static scene.
MAX_STATIC_SHARE = 0.25
# Share of the frames in which a thing that is followed is seen, and tracks on it.
MIN_LIFE, MIN_TRACKS = 0.3, 10
# Its wander in the picture, over that of the scene around it, and over the width of the picture.
MAX_RELATIVE_WANDER, MAX_WANDER = 1.0, 0.1
# Distance between tracks of one thing, over the width of the picture, and the wander of the scene that tells at all.
REACH, MIN_SCENE_WANDER = 0.06, 0.01
# Extent of a thing, over the width of the picture: what is larger is the scene.
MAX_EXTENT = 0.6


@dataclass(frozen=True, eq=False)
class Hold:
    """A part of the picture that the camera holds while it moves by itself: a box in one frame, working pixels."""

    box: Array
    frame: int


def find_fixations(shot: Shot) -> tuple[SubjectTrack, ...]:
    """Find the static points that the optical axes pass by, in turns: of the whole shot, or of its parts.

    Parameters
    ----------
    shot : Shot

    Returns
    -------
    tuple of SubjectTrack
        Each known in the frames that hold it, where it is in frame; none where nothing is held.
    """
    if shot.motion_class != "general":
        return ()
    found = _split(shot, 0, len(shot))
    return tuple(
        _project(f"fixation {number}" if len(found) > 1 else "fixation", point, shot, first, last)
        for number, (point, first, last) in enumerate(found, 1)
    )


def _split(shot: Shot, first: int, last: int) -> list[tuple[Array, int, int]]:
    """Fixations of the frames from ``first`` to before ``last``, halved where there is none."""
    if last - first < MIN_HOLD:
        return []
    point = _fixation(shot, np.arange(first, last))
    if point is not None:
        return [(point, first, last)]
    middle = (first + last) // 2
    return _split(shot, first, middle) + _split(shot, middle, last)


def _fixation(shot: Shot, frames: NDArray[np.int64]) -> Array | None:
    """Nearest point to the optical axes of some frames, where it is held."""
    centres, axes = shot.trajectory.centres[frames], shot.trajectory.rotations[frames][:, :, 2]
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    weight = across.sum(axis=0)
    if np.linalg.cond(weight) > 1e6:
        return None
    point = np.asarray(np.linalg.solve(weight, np.einsum("tij,tj->i", across, centres)))
    rays = point - centres
    distance = np.linalg.norm(rays, axis=1)
    depth = (rays * axes).sum(axis=1)
    relative = depth / shot.median_depth[frames]
    if not (depth > 0).all() or not DEPTH_RANGE[0] < np.nanmedian(relative) < DEPTH_RANGE[1]:
        return None
    away = np.arccos(np.clip(depth / distance, -1, 1))
    directions = rays / distance[:, None]
    turn = float(np.arccos(np.clip(directions @ directions.T, -1, 1)).max())
    if np.median(away) > MAX_AXIS_ERROR or turn < MIN_TURN or turn < MIN_STILLNESS * float(np.quantile(away, 0.9)):
        return None
    return point


def _project(name: str, point: Array, shot: Shot, first: int, last: int) -> SubjectTrack:
    path = shot.trajectory
    local = np.einsum("tji,tj->ti", path.rotations, point - path.centres)
    centre = places_of(local, path.intrinsics, path.size)
    frames = np.arange(len(path))
    held = (frames >= first) & (frames < last)
    inside = held & (np.abs(centre) < [0.5, 0.5 * path.height / path.width]).all(axis=1)
    return SubjectTrack(name, np.where(inside[:, None], centre, np.nan), None, np.where(inside, local[:, 2], np.nan))


def find_followed(positions: Array, static: Mask, size: tuple[int, int]) -> list[Hold]:
    """Find what moves by itself and is kept in place in the picture while the scene passes.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Tracks, working pixels, NaN where not observed.
    static : (T, M) bool
        Observations that fit the static scene.
    size : (int, int)
        Of the working picture.

    Returns
    -------
    list of Hold
        The clearest one of the whole shot, or of its parts one after the other.
    """
    return _holds(positions, static, size, 0, len(positions))


def _holds(positions: Array, static: Mask, size: tuple[int, int], first: int, last: int) -> list[Hold]:
    if last - first < MIN_HOLD:
        return []
    hold = _hold(positions[first:last], static[first:last], size)
    if hold is not None:
        return [Hold(hold.box, hold.frame + first)]
    middle = (first + last) // 2
    return _holds(positions, static, size, first, middle) + _holds(positions, static, size, middle, last)


def _hold(positions: Array, static: Mask, size: tuple[int, int]) -> Hold | None:
    seen = np.isfinite(positions[:, :, 0])
    life = seen.sum(axis=0)
    long = life >= max(MIN_LIFE * len(positions), MIN_HOLD / 2)
    still = long & (static.sum(axis=0) > 0.7 * life)
    moving = long & (static.sum(axis=0) < MAX_STATIC_SHARE * life)
    if moving.sum() < MIN_TRACKS or still.sum() < MIN_TRACKS:
        return None
    wander = np.full(len(life), np.nan)
    wander[long] = _wander(np.compress(long, positions, axis=1)) / size[0]
    scene = float(np.median(wander[still]))
    kept = np.flatnonzero(moving & (wander < min(MAX_WANDER, MAX_RELATIVE_WANDER * scene)))
    if scene < MIN_SCENE_WANDER or len(kept) < MIN_TRACKS:
        return None
    middle = np.nanmean(positions[:, kept], axis=0)
    group = _largest_group(middle, REACH * size[0])
    if len(group) < MIN_TRACKS or np.ptp(middle[group], axis=0).max() > MAX_EXTENT * size[0]:
        return None
    own = positions[:, kept[group]]
    frame = int(np.isfinite(own[:, :, 0]).sum(axis=1).argmax())
    points = own[frame][np.isfinite(own[frame, :, 0])]
    low, high = np.quantile(points, (0.05, 0.95), axis=0)
    sides = np.maximum(high - low, 0.04 * size[0]) * 1.1
    return Hold(np.concatenate([(low + high) / 2, sides]), frame)


def _wander(positions: Array) -> Array:
    """Root mean square distance of tracks from their mean, pixels; NaN where never observed."""
    seen = np.isfinite(positions[:, :, 0])
    count = np.maximum(seen.sum(axis=0), 1)
    filled = np.where(seen[..., None], positions, 0.0)
    mean = filled.sum(axis=0) / count[:, None]
    squared = np.where(seen[..., None], (positions - mean) ** 2, 0.0).sum(axis=(0, 2)) / count
    return np.where(seen.any(axis=0), np.sqrt(squared), np.nan)


def _largest_group(places: Array, reach: float) -> NDArray[np.int64]:
    """Find the largest set of places that lie within reach of one another, by steps: indices."""
    near = np.linalg.norm(places[:, None] - places[None], axis=2) < reach
    left = np.ones(len(places), bool)
    best = np.empty(0, np.int64)
    for seed in range(len(places)):
        if not left[seed]:
            continue
        group = np.zeros(len(places), bool)
        group[seed] = True
        while True:
            grown = near[group].any(axis=0)
            if (grown == group).all():
                break
            group = grown
        left &= ~group
        if group.sum() > len(best):
            best = np.flatnonzero(group)
    return best
