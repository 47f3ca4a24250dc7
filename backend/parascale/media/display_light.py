"""Scene-linear light as a screen shows it: one rule for every picture of floating-point samples; NumPy alone."""

import numpy as np
from numpy.typing import NDArray

from parascale.types import Image


def encode_srgb(light: NDArray[np.generic]) -> Image:
    """Encode scene-linear light of the Rec. 709 primaries as sRGB (IEC 61966-2-1), 8 bits.

    Light beyond what a screen shows is white, light below zero or undefined is black; nothing is tone-mapped.

    Parameters
    ----------
    light : (...) floating
        1 is the white of the screen.
    """
    cut = np.clip(np.nan_to_num(np.asarray(light, np.float32), posinf=1.0), 0.0, 1.0)
    encoded = np.where(cut <= 0.0031308, 12.92 * cut, 1.055 * cut ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * encoded), np.uint8)
