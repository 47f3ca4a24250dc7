"""Depth of a frame from the tracks visible in it: inverse depth interpolated over their Delaunay triangulation."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from parascale.parallax.depth_source import DepthSamples, pixel_grid

Array = NDArray[np.float64]

GRID = (64, 36)
# A triangle whose corners' inverse depths differ by more spans a depth edge or the sky.
MAX_RATIO = 3.0


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
        On a regular grid; no hit outside the points' convex hull.
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
    corners = inverse[mesh.simplices]
    whole = corners.max(axis=1) <= MAX_RATIO * corners.min(axis=1)
    triangle = mesh.find_simplex(grid)
    hit = (triangle >= 0) & whole[triangle]
    affine = mesh.transform[triangle]
    weights = np.einsum("nij,nj->ni", affine[:, :2], grid - affine[:, 2])
    weights = np.column_stack([weights, 1 - weights.sum(axis=1)])
    value = (weights * corners[triangle]).sum(axis=1)
    hit &= np.isfinite(value) & (value > 0)
    return DepthSamples(grid, np.where(hit, 1 / np.where(hit, value, 1.0), 1.0), hit)
