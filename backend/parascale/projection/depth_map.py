"""A depth map with its camera as the target's geometry. NumPy alone, so that Blender can ask it too."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.camera import View
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.projection.mesh import CUT_RATIO, Mesh, build_mesh, inverse_depth
from parascale.projection.reference import rasterise

Array = NDArray[np.float64]

# Relative error, one sigma, of a depth whose maker states none: what the better models reach on pictures of kinds
# they were not trained on.
STATED_UNCERTAINTY = 0.10
# Pixels of the map kept for each sample of the grid, along one axis.
DETAIL = 5


class DepthMapSource:
    """What a depth map shows from any camera: a `parascale.parallax.depth_source.DepthSource`.

    Occlusion is respected; what the map does not show (disocclusions, beyond its border, sky) is no hit.

    Parameters
    ----------
    depth_map : (h, w) floating
        z-depth; non-finite where there is no surface, zero or below where none was measured.
    view : View
        The camera that sees the map; path and depth share one unit. The map covers its picture at any resolution.
    grid : (int, int)
        Columns and rows of samples.

    Raises
    ------
    InputError
        Where the map is not a picture or holds no positive depth.
    """

    def __init__(self, depth_map: NDArray[Any], view: View, grid: tuple[int, int] = (64, 36)) -> None:
        self.view = view
        self.grid = grid
        self._mesh = _decimated(inverse_depth(depth_map), view, grid)

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `parascale.parallax.depth_source.DepthSource`."""
        target = View(camera_to_world, intrinsics, *size)
        inverse = rasterise(self._mesh, self.view, target, self.grid).inverse_depth.reshape(-1)
        hit = inverse > 0
        return DepthSamples(pixel_grid(size, self.grid), 1.0 / np.where(hit, inverse, 1.0), hit)


def _decimated(inverse: Array, view: View, grid: tuple[int, int]) -> Mesh:
    shape = inverse.shape
    rows, columns = min(shape[0], DETAIL * grid[1]), min(shape[1], DETAIL * grid[0])
    row = ((np.arange(rows) + 0.5) * shape[0] / rows).astype(int)
    column = ((np.arange(columns) + 0.5) * shape[1] / columns).astype(int)
    # A surface that slopes by the cut's ratio from pixel to pixel slopes by its power over a stride of several.
    stride = max(shape[0] / rows, shape[1] / columns)
    return build_mesh(inverse[np.ix_(row, column)], view.size, CUT_RATIO**stride)
