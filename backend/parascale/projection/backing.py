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
from parascale.types import Array

# The backing is smooth: half the resolution shows no less.
STRIDE = 2
SMOOTHING_PASSES = 30
# Its depth is smoother still: cells along the side of a quad.
CELLS = 2


@dataclass(frozen=True, eq=False)
class Backing:
    """The second surface.

    Attributes
    ----------
    mesh : Mesh
        In pixels of the map, which it exceeds.
    texture : (h, w) uint64
        Its colours, from `parascale.projection.kernels.pack`.
    frame : (4,) float64
        From pixels of the map to pixels of ``texture``: x scale, y scale, x offset, y offset.
    """

    mesh: Mesh
    texture: NDArray[np.uint64]
    frame: Array


def build_backing(image: NDArray[np.uint8], inverse: Array, margins: tuple[int, int, int, int]) -> Backing:
    """Continue a picture (h, w, 3), its depth edges cleaned, behind its near parts and beyond its border.

    ``inverse`` (h, w) is the inverse depth of every pixel, without NaN; ``margins`` tell how many pixels further it
    shall reach: left, top, right, bottom.
    """
    rows, columns = (-(-length // STRIDE) for length in inverse.shape)
    far, colours = np.empty((rows, columns)), np.empty((3, rows, columns), np.float32)
    kernels.farthest(image, inverse, STRIDE, far, colours)
    left, top, right, bottom = (-(-margin // STRIDE) for margin in margins)
    sides = ((top, bottom), (left, right))
    far = np.pad(far, sides, constant_values=np.nan)
    origin = kernels.grow(far, CUT_RATIO)
    covered = origin >= 0
    known = origin == np.arange(origin.size).reshape(origin.shape)
    own = np.concatenate([np.pad(colours, ((0, 0), *sides)), far[None].astype(np.float32)])
    values = np.where(covered, own.reshape(4, -1)[:, origin], np.float32(0))
    kernels.relax(values, covered & ~known, covered, SMOOTHING_PASSES)
    frame = np.array([1 / STRIDE, 1 / STRIDE, left, top], np.float64)
    mesh = _mesh(np.where(covered, values[3], np.float32(np.nan)), np.array([left, top]))
    colours = np.rint(np.where(covered, values, own)[:3]).astype(np.uint8)
    return Backing(mesh, kernels.pack(np.moveaxis(colours, 0, -1)), frame)


def _mesh(depth: NDArray[np.float32], offset: NDArray[np.int64]) -> Mesh:
    """Join blocks of cells, each as far as its farthest."""
    spare = [(0, -length % CELLS) for length in depth.shape]
    blocks = np.pad(depth, spare, constant_values=np.nan)
    far = np.fmin.reduce([blocks[row::CELLS, column::CELLS] for row in range(CELLS) for column in range(CELLS)])
    mesh = build_mesh(far.astype(np.float64), (STRIDE * blocks.shape[1], STRIDE * blocks.shape[0]), cut=None)
    return Mesh(mesh.vertices - np.array([*(STRIDE * offset), 0.0]), mesh.quads)
