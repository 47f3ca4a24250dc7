"""A depth map with its camera as the target's geometry. NumPy alone, so that Blender can ask it too."""

import numpy as np

from parascale.camera import View
from parascale.camera.intrinsics import focal_from_fov, scale_intrinsics
from parascale.parallax.composition import TargetFacts
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.parallax.shot import Shot
from parascale.parallax.target import PICTURE_UP, Target
from parascale.projection.continued import continued_surface, without_gaps
from parascale.projection.mesh import CUT_RATIO, build_mesh, inverse_depth, thin
from parascale.projection.numpy_renderer import rasterise
from parascale.types import Array, DepthMap

# Relative error, one sigma, of a depth whose maker states none: what the better models reach on pictures of kinds
# they were not trained on.
STATED_UNCERTAINTY = 0.10
# Pixels of the map kept for each sample of the grid, along one axis.
PIXELS_PER_SAMPLE = 5


class DepthMapSource:
    """What a depth map shows from any camera: a `parascale.parallax.depth_source.DepthSource`.

    Occlusion is respected. What the move uncovers is taken to be the far side continued, see
    `parascale.projection.continued`; sky, and pixels without a measurement, are no hits.

    Parameters
    ----------
    depth_map : (h, w) floating
        z-depth; non-finite where there is no surface, zero or below where none was measured.
    view : View
        The camera that sees the map; path and depth share one unit. The map covers its picture at any resolution.
    grid : (int, int)
        Columns and rows of samples.
    continued : bool
        False leaves out what the move uncovers.

    Raises
    ------
    InputError
        Where the map is not a picture or holds no positive depth.
    """

    def __init__(
        self, depth_map: DepthMap, view: View, grid: tuple[int, int] = (64, 36), *, continued: bool = True
    ) -> None:
        self.view = view
        self.grid = grid
        inverse = inverse_depth(depth_map)
        rows, columns = (
            min(length, PIXELS_PER_SAMPLE * cells) for length, cells in zip(inverse.shape, grid[::-1], strict=True)
        )
        thinned, stride = thin(inverse, rows, columns)
        self._unmeasured = np.isnan(thinned)
        # A surface's slope from pixel to pixel becomes its power over a stride of several.
        self._mesh = build_mesh(without_gaps(thinned), view.size, CUT_RATIO**stride)
        self._behind = continued_surface(inverse, view.size).mesh if continued else None

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `parascale.parallax.depth_source.DepthSource`."""
        target = View(camera_to_world, intrinsics, *size)
        hits = rasterise(self._mesh, self.view, target, self.grid)
        inverse = hits.inverse_depth
        # Sky hides nothing: what may stand before it once the camera has moved does.
        holes = inverse <= 0
        if self._behind is not None and holes.any():
            inverse = np.where(holes, rasterise(self._behind, self.view, target, self.grid).inverse_depth, inverse)
        if self._unmeasured.any():
            rows, columns = self._unmeasured.shape
            row = np.clip(hits.y * (rows / self.view.height), 0, rows - 1).astype(int)
            column = np.clip(hits.x * (columns / self.view.width), 0, columns - 1).astype(int)
            inverse = np.where(~holes & self._unmeasured[row, column], -1.0, inverse)
        inverse = inverse.reshape(-1)
        hit = inverse > 0
        return DepthSamples(pixel_grid(size, self.grid), 1.0 / np.where(hit, inverse, 1.0), hit)


def depth_map_target(depth_map: DepthMap, reference: Shot, fov: float | None) -> Target:
    """Describe a target known by a depth map, as `DepthMapSource` takes it.

    It is seen through a horizontal field of view in degrees; through the reference's own lens where that is None.

    Raises
    ------
    InputError
        Where the map holds no positive depth.
    """
    height, width = depth_map.shape
    if fov is None:
        path = reference.trajectory
        focal = float(scale_intrinsics(path.intrinsics[0], path.size, (width, height))[0])
    else:
        focal = focal_from_fov(np.radians(fov), width)
    anchor = View(np.eye(4), np.array([focal, focal, width / 2, height / 2]), width, height)
    return Target(DepthMapSource(depth_map, anchor), anchor, facts=TargetFacts(up=PICTURE_UP))
