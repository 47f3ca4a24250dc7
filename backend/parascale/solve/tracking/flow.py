"""Pyramidal Lucas-Kanade from one picture to the next, checked forward and backward."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.types import Image, Mask

Points = NDArray[np.float32]

PYRAMID_LEVELS = 4
STOP_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003)
# Pixels from the border within which no point is tracked.
BORDER = 2
# Of a picture with something on it, grey levels; and of a corner of it, as OpenCV counts it.
MIN_DEVIATION, MIN_STRENGTH = 3.0, 1e-3
_NEIGHBOURHOOD = np.ones((19, 19), np.uint8)
# Mean difference of two patches, grey levels, where the second was searched for near a prediction only.
MAX_PATCH_DIFFERENCE = 12.0


@dataclass(frozen=True)
class TrackerOptions:
    """Which points are tracked, and how.

    Attributes
    ----------
    window_size : int
        Pixels compared around a point. Small, because on a slope the window follows its detail, which is farther from
        the camera than its centre.
    max_forward_backward_error : float
        Pixels between a point and where it ends after it was tracked forward and back.
    min_eigenvalue : float
        Smallest eigenvalue of the gradient matrix in the window, per pixel, as OpenCV counts it.
    corner_quality : float
        Smallest strength of a corner, as a share of the strongest corner's.
    """

    window_size: int
    max_forward_backward_error: float
    min_eigenvalue: float
    corner_quality: float


SHARP_CORNERS = TrackerOptions(15, 0.35, 2e-4, 3e-3)
# For rooms of plain walls: the corner threshold is lowered, then the window is enlarged.
FAINT_CORNERS = TrackerOptions(15, 0.35, 1e-5, 5e-4)
WIDE_CORNERS = TrackerOptions(21, 0.7, 1e-5, 5e-4)


def track_points(
    before: Image, after: Image, points: Points, options: TrackerOptions = SHARP_CORNERS, guess: Points | None = None
) -> tuple[Points, Mask]:
    """Track points from one picture to another.

    Parameters
    ----------
    before, after : (h, w) uint8
    points : (N, 2) float32
        Pixels, centres at integers as OpenCV has them.
    options : TrackerOptions
    guess : (N, 2) float32 or None
        Predicted positions, right to a pixel or two, NaN where unknown. The search starts there on the finest pyramid
        level only, which takes a third of the time, and is repeated on all levels where that fails.

    Returns
    -------
    (N, 2) float32, (N,) bool
        The new positions, and which of them were found and lead back to where they came from.
    """
    if guess is None:
        moved, found = _track_both_ways(before, after, points, options)
    else:
        moved, found = points.copy(), np.zeros(len(points), bool)
        guessed = np.flatnonzero(np.isfinite(guess[:, 0]))
        if len(guessed):
            moved[guessed], found[guessed] = _track_both_ways(before, after, points[guessed], options, guess[guessed])
        rest = np.flatnonzero(~found)
        if len(rest):
            moved[rest], found[rest] = _track_both_ways(before, after, points[rest], options)
    size = np.array([after.shape[1], after.shape[0]])
    return moved, found & (moved >= BORDER).all(axis=1) & (moved < size - BORDER).all(axis=1)


def strong_corners(picture: Image) -> Points:
    """Find corners (N, 2) of a picture, at most 200, by which its motion is told: none in a flat one."""
    corners = cv2.goodFeaturesToTrack(picture, 200, 0.01, 10)
    return np.empty((0, 2), np.float32) if corners is None else np.asarray(corners[:, 0], np.float32)


def share_tracked(before: Image, after: Image) -> float:
    """Share of the corners of a picture that are found in another; 0 where it has none."""
    corners = strong_corners(before)
    return float(track_points(before, after, corners)[1].mean()) if len(corners) else 0.0


def count_corners(picture: Image) -> int:
    """Count strong corners, of 200 at most: a sharp picture has them, a black, flat or blurred one has none."""
    soft = cv2.GaussianBlur(picture, (0, 0), 1.0)
    if float(soft.std()) < MIN_DEVIATION:
        return 0
    strength = cv2.cornerMinEigenVal(soft, 5)
    return int(min(((strength == cv2.dilate(strength, _NEIGHBOURHOOD)) & (strength > MIN_STRENGTH)).sum(), 200))


def _track_both_ways(
    before: Image, after: Image, points: Points, options: TrackerOptions, guess: Points | None = None
) -> tuple[Points, Mask]:
    """Positions in the second picture, and whether the points were found and lead back."""
    moved, found, difference = _lucas_kanade(before, after, points, options, guess)
    # The way back starts where it should end, so that the finest level suffices: another patch drifts off.
    back, found_back, _ = _lucas_kanade(after, before, moved, options, points)
    good = found & found_back & (np.linalg.norm(back - points, axis=1) < options.max_forward_backward_error)
    if guess is not None:
        # A patch found outside the search window, or one that looks different, is another point.
        good &= (difference < MAX_PATCH_DIFFERENCE) & (np.linalg.norm(moved - guess, axis=1) < options.window_size / 2)
    return moved, good


def _lucas_kanade(
    before: Image, after: Image, points: Points, options: TrackerOptions, guess: Points | None
) -> tuple[Points, Mask, NDArray[np.float32]]:
    """Positions in the second picture, which were found, and the mean difference of their patches, grey levels."""
    # Without a guess OpenCV writes its answer over the array it is given.
    moved, found, difference = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points,
        np.empty_like(points) if guess is None else guess.copy(),
        winSize=(options.window_size, options.window_size),
        maxLevel=PYRAMID_LEVELS if guess is None else 0,
        criteria=STOP_CRITERIA,
        flags=0 if guess is None else cv2.OPTFLOW_USE_INITIAL_FLOW,
        minEigThreshold=options.min_eigenvalue,
    )
    return np.asarray(moved, np.float32), found.ravel() == 1, np.asarray(difference.ravel(), np.float32)
