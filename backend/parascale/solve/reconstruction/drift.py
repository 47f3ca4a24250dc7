"""Drifting tracks: while their surroundings grow in the picture, they move to another point than they began on."""

import numpy as np

from parascale.types import Array, Mask

# Where the depth of a point changes by a larger factor, its track is split.
MAX_DEPTH_RATIO = 1.4
# Inliers that every frame needs: where few points hold the path, they are kept whole.
MIN_OBSERVATIONS_TO_SPLIT = 100


def split_tracks_by_depth_change(
    positions: Array, world_to_camera: Array, points: Array, inliers: Mask
) -> tuple[Array, Array, Mask]:
    """Split tracks into parts over which the depth of their point changes little, each with a point of its own.

    Parameters
    ----------
    positions : (T, M, 2) float64
    world_to_camera : (T, 3, 4) float64
    points : (M, 3) float64
    inliers : (T, M) bool
        Observations that take part.

    Returns
    -------
    (T, N, 2) float64, (N, 3) float64, (T, N) bool
        Positions, points and inliers of the parts; the input where a frame has few inliers.
    """
    if inliers.sum(axis=1).min() < MIN_OBSERVATIONS_TO_SPLIT:
        return positions, points, inliers
    # The observations only, not arrays of all frames and tracks: of a long clip they are one in fifty.
    frame, track = np.nonzero(inliers)
    axis = world_to_camera[frame, 2]
    depth = np.log(np.maximum((axis[:, :3] * points[track]).sum(axis=1) + axis[:, 3], 1e-9))
    nearest, farthest = np.full(len(points), np.inf), np.full(len(points), -np.inf)
    np.minimum.at(nearest, track, depth)
    np.maximum.at(farthest, track, depth)
    extent = np.maximum(farthest - nearest, 1e-9)
    counts = np.maximum(np.ceil(extent / np.log(MAX_DEPTH_RATIO)), 1).astype(np.int64)
    if counts.max() == 1:
        return positions, points, inliers
    share = (depth - nearest[track]) / extent[track]
    part = np.clip(np.floor(share * counts[track]), 0, counts[track] - 1).astype(np.int64)
    column, every, start = np.empty(len(track), np.int64), [], 0
    for number in range(int(counts.max())):
        has_part, own = counts > number, part == number
        column[own] = start + (np.cumsum(has_part) - 1)[track[own]]
        every.append(np.flatnonzero(has_part))
        start += len(every[-1])
    sources = np.concatenate(every)
    taken = np.zeros((len(inliers), len(sources)), bool)
    taken[frame, column] = True
    return positions[:, sources], points[sources], taken
