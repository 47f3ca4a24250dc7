"""Scene-linear light as a screen shows it: one rule, on the command line and in Blender."""

import numpy as np
from numpy.typing import NDArray

from parascale.types import Image


def to_display(light: NDArray[np.float32]) -> Image:
    """Encode scene-linear light of Rec.709 primaries as sRGB (IEC 61966-2-1), 8 bits.

    Light is cut to 0 .. 1: what is brighter than a screen's white is white. No exposure or film curve is guessed.

    Parameters
    ----------
    light : (..., 3) float32
        What is not a number is black.
    """
    cut = np.clip(np.nan_to_num(light, posinf=1.0), 0.0, 1.0)
    encoded = np.where(cut <= 0.0031308, 12.92 * cut, 1.055 * cut ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * encoded), np.uint8)
