"""The camera model of a solve: square pixels from the principal point, one focal length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from parascale.types import Array


@dataclass(frozen=True)
class Lens:
    """How working pixels relate to pixels of the reference.

    Attributes
    ----------
    width, height : int
        Of the reference, pixels.
    scale : float
        Working pixels per pixel of the reference.
    cx, cy : float
        Principal point, pixels of the reference.
    aspect : float
        fy / fx: other than 1 where the picture was squeezed.
    focal : float or None
        fx in pixels of the reference, where known.
    """

    width: int
    height: int
    scale: float
    cx: float
    cy: float
    aspect: float = 1.0
    focal: float | None = None

    @property
    def working_size(self) -> tuple[int, int]:
        """Width and height in (square) working pixels."""
        return round(self.width * self.scale), round(self.height * self.scale / self.aspect)

    def to_working_pixels(self, positions: Array, picture_size: tuple[int, int]) -> Array:
        """Turn pixels of a shrunk picture into square working pixels from the principal point."""
        reference = positions * (np.array([self.width, self.height]) / picture_size)
        return (reference - [self.cx, self.cy]) * [self.scale, self.scale / self.aspect]

    def to_reference_pixels(self, pixels: ArrayLike) -> Array:
        """Turn working pixels from the principal point into pixels of the reference."""
        return np.asarray(pixels, np.float64) / [self.scale, self.scale / self.aspect] + [self.cx, self.cy]

    def intrinsics(self, focal: float) -> Array:
        """fx, fy, cx, cy in pixels of the reference for a focal length in working pixels."""
        fx = focal / self.scale
        return np.array([fx, fx * self.aspect, self.cx, self.cy])
