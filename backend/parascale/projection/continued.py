"""What a depth map does not show, continued from what it does: behind what is near, and beyond the picture's border.

A camera that moves sees past the surface of its map. Left out, what it cannot know bends the median depth towards what
is left; the far side of every edge, and the border, continued at their own depth are the likeliest surface there. NumPy
alone, coarse, for measuring; `parascale.projection.backing` does the same for pictures.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.projection.mesh import CUT_RATIO, Mesh, build_mesh, thin
from parascale.types import Array

# Cells along the longer side of the picture.
CELLS = 120
# How much further than the picture it reaches, in pictures, on every side.
MARGIN = 1.0
# A hair farther than what it continues, so that it never shows through.
BEHIND_RATIO = 1.01
_EDGE = -2


@dataclass(frozen=True, eq=False)
class Continued:
    """The surface behind and beyond.

    Attributes
    ----------
    mesh : Mesh
        In pixels of the picture, which it exceeds.
    origins : (M, 2) float64
        For each of its quads, x and y of the pixel whose surface is continued there.
    """

    mesh: Mesh
    origins: Array


def continued_surface(inverse: Array, size: tuple[float, float]) -> Continued:
    """Continue the surface of a map of `parascale.projection.mesh.inverse_depth`, which covers a picture of a size.

    Pixels without a measurement stay without a surface: they are of the map's making, not of the move's.
    """
    rows, columns = (max(2, round(length * CELLS / max(inverse.shape))) for length in inverse.shape)
    rows, columns = min(rows, inverse.shape[0]), min(columns, inverse.shape[1])
    shown, stride = thin(inverse, rows, columns)
    down, across = round(MARGIN * rows), round(MARGIN * columns)
    around = np.pad(shown, ((down, down), (across, across)), constant_values=np.nan)
    origin = grow(around, CUT_RATIO**stride)
    unmeasured = np.zeros(around.shape, bool)
    unmeasured[down : down + rows, across : across + columns] = np.isnan(shown)
    depth = np.where(origin >= 0, around.reshape(-1)[origin], np.nan)
    # Joined to the sky, what lies before it would reach to infinity.
    depth[unmeasured | (depth == 0)] = np.nan
    depth /= BEHIND_RATIO
    cell = np.array([size[0] / columns, size[1] / rows])
    mesh = build_mesh(depth, (depth.shape[1] * cell[0], depth.shape[0] * cell[1]), cut=None)
    offset = np.array([across, down])
    vertices = mesh.vertices - np.array([*(offset * cell), 0.0])
    there = ~np.isnan(depth)
    at = np.stack([origin % around.shape[1], origin // around.shape[1]], axis=-1)[there]
    return Continued(Mesh(vertices, mesh.quads), (at - offset + 0.5) * cell)


def without_gaps(inverse: Array) -> Array:
    """Give pixels without a measurement the closest surface, which hides what is behind them, and is not counted."""
    origin = grow(inverse, np.inf)
    own = np.arange(inverse.size).reshape(inverse.shape)
    filled: Array = inverse.reshape(-1)[np.where(origin >= 0, origin, own)]
    return filled


def grow(inverse: Array, cut: float) -> NDArray[np.int64]:
    """Continue surfaces into unknown cells and behind what is nearer, from the closest cell that shows them.

    Of inverse depth (h, w), NaN where unknown; ``cut`` is the depth ratio beyond which a cell is in front of a surface.
    Gives the flat index of the cell whose surface continues here, (h, w), -1 where none does; cells that something
    grows from hold their own index.
    """
    rows, columns = inverse.shape
    # Flat, with a border that counts as claimed, so that a step over the edge ends there.
    flat = np.pad(inverse, 1).reshape(-1)
    limit = flat / cut
    origin = np.pad(np.full(inverse.shape, -1), 1, constant_values=_EDGE).reshape(-1)
    steps = (1, -1, columns + 2, -columns - 2)
    cells = np.flatnonzero((origin == -1) & ~np.isnan(flat))
    shows = np.zeros(len(cells), bool)
    for step in steps:
        beside = cells + step
        shows |= (origin[beside] != _EDGE) & (np.isnan(flat[beside]) | (limit[beside] > flat[cells]))
    front = cells[shows]
    origin[front] = front
    while len(front):
        reached = []
        for step in steps:
            cell, start = front + step, origin[front]
            free = (origin[cell] == -1) & (np.isnan(flat[cell]) | (limit[cell] > flat[start]))
            origin[cell[free]] = start[free]
            reached.append(cell[free])
        front = np.concatenate(reached)
    found = origin.reshape(rows + 2, columns + 2)[1:-1, 1:-1]
    row, column = np.divmod(found, columns + 2)
    return np.where(found >= 0, (row - 1) * columns + column - 1, -1)
