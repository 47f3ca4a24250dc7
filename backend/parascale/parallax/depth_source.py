"""Where depth comes from: one call, answered by a Blender scene, a depth map with its camera, or a constant."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from parascale.types import Array


@dataclass(frozen=True, eq=False)
class DepthSamples:
    """Depth on a regular grid over the picture.

    Attributes
    ----------
    pixels : (N, 2) float64
        Where each sample lies, x right and y down in pixels, pixel centres at +0.5.
    depth : (N,) float64
        z-depth along the optical axis, in the source's unit; meaningless where ``hit`` is False.
    hit : (N,) bool
        Whether the ray met a surface.
    """

    pixels: Array
    depth: Array
    hit: NDArray[np.bool_]


class DepthSource(Protocol):
    """The target's geometry, asked through a camera."""

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """Sample the depth seen by a camera.

        Parameters
        ----------
        camera_to_world : (4, 4) float64
            OpenCV axes.
        intrinsics : (4,) float64
            fx, fy, cx, cy in pixels.
        size : (int, int)
            Width and height of the picture in pixels.
        frame : int
            Step of the shot, 0 .. T-1: an animated scene is asked at its own time.
        """


@dataclass(frozen=True)
class ConstantDepth:
    """A target of which only a typical depth is known: a wall that stays at that depth in front of the camera."""

    depth: float
    grid: tuple[int, int] = (64, 36)

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`."""
        pixels = pixel_grid(size, self.grid)
        return DepthSamples(pixels, np.full(len(pixels), self.depth), np.ones(len(pixels), bool))


def pixel_grid(size: tuple[int, int], grid: tuple[int, int]) -> Array:
    """Centres of the cells of a regular grid, columns by rows, over a picture of a size: pixels (N, 2), row by row."""
    x = (np.arange(grid[0]) + 0.5) * size[0] / grid[0]
    y = (np.arange(grid[1]) + 0.5) * size[1] / grid[1]
    pixels: Array = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return pixels
