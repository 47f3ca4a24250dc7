"""What a depth model says of a picture, and the depth map that comes of it."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.projection.depth_map import STATED_UNCERTAINTY
from parascale.types import Array

Kind = Literal["metric", "scaleless", "relative"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a model predicts.

    Attributes
    ----------
    values : (h, w) float32
        z-depth; for ``relative`` the model's *inverse* depth, of unknown scale and shift. Not finite where there is
        no surface.
    kind : "metric", "scaleless" or "relative"
        z-depth in metres; z-depth in an unknown unit; a Z^-1 + b with a > 0 and b unknown.
    intrinsics : (4,) float64 or None
        fx, fy, cx, cy in pixels of ``values``, where the model gives them.
    uncertainty : float
        Relative error of the depth, one sigma.
    """

    values: NDArray[np.float32]
    kind: Kind
    intrinsics: Array | None = None
    uncertainty: float = STATED_UNCERTAINTY

    def depth_map(self) -> NDArray[np.float32]:
        """z-depth (h, w) float32, infinite where there is no surface.

        Of relative inverse depth the shift is taken to be none: what the model puts at 0 is infinitely far, which is
        how such models are trained to draw a sky. The scale is 1 at the median.

        Raises
        ------
        InputError
            Where no pixel has a positive depth.
        """
        seen = np.isfinite(self.values) & (self.values > 0)
        if not seen.any():
            raise InputError("the depth model sees no surface in this picture: try another model")
        depth = np.full(self.values.shape, np.inf, np.float32)
        if self.kind == "relative":
            np.divide(np.float32(1), self.values, out=depth, where=seen)
            depth /= np.median(depth[seen])
        else:
            depth[seen] = self.values[seen]
        return depth


class Estimator(Protocol):
    """A depth model, or what stands in for one, by the name people call it; recorded with what it measured."""

    @property
    def name(self) -> str: ...  # noqa: D102 - as above

    def estimate(self, image: NDArray[np.uint8]) -> Estimate:
        """Estimate the depth of every pixel of a picture (H, W, 3), sRGB, at its size."""
