"""The surface a depth map shows: every pixel a small quad, joined to its neighbours where the depth does not jump.

Vertices keep their place in the picture and their *inverse* depth: planes are affine in it, and a pixel without a
surface (inverse depth 0) is a point at infinity, which rotates and never moves.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError

Array = NDArray[np.float64]

# Neighbouring pixels whose depths differ by more than this factor belong to different surfaces. A floor is cut only
# within the last 20 pixels below its horizon.
CUT_RATIO = 1.05
# Estimated and averaged maps blur a depth edge over a few pixels; passes over such distances make it sharp again.
SHARPENING_REACHES = (3, 2, 1)


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


def inverse_depth(depth_map: NDArray[Any]) -> Array:
    """Inverse z-depth of a depth map.

    Parameters
    ----------
    depth_map : (h, w) floating
        z-depth; non-finite where there is no surface (sky), zero or below where none was measured.

    Returns
    -------
    (h, w) float64
        0 where there is no surface, NaN where none was measured. Blurred depth edges are sharp again.

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
    # Around each corner, clockwise: its top left, top right, bottom right, bottom left pixel.
    around = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]]).reshape(4, -1)
    across, down = _joined(padded[:, :-1], padded[:, 1:], cut), _joined(padded[:-1], padded[1:], cut)
    joined = np.stack([across[:-1], down[:, 1:], across[1:], down[:, :-1]]).reshape(4, -1)
    # Three joints in the ring of four join all four.
    whole = sum(joint.view(np.int8) for joint in joined) >= np.int8(3)
    corners, depths = [np.flatnonzero(whole)], [0.25 * sum(around)[whole]]
    count = len(corners[0])
    ids = np.zeros(around.shape, np.uint32)
    ids[:, whole] = np.arange(count, dtype=np.uint32)
    split = np.flatnonzero(~whole)
    beside = around[:, split]
    groups = _groups(beside, joined[:, split])
    for group in range(4):
        member = groups == group
        there = member.any(axis=0)
        corners.append(split[there])
        depths.append(np.where(member, beside, 0.0).sum(axis=0)[there] / member.sum(axis=0)[there])
        new = np.zeros(len(split), np.uint32)
        new[there] = np.arange(count, count + len(corners[-1]))
        ids[:, split] = np.where(member, new, ids[:, split])
        count += len(corners[-1])
    corner = np.concatenate(corners)
    x = corner % (columns + 1) * (size[0] / columns)
    y = corner // (columns + 1) * (size[1] / rows)
    at = ids.reshape(4, rows + 1, columns + 1)
    quads = np.stack([at[2, :-1, :-1], at[3, :-1, 1:], at[0, 1:, 1:], at[1, 1:, :-1]], axis=-1)
    return Mesh(np.stack([x, y, np.concatenate(depths)], axis=1), quads[~np.isnan(inverse)])


def _sharpen(inverse: Array, reach: int) -> None:
    """Give pixels that float between two surfaces the depth of the closer one, along rows."""
    before, here, after = inverse[:, : -2 * reach], inverse[:, reach:-reach], inverse[:, 2 * reach :]
    low, high = np.minimum(before, after), np.maximum(before, after)
    # Steeper than any surface that is not cut, and joined to neither end.
    floating = (low * CUT_RATIO ** (2 * reach) < high) & (low * CUT_RATIO < here) & (here * CUT_RATIO < high)
    row, column = np.nonzero(floating)
    low, high, own = low[row, column], high[row, column], here[row, column]
    here[row, column] = np.where(own - low < high - own, low, high)


def _joined(a: Array, b: Array, cut: float | None) -> NDArray[np.bool_]:
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
