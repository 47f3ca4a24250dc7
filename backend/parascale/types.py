"""The types that every room shares: array aliases, choices, progress and cancel."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Real numbers: poses, depths, pixels."""

Mask = NDArray[np.bool_]

Image = NDArray[np.uint8]
"""A picture of 8 bits a channel: sRGB (H, W, 3), or grey (H, W)."""

DepthMap = NDArray[np.float32] | NDArray[np.float64]
"""z-depth (H, W): not finite where there is no surface, zero or below where none was measured."""

Progress = Callable[[float, str], None]
"""Takes the fraction done, 0 .. 1, and the phase in a few words."""

CancelCheck = Callable[[], bool]
"""Returns True where the user wants the work to stop; the work then raises `parascale.errors.Cancelled`."""


@dataclass(frozen=True)
class Choice:
    """One of several values of an option.

    Attributes
    ----------
    name : str
        The value in files and on the command line.
    label : str
        The value in a menu.
    description : str
        One sentence for a tooltip, without a full stop.
    """

    name: str
    label: str
    description: str
