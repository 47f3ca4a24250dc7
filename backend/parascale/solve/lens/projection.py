"""Pictures that no flat lens makes: panoramas and circular fisheyes, told by what a file states or by their looks."""

import math
from collections.abc import Sequence

import numpy as np

from parascale.errors import InputError
from parascale.solve.tracking.footage import Footage
from parascale.types import Array, Image

# Frames that are looked at.
LOOKS = 8
# Width over height of a panorama all around, and of two circles side by side.
TWICE = (1.95, 2.05)
# The picture goes on across its left and right edge: correlation of the fine detail along both, grey levels it needs.
MIN_SEAM_CORRELATION, MIN_SEAM_DETAIL = 0.8, 3.0
# The widest flat lens that is made sees 127 degrees across (9 mm on full frame). Rendered fisheyes of 120 and 150
# degrees without a circle were fitted by 144 and 143.
MAX_FLAT_DEGREES = 132.0
# Outside the circle of a fisheye all is black, inside hardly anything.
BLACK, MIN_BLACK_OUTSIDE, MAX_BLACK_INSIDE = 20, 0.97, 0.3


def refuse_panoramas(name: str, footage: Footage) -> None:
    """Refuse footage whose rays are not those of a flat picture.

    Raises
    ------
    InputError
        With what it is.
    """
    what = footage.info.projection or _find_projection(footage.grey)
    if what is not None:
        raise InputError(
            f"{name} is a {what}, which no flat lens makes: export a flat view of it, of less than 100 degrees, and "
            "solve that"
        )


def refuse_wide_fit(name: str, focal: float, width: float) -> None:
    """Refuse a flat lens that was found and is wider than any: full-frame fisheyes are fitted so, their path bent.

    Parameters
    ----------
    name : str
    focal, width : float
        In pixels.

    Raises
    ------
    InputError
        With the angle.
    """
    degrees = 2 * math.degrees(math.atan(width / 2 / focal))
    if degrees > MAX_FLAT_DEGREES:
        raise InputError(
            f"{name} fits a flat lens of {degrees:.0f} degrees alone, and none is as wide: it looks like a fisheye's; "
            "export a flat view of it, of less than 100 degrees, and solve that"
        )


def _find_projection(pictures: Sequence[Image]) -> str | None:
    chosen = [pictures[at] for at in np.unique(np.linspace(0, len(pictures) - 1, LOOKS).round().astype(int))]
    height, width = chosen[0].shape
    twice = TWICE[0] < width / height < TWICE[1]
    # What is black in all frames is no picture of anything.
    lightest = np.max(chosen, axis=0)
    if twice and _is_circle(lightest[:, : width // 2]) and _is_circle(lightest[:, width // 2 :]):
        return "pair of fisheye pictures"
    if _is_circle(lightest):
        return "circular fisheye picture"
    if twice and float(np.median([_seam_correlation(picture) for picture in chosen])) > MIN_SEAM_CORRELATION:
        return "360-degree panorama"
    return None


def _is_circle(lightest: Image) -> bool:
    """Whether a picture fills the largest circle around its middle, and nothing outside it."""
    height, width = lightest.shape
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) / (min(height, width) / 2)
    black = lightest < BLACK
    outside = black[radius > 1.05]
    return len(outside) > 0 and outside.mean() > MIN_BLACK_OUTSIDE and black[radius < 0.9].mean() < MAX_BLACK_INSIDE


def _seam_correlation(picture: Image) -> float:
    """Correlate the fine detail along the left edge with that along the right; 0 where there is none."""
    left, right = (_fine_detail(picture[:, column].astype(np.float64)) for column in (0, -1))
    if min(left.std(), right.std()) < MIN_SEAM_DETAIL:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _fine_detail(values: Array) -> Array:
    """Take away what changes slowly: sky above and ground below are alike on both sides of any picture."""
    window = max(len(values) // 24, 3)
    padded = np.pad(values, window, mode="edge")
    return values - np.convolve(padded, np.full(2 * window + 1, 1 / (2 * window + 1)), mode="valid")
