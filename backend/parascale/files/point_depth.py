"""Median depth of a frame from points: each point represents the part of the picture nearest to it."""

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.camera.intrinsics import projection
from parascale.parallax.depth_source import pixel_grid
from parascale.parallax.number import area_median
from parascale.types import Array

GRID = (32, 18)
# More points do not improve a median, and each costs a distance to every cell.
_MOST = 1000


def area_depth(pixels: Array, depth: Array, size: tuple[int, int]) -> float:
    """Median over image area of the depth of the nearest point.

    Parameters
    ----------
    pixels : (N, 2) float64
        Where the points are seen.
    depth : (N,) float64
        Their z-depth.
    size : (int, int)
        Width and height of the picture in pixels.

    Returns
    -------
    float
        NaN where there is no point in front of the camera.
    """
    seen = np.flatnonzero((depth > 0) & np.isfinite(pixels).all(axis=1))
    seen = seen[:: max(1, -(-len(seen) // _MOST))]
    if not len(seen):
        return float("nan")
    cells = pixel_grid(size, GRID)
    # |a - b|^2 without |a|^2, which is the same for all points of a cell.
    distance = np.sum(pixels[seen] ** 2, axis=1) - 2 * cells @ pixels[seen].T
    return area_median(depth[seen][np.argmin(distance, axis=1)])


def depth_from_points(trajectory: Trajectory, positions: Array, seen: list[NDArray[np.intp]] | None = None) -> Array:
    """Median depth of every frame, (T,), from world points.

    Parameters
    ----------
    trajectory : Trajectory
    positions : (N, 3) float64
    seen : list of (n,) int arrays or None
        Points each frame observed; where None, those that fall into its picture, hidden or not.
    """
    depths = np.full(len(trajectory), np.nan)
    for frame, pose in enumerate(trajectory.camera_to_world):
        points = positions if seen is None else positions[seen[frame]]
        camera = (points - pose[:3, 3]) @ pose[:3, :3]
        pixels = projection(camera, trajectory.intrinsics[frame])
        inside = (camera[:, 2] > 0) & np.all((pixels >= 0) & (pixels <= trajectory.size), axis=1)
        depths[frame] = area_depth(pixels[inside], camera[inside, 2], trajectory.size)
    return depths
