"""One step of pyramidal Lucas-Kanade, forward and back."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEVELS = 4
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003)
# Pixels from the border where no point is followed.
EDGE = 2


@dataclass(frozen=True)
class Feel:
    """How easily a point is taken for one that can be followed.

    Attributes
    ----------
    window : int
        Pixels compared around a point. Small: on a slope a window follows where its detail lies, which is farther off
        than its middle.
    astray : float
        Pixels a point may end beside where it started, once led forward and back.
    eigenvalue : float
        Least eigenvalue of the gradients in the window, per pixel, as OpenCV counts it.
    quality : float
        Least strength of a corner, as a share of the strongest's.
    """

    window: int
    astray: float
    eigenvalue: float
    quality: float


SHARP = Feel(15, 0.35, 2e-4, 3e-3)
# For rooms of plain walls: faint corners too, and then those that are only told from their wider surroundings.
FAINT = Feel(15, 0.35, 1e-5, 5e-4)
WIDE = Feel(21, 0.7, 1e-5, 5e-4)


def flow(before: Grey, after: Grey, points: Points, feel: Feel = SHARP) -> tuple[Points, Mask]:
    """Follow points from one picture to another.

    Parameters
    ----------
    before, after : (h, w) uint8
    points : (N, 2) float32
        Pixels, centres at integers as OpenCV has them.
    feel : Feel

    Returns
    -------
    (N, 2) float32, (N,) bool
        Where they went, and which of them lead back to where they came from.
    """
    calc: Any = cv2.calcOpticalFlowPyrLK
    window, least = (feel.window, feel.window), feel.eigenvalue
    moved, there, _ = calc(before, after, points, None, None, None, window, LEVELS, STOP, 0, least)
    # The way back starts from where it should end, so that the finest level suffices: another patch drifts off.
    back, again, _ = calc(
        after, before, moved, points.copy(), None, None, window, 0, STOP, cv2.OPTFLOW_USE_INITIAL_FLOW, least
    )
    good = (there.ravel() == 1) & (again.ravel() == 1)
    good &= np.linalg.norm(back - points, axis=1) < feel.astray
    size = np.array([after.shape[1], after.shape[0]])
    good &= (moved >= EDGE).all(axis=1) & (moved < size - EDGE).all(axis=1)
    return moved, good
