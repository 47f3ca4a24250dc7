"""One step of pyramidal Lucas-Kanade, forward and back."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Small: on a slope a window follows where its detail lies, which is farther off than its middle.
WINDOW = (15, 15)
LEVELS = 4
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003)
MIN_EIGENVALUE = 2e-4
# Pixels a point may end beside where it started, once led forward and back.
FORWARD_BACKWARD = 0.35
# Pixels from the border where no point is followed.
EDGE = 2


def flow(before: Grey, after: Grey, points: Points) -> tuple[Points, Mask]:
    """Follow points from one picture to another.

    Parameters
    ----------
    before, after : (h, w) uint8
    points : (N, 2) float32
        Pixels, centres at integers as OpenCV has them.

    Returns
    -------
    (N, 2) float32, (N,) bool
        Where they went, and which of them lead back to where they came from.
    """
    calc: Any = cv2.calcOpticalFlowPyrLK
    moved, there, _ = calc(before, after, points, None, None, None, WINDOW, LEVELS, STOP, 0, MIN_EIGENVALUE)
    # The way back starts from where it should end, so that the finest level suffices: another patch drifts off.
    back, again, _ = calc(
        after, before, moved, points.copy(), None, None, WINDOW, 0, STOP, cv2.OPTFLOW_USE_INITIAL_FLOW, MIN_EIGENVALUE
    )
    good = (there.ravel() == 1) & (again.ravel() == 1)
    good &= np.linalg.norm(back - points, axis=1) < FORWARD_BACKWARD
    size = np.array([after.shape[1], after.shape[0]])
    good &= (moved >= EDGE).all(axis=1) & (moved < size - EDGE).all(axis=1)
    return moved, good
