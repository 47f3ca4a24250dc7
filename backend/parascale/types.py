"""The types that every room shares: array aliases, progress and cancel."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Real numbers: poses, depths, pixels."""

Mask = NDArray[np.bool_]

Image = NDArray[np.uint8]
"""A picture of 8 bits a channel: sRGB (H, W, 3), or grey (H, W)."""

Progress = Callable[[float, str], None]
"""Takes the fraction done, 0 .. 1, and the phase in a few words."""

CancelCheck = Callable[[], bool]
"""Returns True where the user wants the work to stop; the work then raises `parascale.errors.Cancelled`."""
