"""Footage: the decoded pictures of a reference, as the steps of a solve use them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parascale.types import Image


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """What a reference says about itself before it is decoded.

    Attributes
    ----------
    width, height : int
        Size of the upright picture in pixels.
    fps : float
        Nominal frame rate.
    frames : int
        How many frames it declares (a folder: how many images it holds).
    aspect : float
        Width of a pixel over its height.
    """

    width: int
    height: int
    fps: float
    frames: int
    aspect: float = 1.0


@dataclass(frozen=True, eq=False)
class Footage:
    """A range of a reference, decoded.

    Attributes
    ----------
    info : VideoInfo
    frames : (T,) int64
        Frame numbers in the reference, counted from 0.
    times : (T,) float64
        Seconds, from the stream.
    grey : tuple of (h, w) uint8
        The pictures at working size.
    colour : tuple of (h', w', 3) uint8
        Small sRGB copies, for the colours of points.
    focal : float or None
        Focal length in pixels of the upright picture, where the photos' Exif tags tell it.
    nominal_focal : float or None
        The same of the lens a video's container names, not counting what recording cropped: better than nothing.
    """

    info: VideoInfo
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    grey: tuple[Image, ...]
    colour: tuple[NDArray[np.uint8], ...]
    focal: float | None = None
    nominal_focal: float | None = None

    def __len__(self) -> int:
        return len(self.grey)

    def part(self, first: int, last: int) -> "Footage":
        """Pictures first .. last - 1, at times from 0."""
        return replace(
            self,
            frames=self.frames[first:last],
            times=self.times[first:last] - self.times[first],
            grey=self.grey[first:last],
            colour=self.colour[first:last],
        )

    @property
    def scale(self) -> float:
        """Working pixels per pixel of the reference (the longer side's)."""
        height, width = self.grey[0].shape
        return max(width, height) / max(self.info.width, self.info.height)
