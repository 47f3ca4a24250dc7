"""One step of pyramidal Lucas-Kanade, forward and back."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.types import Image, Mask

Points = NDArray[np.float32]

LEVELS = 4
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003)
# Pixels from the border where no point is followed.
EDGE = 2
# Image levels a pixel of a patch may differ by, on average, where it was looked for near a guess alone.
ALIKE = 12.0


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


def flow(
    before: Image, after: Image, points: Points, feel: Feel = SHARP, guess: Points | None = None
) -> tuple[Points, Mask]:
    """Follow points from one picture to another.

    Parameters
    ----------
    before, after : (h, w) uint8
    points : (N, 2) float32
        Pixels, centres at integers as OpenCV has them.
    feel : Feel
    guess : (N, 2) float32 or None
        Where they should be to a pixel or two, NaN where there is no telling: looked for there at the finest level
        alone, which takes a third of the time, and all over again where that fails.

    Returns
    -------
    (N, 2) float32, (N,) bool
        Where they went, and which of them lead back to where they came from.
    """
    if guess is None:
        moved, found = _step(before, after, points, feel)
    else:
        moved, found = points.copy(), np.zeros(len(points), bool)
        told = np.flatnonzero(np.isfinite(guess[:, 0]))
        if len(told):
            moved[told], found[told] = _step(before, after, points[told], feel, guess[told])
        rest = np.flatnonzero(~found)
        if len(rest):
            moved[rest], found[rest] = _step(before, after, points[rest], feel)
    size = np.array([after.shape[1], after.shape[0]])
    return moved, found & (moved >= EDGE).all(axis=1) & (moved < size - EDGE).all(axis=1)


def _step(before: Image, after: Image, points: Points, feel: Feel, guess: Points | None = None) -> tuple[Points, Mask]:
    """Where points went, from anywhere or near a guess, and whether they lead back."""
    moved, there, off = _followed(before, after, points, feel, guess)
    # The way back starts from where it should end, so that the finest level suffices: another patch drifts off.
    back, again, _ = _followed(after, before, moved, feel, points)
    good = there & again & (np.linalg.norm(back - points, axis=1) < feel.astray)
    if guess is not None:
        # What is found beside the window it was looked for in, or looks otherwise, is something else.
        good &= (off < ALIKE) & (np.linalg.norm(moved - guess, axis=1) < feel.window / 2)
    return moved, good


def _followed(
    before: Image, after: Image, points: Points, feel: Feel, guess: Points | None
) -> tuple[Points, Mask, NDArray[np.float32]]:
    """Where points went, which were found, and how many grey levels their patches differ by."""
    calc: Any = cv2.calcOpticalFlowPyrLK
    start, levels, flags = None, LEVELS, 0
    if guess is not None:
        start, levels, flags = guess.copy(), 0, cv2.OPTFLOW_USE_INITIAL_FLOW
    window = (feel.window, feel.window)
    moved, there, off = calc(before, after, points, start, None, None, window, levels, STOP, flags, feel.eigenvalue)
    return moved, there.ravel() == 1, off.ravel()
