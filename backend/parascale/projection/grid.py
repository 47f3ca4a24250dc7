"""The surface of `parascale.projection.mesh.build_mesh`, for drawing it fast: a grid, and the cells cut out of it.

Whole cells take no indices: their corners lie side by side in memory, and the compiler handles several at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.projection import grid_kernels
from parascale.projection.mesh import CUT_RATIO

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Grid:
    """A surface in the picture.

    Attributes
    ----------
    corners : (h + 1, w + 1) float64
        Inverse depth at the corners of whole cells.
    whole : (h, w) bool
        Cells that share all their corners with every neighbour.
    frame : (4,) float64
        x and y of the first corner, width and height of a cell, in pixels of the picture.
    cells : (M, 2) int32
        Row and column of the other cells.
    depths : (M, 4) float64
        Inverse depth at their corners: top left, top right, bottom right, bottom left.
    """

    corners: Array
    whole: Bool
    frame: Array
    cells: NDArray[np.int32]
    depths: Array

    def draw(self, homography: Array, shift: Array, open_tiles: Bool, inverse: Float32, place: Float32) -> None:
        """Draw the surface where it is nearer than what ``inverse`` holds.

        Parameters
        ----------
        homography, shift
            From `parascale.projection.reference.plane_transfer`.
        open_tiles : (rows, columns) bool
            From `parascale.projection.kernels.tiles`: where there may be anything to draw.
        inverse : (height, width) float32
            Inverse depth in the target's camera, -1 where nothing was drawn yet, infinite where nothing shall be;
            written.
        place : (height, width, 3) float32
            x, y in the source picture and inverse depth there; written.
        """
        transfer = np.column_stack([homography, shift])
        grid_kernels.draw_cells(self.corners, self.whole, self.frame, transfer, open_tiles, inverse, place)
        grid_kernels.draw_cut(self.cells, self.depths, self.frame, transfer, inverse, place)


def build_grid(
    inverse: Array, size: tuple[float, float], cut: float = CUT_RATIO, origin: tuple[float, float] = (0.0, 0.0)
) -> Grid:
    """Make the surface of a map of inverse depth.

    Parameters
    ----------
    inverse : (h, w) float64
        Inverse depth; NaN pixels get no cell.
    size : (float, float)
        Width and height, in pixels of the picture, that the map covers.
    cut : float
        Depth ratio above which neighbours are not joined; infinite joins all.
    origin : (float, float)
        x and y where the map begins.
    """
    rows, columns = inverse.shape
    corners, whole = grid_kernels.corner_depths(inverse, cut)
    cells, depths = grid_kernels.cut_cells(inverse, whole, cut)
    frame = np.array([*origin, size[0] / columns, size[1] / rows])
    return Grid(corners, whole, frame, cells, depths)
