"""The surface a depth map shows: every pixel a small quad, joined to its neighbours where the depth does not jump.

Vertices keep their place in the picture and their *inverse* depth: planes are affine in it, and a pixel without a
surface (inverse depth 0) is a point at infinity, which rotates and never moves.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.types import Array, DepthMap

Real = TypeVar("Real", np.float32, np.float64)

# Neighbouring pixels whose depths differ by more than this factor belong to different surfaces. A floor is cut only
# within the last 20 pixels below its horizon.
CUT_RATIO = 1.05
# Estimated and averaged maps blur a depth edge over a few pixels; passes over such distances make it sharp again.
SHARPENING_REACHES = (3, 2, 1)
# The pixels around a corner, clockwise from its top left: steps down and across from the one below it and to its right,
# and which corner of their quads it is.
_PIXELS = np.array([[-1, -1, 0, 0], [-1, 0, 0, -1], [2, 3, 0, 1]])[..., None]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Quads in the picture, with inverse depth.

    Attributes
    ----------
    vertices : (N, 3) float64
        x and y in pixels of the picture, and inverse z-depth (0 = infinitely far).
    quads : (M, 4) uint32
        Vertex indices: top left, top right, bottom right, bottom left. Each is two triangles that share the first
        and the third.
    """

    vertices: Array
    quads: NDArray[np.uint32]


def inverse_depth(depth_map: DepthMap) -> Array:
    """Inverse z-depth (h, w) of a depth map, with blurred depth edges made sharp again.

    It is 0 where there is no surface (sky: depth not finite), NaN where none was measured (depth zero or below).

    Raises
    ------
    InputError
        Where it is not a picture, or holds no positive depth.
    """
    depth = np.asarray(depth_map, np.float64)
    if depth.ndim != 2 or min(depth.shape, default=0) < 2:
        raise InputError(f"a depth map needs rows and columns, not shape {depth.shape}")
    finite = np.isfinite(depth)
    if not (finite & (depth > 0)).any():
        raise InputError("the depth map holds no positive depth: give one that shows a surface")
    inverse = np.zeros(depth.shape)
    np.divide(1.0, depth, out=inverse, where=finite & (depth > 0))
    inverse[finite & (depth <= 0)] = np.nan
    for reach in SHARPENING_REACHES:
        _sharpen(inverse, reach)
        _sharpen(inverse.T, reach)
    return inverse


def build_mesh(inverse: Array, size: tuple[float, float], cut: float | None = CUT_RATIO) -> Mesh:
    """Make the surface of a map of inverse depth.

    A pixel covers its own footprint, so that the surface seen from where it was taken has no gap. The corners of
    footprints lie at the mean inverse depth of those of the four pixels around that are joined; a corner is split
    where they are not.

    Parameters
    ----------
    inverse : (h, w) float64
        Inverse depth; NaN pixels get no quad.
    size : (float, float)
        Width and height, in pixels, of the picture that the map covers.
    cut : float or None
        Depth ratio above which neighbours are not joined; None joins all.
    """
    rows, columns = inverse.shape
    padded = np.pad(inverse, 1, constant_values=np.nan)
    across, down = _are_joined(padded[:, :-1], padded[:, 1:], cut), _are_joined(padded[:-1], padded[1:], cut)
    # Around each corner, clockwise: its top left, top right, bottom right, bottom left pixel, and their joints.
    around = (padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1])
    joints = (across[:-1], down[:, 1:], across[1:], down[:, :-1])
    # Three joints in the ring of four join all four.
    whole = sum(joint.view(np.int8) for joint in joints) >= np.int8(3)
    corner = np.flatnonzero(whole)
    depth = (0.25 * (around[0] + around[1] + around[2] + around[3])).reshape(-1)[corner]
    number = np.cumsum(whole, dtype=np.uint32).reshape(whole.shape) - np.uint32(1)
    quads = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]], axis=-1)
    row, column = np.nonzero(~whole)
    beside = np.stack([pixels[row, column] for pixels in around])
    part, of, depths = _parts(beside, np.stack([joint[row, column] for joint in joints]))
    pixel = (row + _PIXELS[0]) * columns + column + _PIXELS[1]
    measured = of >= 0
    quads.reshape(-1)[(4 * pixel + _PIXELS[2])[measured]] = len(corner) + of[measured]
    corner = np.concatenate([corner, (row * (columns + 1) + column)[part]])
    # Each in one piece, as those who project them read them.
    vertices = np.empty((3, len(corner)))
    vertices[0] = np.tile(np.arange(columns + 1) * (size[0] / columns), rows + 1)[corner]
    vertices[1] = np.repeat(np.arange(rows + 1) * (size[1] / rows), columns + 1)[corner]
    vertices[2] = np.concatenate([depth, depths])
    return Mesh(vertices.T, quads.reshape(-1, 4)[np.flatnonzero(~np.isnan(inverse))])


