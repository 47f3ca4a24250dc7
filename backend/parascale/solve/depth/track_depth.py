"""Depth of a frame from the tracks visible in it: inverse depth interpolated over their Delaunay triangulation.

A triangle across a depth edge does not describe the surface inside it, and around the outermost points a margin has no
triangle. In the margin the depth is that of the nearest point. In a triangle across an edge a cell takes, of the depths
of the points around, the photo-consistent one; the depth of the nearest point makes the error of the median of a scene
of two surfaces twice as large. Without the margin the near ground at the picture's border is missing, which is 2 to 4 %
of the median depth of a street.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, KDTree, QhullError

from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.types import Array, Mask

GRID = (96, 54)
# Ratio of the inverse depths of a triangle's corners from which it may, or likely does, span a depth edge or the sky.
POSSIBLE_EDGE_RATIO, LIKELY_EDGE_RATIO = 1.1, 1.3
# Distance to the nearest point within which its depth is used, over the picture's longer side.
MAX_EXTRAPOLATION = 0.05


def interpolate_depth(
    pixels: Array,
    depth: Array,
    size: tuple[int, int],
    choose: Callable[[Array, Array], Array] | None = None,
    sky: Mask | None = None,
) -> DepthSamples:
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
    choose : callable or None
        Takes pixels (M, 2) and their possible inverse depths (M, K), likeliest first, and returns one (M,) of them for
        each; the first where None.
    sky : (rows, columns) bool or None
        Cells of `GRID` that show no surface.

    Returns
    -------
    DepthSamples
        On a regular grid; no hit far from all points, and in the sky.
    """
    grid = pixel_grid(size, GRID)
    nothing = DepthSamples(grid, np.ones(len(grid)), np.zeros(len(grid), bool))
    if len(pixels) < 3:
        return nothing
    try:
        mesh = Delaunay(pixels)
    except QhullError:
        return nothing
    inverse = 1 / depth
    # One triangle after another in memory: several times as fast.
    simplices = np.ascontiguousarray(mesh.simplices.T)
    corners = inverse[simplices]
    cell, triangle, weights = _find_covered_cells(np.ascontiguousarray(pixels.T)[:, simplices], size)
    value = np.zeros(len(grid))
    value[cell] = (weights * np.take(corners, triangle, axis=1)).sum(axis=0)
    alone = np.flatnonzero(value == 0)
    distance, nearest = KDTree(pixels).query(grid[alone])
    close = distance < MAX_EXTRAPOLATION * max(size)
    value[alone[close]] = inverse[nearest[close]]
    spans = corners.max(axis=0) > POSSIBLE_EDGE_RATIO * corners.min(axis=0)
    across = np.flatnonzero(np.take(spans, triangle))
    cell, triangle, weights = cell[across], triangle[across], np.take(weights, across, axis=1)
    surfaces = _candidate_depths(mesh, inverse, triangle, weights)
    value[cell] = surfaces[:, 0] if choose is None else choose(grid[cell], surfaces)
    if sky is not None:
        value[sky.reshape(-1)] = 0
    hit = value > 0
    return DepthSamples(grid, np.where(hit, 1 / np.where(hit, value, 1.0), 1.0), hit)


def _candidate_depths(mesh: Delaunay, inverse: Array, triangle: NDArray[np.int64], weights: Array) -> Array:
    """Collect possible inverse depths (N, 5) of cells in a triangle (N,), at barycentric coordinates (3, N).

    That interpolated between its corners, as on a slope, and that of the nearest corner, the likelier first; then the
    smallest, a middle and the largest of its corners and those of the neighbouring triangles.
    """
    own = inverse[mesh.simplices[triangle]]
    beside = mesh.neighbors[triangle]
    theirs = np.where(beside[..., None] >= 0, inverse[mesh.simplices[beside]], own[:, :1, None])
    ordered = np.sort(np.concatenate([own, theirs.reshape(-1, 9)], axis=1), axis=1)
    slope = (weights.T * own).sum(axis=1)
    nearest = own[np.arange(len(own)), weights.argmax(axis=0)]
    edge = own.max(axis=1) > LIKELY_EDGE_RATIO * own.min(axis=1)
    first, second = np.where(edge, nearest, slope), np.where(edge, slope, nearest)
    return np.column_stack([first, second, ordered[:, [0, 6, -1]]])


def _find_covered_cells(corners: Array, size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Find the cells with their centre in a triangle (2, 3, N), these triangles, and barycentric coordinates (3, P).

    Only the cells of each triangle's bounding box are tested: SciPy's own search starts a threaded factorisation for
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
    by_x, by_y, offset = (np.take(part, triangle, axis=1) for part in _barycentric(*corners))
    weights = by_x * x + by_y * y + offset
    inside = (weights >= -1e-9).all(axis=0)
    return (row * GRID[0] + column)[inside], triangle[inside], np.compress(inside, weights, axis=1)


def _barycentric(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Barycentric coordinates as linear functions of a pixel: factors of x, y and 1, each (3, N); NaN where flat."""
    next_x, next_y = np.roll(x, -1, axis=0), np.roll(y, -1, axis=0)
    last_x, last_y = np.roll(x, -2, axis=0), np.roll(y, -2, axis=0)
    cross = next_x * last_y - next_y * last_x
    with np.errstate(divide="ignore", invalid="ignore"):
        area = cross.sum(axis=0)
        return (next_y - last_y) / area, (last_x - next_x) / area, cross / area
