"""Rendering a mesh exactly, in NumPy alone: slow at picture size, quick for a few thousand samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.camera import View
from parascale.projection.mesh import Mesh
from parascale.types import Array

# A quad with a corner closer to the plane of the camera than this share of its first depth is not drawn.
MIN_DEPTH_RATIO = 1e-6


@dataclass(frozen=True, eq=False)
class Hits:
    """What samples on a regular grid over the target's picture see.

    Attributes
    ----------
    inverse_depth : (rows, columns) float64
        1 / z-depth in the target's camera; 0 = infinitely far, -1 = nothing (a hole).
    x, y : (rows, columns) float64
        Where the point lies in the source picture, in pixels; meaningless in holes.
    """

    inverse_depth: Array
    x: Array
    y: Array


def plane_transfer(source: View, target: View) -> tuple[Array, Array]:
    """How pixels move from one camera to another.

    Returns
    -------
    homography : (3, 3) float64, shift : (3,) float64
        ``homography @ (x, y, 1) + inverse_depth * shift`` is the target's homogeneous pixel, its third entry the
        target's depth over the source's. Hartley & Zisserman, Multiple View Geometry, eq. 9.7.
    """
    # Inverted by hand: LAPACK wakes threads that spin on for longer than a frame takes.
    turn = target.camera_to_world[:3, :3].T
    fx, fy, cx, cy = target.intrinsics
    lens = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    fx, fy, cx, cy = source.intrinsics
    rays = np.array([[1 / fx, 0, -cx / fx], [0, 1 / fy, -cy / fy], [0, 0, 1.0]])
    way = source.camera_to_world[:3, 3] - target.camera_to_world[:3, 3]
    homography: Array = lens @ turn @ source.camera_to_world[:3, :3] @ rays
    return homography, np.asarray(lens @ turn @ way)


def rasterise(mesh: Mesh, source: View, target: View, grid: tuple[int, int]) -> Hits:
    """See a mesh from another camera, at the centres of a regular grid, columns by rows, over the picture.

    The mesh is in pixels of ``source``, whence it was seen; the target's size as the grid samples every pixel.
    """
    columns, rows = grid
    homography, shift = plane_transfer(source, target)
    to_grid = np.array([columns / target.width, rows / target.height, 1.0])
    points = (homography * to_grid[:, None]) @ np.stack([*mesh.vertices.T[:2], np.ones(len(mesh.vertices))])
    points += (shift * to_grid)[:, None] * mesh.vertices[:, 2]
    scale = points[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        screen = np.where(scale > MIN_DEPTH_RATIO, points[:2] / scale, np.nan).T
    quad, column, row = _candidates(screen, mesh.quads, columns, rows)
    samples = [
        _inside(mesh.quads[quad][:, corners], screen, scale, mesh.vertices, column, row)
        for corners in ([0, 1, 2], [0, 2, 3])
    ]
    index = np.concatenate([(row * columns + column)[inside] for inside, _ in samples])
    found = np.concatenate([values for _, values in samples])
    # The nearest of the samples that fall on one cell: sorted by cell, then from far to near, the last one.
    order = np.lexsort((found[:, 0], index))
    last = np.flatnonzero(np.diff(index[order], append=-1))
    result = np.full((rows * columns, 3), -1.0)
    result[index[order[last]]] = found[order[last]]
    layers = result.reshape(rows, columns, 3)
    return Hits(layers[..., 0], layers[..., 1], layers[..., 2])


def _candidates(
    screen: Array, quads: NDArray[np.uint32], columns: int, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a quad and a cell whose centre lies in the quad's bounding box: quad, column, row."""
    firsts, spans = [], []
    for axis, limit in enumerate((columns, rows)):
        place = screen[:, axis]
        a, b, c, d = (place[quads[:, corner]] for corner in range(4))
        low = np.minimum(np.minimum(a, b), np.minimum(c, d))
        high = np.maximum(np.maximum(a, b), np.maximum(c, d))
        # A quad with a corner behind the camera is NaN here and spans nothing.
        first = np.ceil(np.clip(np.nan_to_num(low, nan=limit), 0, limit) - 0.5).astype(np.int64)
        last = np.floor(np.clip(np.nan_to_num(high, nan=0), 0, limit) - 0.5).astype(np.int64)
        firsts.append(first)
        spans.append(np.maximum(last - first + 1, 0))
    met = np.flatnonzero(spans[0] * spans[1])
    count = (spans[0] * spans[1])[met]
    quad = np.repeat(met, count)
    step = np.arange(len(quad)) - np.repeat(np.cumsum(count) - count, count)
    return quad, firsts[0][quad] + step % spans[0][quad], firsts[1][quad] + step // spans[0][quad]


def _inside(
    triangles: NDArray[np.uint32],
    screen: Array,
    scale: Array,
    vertices: Array,
    column: NDArray[np.int64],
    row: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], Array]:
    """Which pairs lie in their triangle; inverse depth in the target and source x, y there."""
    a, b, c = (screen[triangles[:, k]] for k in range(3))
    p = np.stack([column + 0.5, row + 0.5], axis=1)
    weights = np.stack([cross(b - p, c - p), cross(c - p, a - p), cross(a - p, b - p)], axis=1)
    area = cross(b - a, c - a)
    inside = (area != 0) & (weights * np.sign(area)[:, None] >= 0).all(axis=1)
    weights = weights[inside] / area[inside, None] / scale[triangles[inside]]
    values = np.einsum("pk,pkv->pv", weights, vertices[triangles[inside]])
    # Linear in the weights over the triangle's own depth is the target's inverse depth; places need the ratio.
    return inside, np.c_[values[:, 2], values[:, :2] / weights.sum(axis=1, keepdims=True)]


def cross(a: Array, b: Array) -> Array:
    """Cross product of vectors of the plane, (..., 2)."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
