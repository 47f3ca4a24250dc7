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
    axis = world_to_camera[:, 2]
    depth = np.log(np.maximum(axis[:, :3] @ points.T + axis[:, 3:], 1e-9), where=inliers, out=np.zeros(inliers.shape))
    nearest = np.where(inliers, depth, np.inf).min(axis=0)
    extent = np.maximum(np.where(inliers, depth, -np.inf).max(axis=0) - nearest, 1e-9)
    counts = np.maximum(np.ceil(extent / np.log(MAX_DEPTH_RATIO)), 1)
    part = np.clip(np.floor((depth - nearest) / extent * counts), 0, counts - 1)
    track_ids = [np.flatnonzero(counts > number) for number in range(int(counts.max()))]
    parts = [inliers[:, ids] & (part[:, ids] == number) for number, ids in enumerate(track_ids)]
    every = np.concatenate(track_ids)
    return positions[:, every], points[every], np.concatenate(parts, axis=1)
