"""Depth of a frame from the tracks visible in it: inverse depth interpolated over their Delaunay triangulation.

A triangle that spans a depth edge says nothing of its inside, and a margin no triangle covers lies around the
outermost points: there the nearest point stands for what is close to it. Staying inside the hull instead leaves out
the near ground at the picture's border, which is 2 to 4 % of the median depth of a street.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, KDTree, QhullError

from parascale.parallax.depth_source import DepthSamples, pixel_grid

Array = NDArray[np.float64]

GRID = (64, 36)
# A triangle whose corners' inverse depths differ by more may span a depth edge or the sky.
MAX_RATIO = 1.3
# How far a point stands for what is around it, of the picture's longer side.
REACH = 0.05


def depth_samples(pixels: Array, depth: Array, size: tuple[int, int]) -> DepthSamples:
    """Interpolate the depth of scattered points over a picture.

    Inverse depth is linear over the image of a plane, so that this is exact on planes.

    Parameters
    ----------
    pixels : (N, 2) float64
        Where the visible points are, pixels of the picture.
    depth : (N,) float64
        Their z-depth, above 0.
    size : (int, int)
        Width and height of the picture.

    Returns
    -------
    DepthSamples
        On a regular grid; no hit far from all points.
    """
    grid = pixel_grid(size, GRID)
    nothing = DepthSamples(grid, np.ones(len(grid)), np.zeros(len(grid), bool))
    if len(pixels) < 3:
        return nothing
    try:
        triangles = Delaunay(pixels).simplices
    except QhullError:
        return nothing
    # One triangle after another in memory: several times as fast.
    names = np.ascontiguousarray(triangles.T)
    inverse = (1 / depth)[names]
    whole = inverse.max(axis=0) <= MAX_RATIO * inverse.min(axis=0)
    cell, triangle, weights = _covered(np.ascontiguousarray(pixels.T)[:, names[:, whole]], size)
    value = np.zeros(len(grid))
    value[cell] = (weights * inverse[:, whole][:, triangle]).sum(axis=0)
    alone = np.flatnonzero(value == 0)
    distance, nearest = KDTree(pixels).query(grid[alone])
    close = distance < REACH * max(size)
    value[alone[close]] = 1 / depth[nearest[close]]
    hit = value > 0
    return DepthSamples(grid, np.where(hit, 1 / np.where(hit, value, 1.0), 1.0), hit)


def _covered(corners: Array, size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Find which cells' centres lie in which triangle (2, 3, N), and their barycentric coordinates (3, P) in it.

    Only the cells of each triangle's bounding box are tried: SciPy's own search starts a threaded factorisation for
    every triangle, which takes a hundred times as long.
    """
    pitch = (np.array(size) / GRID)[:, None]
    first = np.maximum(np.ceil(corners.min(axis=1) / pitch - 0.5), 0).astype(np.int64)
    last = np.minimum(np.floor(corners.max(axis=1) / pitch - 0.5), np.array(GRID)[:, None] - 1).astype(np.int64)
    extent = np.maximum(last - first + 1, 0)
    tries = extent.prod(axis=0)
    triangle = np.repeat(np.arange(len(tries)), tries)
    number = np.arange(len(triangle)) - np.repeat(np.cumsum(tries) - tries, tries)
    column = first[0, triangle] + number % extent[0, triangle]
    row = first[1, triangle] + number // extent[0, triangle]
    x, y = (np.stack([column, row]) + 0.5) * pitch
    by_x, by_y, offset = (part[:, triangle] for part in _barycentric(*corners))
    weights = by_x * x + by_y * y + offset
    inside = (weights >= -1e-9).all(axis=0)
    return (row * GRID[0] + column)[inside], triangle[inside], weights[:, inside]


def _barycentric(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Barycentric coordinates as linear functions of a place: factors of x, y and 1, each (3, N); NaN where flat."""
    next_x, next_y = np.roll(x, -1, axis=0), np.roll(y, -1, axis=0)
    last_x, last_y = np.roll(x, -2, axis=0), np.roll(y, -2, axis=0)
    cross = next_x * last_y - next_y * last_x
    with np.errstate(divide="ignore", invalid="ignore"):
        area = cross.sum(axis=0)
        return (next_y - last_y) / area, (last_x - next_x) / area, cross / area
