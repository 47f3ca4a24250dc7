"""The surface a depth map shows: every pixel a small quad, joined to its neighbours where the depth does not jump.

Vertices keep their place in the picture and their *inverse* depth: planes are affine in it, and a pixel without a
surface (inverse depth 0) is a point at infinity, which rotates and never moves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError

Array = NDArray[np.float64]

# Neighbouring pixels whose depths differ by more than this factor belong to different surfaces. A floor is cut only
# within the last 20 pixels below its horizon.
CUT_RATIO = 1.05


@dataclass(frozen=True, eq=False)
class Mesh:
    """Quads in the picture, with inverse depth.

    Attributes
    ----------
    vertices : (N, 3) float64
        x and y in pixels of the picture, and inverse z-depth (0 = infinitely far).
    quads : (M, 4) int32
        Vertex indices: top left, top right, bottom right, bottom left. Each is two triangles that share the first
        and the third.
    """

    vertices: Array
    quads: NDArray[np.int32]


def inverse_depth(depth_map: NDArray[np.floating]) -> Array:
    """Inverse z-depth of a depth map.

    Parameters
    ----------
    depth_map : (h, w) floating
        z-depth; non-finite where there is no surface (sky), zero or below where none was measured.

    Returns
    -------
    (h, w) float64
        0 where there is no surface, NaN where none was measured.

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
    around = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]], axis=-1).reshape(-1, 4)
    joined = _joined(around, np.roll(around, -1, axis=1), cut)
    whole = joined.sum(axis=1) >= 3
    ids = np.full(around.shape, -1, np.int32)
    count = int(whole.sum())
    ids[whole] = np.arange(count, dtype=np.int32)[:, None]
    corners, depths = [np.flatnonzero(whole)], [around[whole].mean(axis=1)]
    split = np.flatnonzero(~whole)
    groups = _groups(around[split], joined[split])
    for group in range(4):
        member = groups == group
        there = member.any(axis=1)
        number = int(there.sum())
        new = np.full(len(split), -1, np.int32)
        new[there] = np.arange(count, count + number)
        ids[split] = np.where(member, new[:, None], ids[split])
        corners.append(split[there])
        total = np.where(member, around[split], 0.0).sum(axis=1)
        depths.append(total[there] / member.sum(axis=1)[there])
        count += number
    corner = np.concatenate(corners)
    x = corner % (columns + 1) * (size[0] / columns)
    y = corner // (columns + 1) * (size[1] / rows)
    at = ids.reshape(rows + 1, columns + 1, 4)
    quads = np.stack([at[:-1, :-1, 2], at[:-1, 1:, 3], at[1:, 1:, 0], at[1:, :-1, 1]], axis=-1)
    return Mesh(np.stack([x, y, np.concatenate(depths)], axis=1), quads[~np.isnan(inverse)])


def _joined(a: Array, b: Array, cut: float | None) -> NDArray[np.bool_]:
    if cut is None:
        return ~np.isnan(a) & ~np.isnan(b)
    return np.maximum(a, b) <= cut * np.minimum(a, b)


def _groups(around: Array, joined: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Number the pixels around each corner by the surface they are on, -1 where there is none."""
    groups = np.tile(np.arange(4, dtype=np.int8), (len(around), 1))
    for _ in range(2):
        for first in range(4):
            second = (first + 1) % 4
            lower = np.minimum(groups[:, first], groups[:, second])
            for pixel in (first, second):
                groups[:, pixel] = np.where(joined[:, first], lower, groups[:, pixel])
    groups[np.isnan(around)] = -1
    return groups
