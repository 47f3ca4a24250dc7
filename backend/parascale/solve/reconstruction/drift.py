"""Tracks that drift: followed while what they show grows, they come to lie on another point than they began on."""

import numpy as np

from parascale.types import Array, Mask

# Where the depth of a point changes by more, its track counts as several.
DEPTH_RATIO = 1.4
# Sightings every frame must have: where few points hold the path, it needs them whole.
PLENTY = 100


def cut_by_depth(positions: Array, cam_from_world: Array, points: Array, used: Mask) -> tuple[Array, Array, Mask]:
    """Cut tracks into parts over which the depth of their point changes little, each a point of its own.

    Parameters
    ----------
    positions : (T, M, 2) float64
    cam_from_world : (T, 3, 4) float64
    points : (M, 3) float64
    used : (T, M) bool
        Sightings that count.

    Returns
    -------
    (T, N, 2) float64, (N, 3) float64, (T, N) bool
        Positions, points and sightings of the parts; as given where a frame has few sightings.
    """
    if used.sum(axis=1).min() < PLENTY:
        return positions, points, used
    axis = cam_from_world[:, 2]
    depth = np.log(np.maximum(axis[:, :3] @ points.T + axis[:, 3:], 1e-9), where=used, out=np.zeros(used.shape))
    nearest = np.where(used, depth, np.inf).min(axis=0)
    extent = np.maximum(np.where(used, depth, -np.inf).max(axis=0) - nearest, 1e-9)
    counts = np.maximum(np.ceil(extent / np.log(DEPTH_RATIO)), 1)
    part = np.clip(np.floor((depth - nearest) / extent * counts), 0, counts - 1)
    names = [np.flatnonzero(counts > number) for number in range(int(counts.max()))]
    sightings = [used[:, name] & (part[:, name] == number) for number, name in enumerate(names)]
    name = np.concatenate(names)
    return positions[:, name], points[name], np.concatenate(sightings, axis=1)
