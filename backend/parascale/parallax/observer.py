"""The target seen through the realised cameras, one look a frame."""

import math
from dataclasses import dataclass

import numpy as np

from parascale.errors import Cancelled
from parascale.parallax.depth_source import DepthSamples, DepthSource
from parascale.parallax.number import area_median, median_depth, motion_per_unit_step, surface
from parascale.types import Array, CancelCheck, Progress


@dataclass(frozen=True)
class Look:
    """What one camera sees.

    Attributes
    ----------
    depth : float
        Z', NaN where no surface is in view.
    felt_per_unit : float
        phi' for a step of length 1 in the direction of the frame's step; NaN without surface or without a step.
    spread : (float, float)
        The motion that a tenth of the frame stays below, and that a tenth exceeds, for such a step; NaN likewise.
    nearest : float
        Distance from the camera to the nearest sample, inf without surface.
    """

    depth: float
    felt_per_unit: float
    spread: tuple[float, float]
    nearest: float


NOTHING = Look(math.nan, math.nan, (math.nan, math.nan), math.inf)


NO_SAMPLES = DepthSamples(np.empty((0, 2)), np.empty(0), np.empty(0, bool))


class Observer:
    """Asks a depth source through one camera after another, reports progress, and stops where the user wants it.

    Attributes
    ----------
    samples : DepthSamples
        What was seen last.
    """

    def __init__(
        self,
        source: DepthSource,
        intrinsics: Array,
        size: tuple[int, int],
        directions: Array,
        looks: int,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
    ) -> None:
        self._source, self._intrinsics, self._size, self._directions = source, intrinsics, size, directions
        self._looks, self._done = looks, 0
        self._progress, self._cancelled = progress, cancelled
        self.samples = NO_SAMPLES

    def depth(self, camera_to_world: Array, frame: int) -> float:
        """Z' alone, NaN where no surface is in view."""
        depth = median_depth(self._samples(camera_to_world, frame))
        return depth if 0 < depth < math.inf else math.nan

    def look(self, camera_to_world: Array, frame: int) -> Look:
        """See what the camera of a frame shows."""
        samples = self._samples(camera_to_world, frame)
        depth = median_depth(samples)
        if not 0 < depth < math.inf:
            return NOTHING
        intrinsics = self._intrinsics[frame]
        felt, spread = math.nan, (math.nan, math.nan)
        if frame < len(self._directions) and not math.isnan(self._directions[frame, 0]):
            motion = motion_per_unit_step(self._directions[frame], samples, intrinsics)
            felt = area_median(motion, upper=True)
            tenth = (len(motion) - 1) // 10
            ordered = np.partition(motion, (tenth, len(motion) - 1 - tenth))
            spread = float(ordered[tenth]), float(ordered[-1 - tenth])
        x, y, z = surface(samples, intrinsics)
        return Look(depth, felt, spread, float(np.sqrt(np.min((x * x + y * y + 1) * z * z))))

    def _samples(self, camera_to_world: Array, frame: int) -> DepthSamples:
        if self._cancelled is not None and self._cancelled():
            raise Cancelled
        samples = self._source(camera_to_world, self._intrinsics[frame], self._size, frame)
        self._done, self.samples = self._done + 1, samples
        if self._progress is not None:
            self._progress(min(self._done / self._looks, 1.0), "Measuring the target")
        return samples