def _parts(around: Array, joined: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Split corners by the surfaces around them.

    From (4, N): inverse depth of the pixels around each corner, clockwise, and whether each is joined to the next.
    Gives which corner each part is of, (P,), of which part each pixel is, (4, N), -1 where it has no measurement, and
    the mean inverse depth of the pixels of each part, (P,).
    """
    groups = _groups(around, joined)
    part = np.full(around.shape, -1)
    corners: list[NDArray[np.int64]] = []
    depths: list[Array] = []
    count = 0
    for group in range(4):
        there = np.flatnonzero(groups[group] == group)
        member = groups[:, there] == group
        part[:, there] = np.where(member, np.arange(count, count + len(there)), part[:, there])
        corners.append(there)
        depths.append(np.where(member, around[:, there], 0.0).sum(axis=0) / member.sum(axis=0))
        count += len(there)
    return np.concatenate(corners), part, np.concatenate(depths)


def _sharpen(inverse: Array, reach: int) -> None:
    """Give pixels that float between two surfaces the depth of the closer one, along rows."""
    before, here, after = inverse[:, : -2 * reach], inverse[:, reach:-reach], inverse[:, 2 * reach :]
    low, high = np.minimum(before, after), np.maximum(before, after)
    # Steeper than any surface that is not cut, and joined to neither end.
    row, column = np.nonzero(low * CUT_RATIO ** (2 * reach) < high)
    low, high, own = low[row, column], high[row, column], here[row, column]
    floating = (low * CUT_RATIO < own) & (own * CUT_RATIO < high)
    nearer_low = own - low < high - own
    here[row[floating], column[floating]] = np.where(nearer_low, low, high)[floating]


def _are_joined(a: Array, b: Array, cut: float | None) -> NDArray[np.bool_]:
    if cut is None:
        return ~np.isnan(a) & ~np.isnan(b)
    return (a <= cut * b) & (b <= cut * a)


def _groups(around: Array, joined: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Give numbers to the pixels around each corner by the surface they are on, -1 where there is none."""
    groups = np.tile(np.arange(4, dtype=np.int8)[:, None], around.shape[1])
    for _ in range(2):
        for first in range(4):
            second = (first + 1) % 4
            lower = np.minimum(groups[first], groups[second])
            for pixel in (first, second):
                groups[pixel] = np.where(joined[first], lower, groups[pixel])
    groups[np.isnan(around)] = -1
    return groups


def thin(values: NDArray[Real], rows: int, columns: int) -> tuple[NDArray[Real], float]:
    """Values (h, w) at the centres of so many cells, and the pixels a cell has along its longer side."""
    height, width = values.shape
    row = ((np.arange(rows) + 0.5) * height / rows).astype(int)
    column = ((np.arange(columns) + 0.5) * width / columns).astype(int)
    thinned: NDArray[Real] = values[np.ix_(row, column)]
    return thinned, max(height / rows, width / columns)
