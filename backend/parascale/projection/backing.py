"""What fills holes: a second surface behind the first, so that a filled hole stands still in the world.

The far side of every depth edge is continued behind the near side, and the border of the picture outwards, from the
closest pixel that shows it; then both depth and colours are smoothed. Colours of the near side never enter. As the
surface is made once for a shot, what it fills does not shimmer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.projection import kernels
from parascale.projection.mesh import CUT_RATIO, Mesh, build_mesh

Array = NDArray[np.float64]

# The backing is smooth: half the resolution shows no less.
STRIDE = 2
SMOOTHING_PASSES = 30


@dataclass(frozen=True, eq=False)
class Backing:
    """The second surface.

    Attributes
    ----------
    mesh : Mesh
        In pixels of the map, which it exceeds.
    colours : (h, w, 3) float32
        sRGB, 0 .. 255.
    frame : (4,) float64
        From pixels of the map to pixels of ``colours``: x scale, y scale, x offset, y offset.
    """

    mesh: Mesh
    colours: NDArray[np.float32]
    frame: Array


def build_backing(image: NDArray[np.uint8], inverse: Array, margins: tuple[int, int, int, int]) -> Backing:
    """Continue a picture behind its near parts and beyond its border.

    Parameters
    ----------
    image : (h, w, 3) uint8
        The picture, its depth edges cleaned.
    inverse : (h, w) float64
        Inverse depth of every pixel, without NaN.
    margins : (int, int, int, int)
        How many pixels further it shall reach: left, top, right, bottom.
    """
    far, colours = _farthest(image, inverse)
    left, top, right, bottom = (-(-margin // STRIDE) for margin in margins)
    sides = ((top, bottom), (left, right))
    far = np.pad(far, sides, constant_values=np.nan)
    colours = np.pad(colours, (*sides, (0, 0)))
    origin = kernels.grow(far, CUT_RATIO)
    covered = origin >= 0
    flat = np.where(covered, origin, np.arange(origin.size).reshape(origin.shape))
    values = np.concatenate([colours, far[..., None].astype(np.float32)], axis=-1).reshape(-1, 4)[flat]
    start = flat == np.arange(origin.size).reshape(origin.shape)
    kernels.relax(values, covered & ~start, covered & start, SMOOTHING_PASSES)
    depth = np.where(covered, values[..., 3].astype(np.float64), np.nan)
    rows, columns = depth.shape
    mesh = build_mesh(depth, (columns * STRIDE, rows * STRIDE), cut=None)
    vertices = mesh.vertices - np.array([left * STRIDE, top * STRIDE, 0.0])
    frame = np.array([1 / STRIDE, 1 / STRIDE, left, top], np.float64)
    return Backing(Mesh(vertices, mesh.quads), np.ascontiguousarray(values[..., :3]), frame)


def _farthest(image: NDArray[np.uint8], inverse: Array) -> tuple[Array, NDArray[np.float32]]:
    """Halve the resolution; every block keeps its farthest surface and that surface's mean colour."""
    rows, columns = (-(-length // STRIDE) for length in inverse.shape)
    spare = ((0, rows * STRIDE - inverse.shape[0]), (0, columns * STRIDE - inverse.shape[1]))
    inverse = np.pad(inverse, spare, mode="edge")
    image = np.pad(image, (*spare, (0, 0)), mode="edge")
    # The pixels of a block, one strided view each.
    offsets = [(row, column) for row in range(STRIDE) for column in range(STRIDE)]
    depths = [inverse[row::STRIDE, column::STRIDE] for row, column in offsets]
    far = np.minimum.reduce(depths)
    limit = CUT_RATIO * far
    colours, count = np.zeros((rows, columns, 3), np.float32), np.zeros((rows, columns, 1), np.float32)
    for (row, column), depth in zip(offsets, depths, strict=True):
        own = (depth <= limit)[..., None]
        colours += np.where(own, image[row::STRIDE, column::STRIDE], np.uint8(0))
        count += own
    return far, colours / count
