"""Gradual transitions: dissolves from one shot to the next, and fades from and to black or white."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.solve.tracking.flow import Points, share_tracked, strong_corners, track_points
from parascale.types import Array, Image, Mask

# Frames that a dissolve takes.
LENGTHS = (5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96)
# Energy of the gradients in the middle of a dissolve, over that of its ends: a half for two unlike pictures.
MAX_MIDDLE_ENERGY = 0.7
# The energy of either end, over their mean, and how far that of all frames is from a dissolve's.
MIN_END_ENERGY, MAX_ENERGY_ERROR, MAX_SURE_ENERGY_ERROR = 0.3, 0.08, 0.05
# Difference of the ends over their contrast: 1.4 for two unlike pictures.
MIN_DIFFERENCE = 0.8
# How far the pictures between are from equal steps from one end to the other, as a share of the way.
MAX_UNEVENNESS, MAX_SURE_UNEVENNESS = 0.4, 0.12
# Share of the corners of either end that can be found in the other: two places have none in common.
MAX_TRACKED_SHARE = 0.15
# Of the contrast of the picture that a fade leads to: below it, a frame is left out, and so are faster steps.
FADED, MAX_FADE_STEP, DARKEST_START = 0.35, 1.22, 0.5
# A picture of this contrast, or of this share of the contrast of most, shows nothing.
BLANK_CONTRAST, BLANK_SHARE = 3.0, 0.08
# Frames that a fade leads to, by which its contrast is judged, and how alike they must be to what leads there.
FULL, MIN_LIKENESS = 24, 0.6
# A frame of this share of that contrast is one before its fade; of the corners that are followed from there the fewest
# that tell, and the side of the square around each whose contrast counts.
WHOLE, MIN_CORNERS, PATCH = 0.8, 20, 9


@dataclass(frozen=True, eq=False)
class Looks:
    """What tells transitions, of every frame.

    Attributes
    ----------
    thumbnails : (T, N) float32
        Blurred pictures of a few thousand pixels.
    energy : (T,) float64
        Mean squared difference of neighbouring pixels.
    """

    thumbnails: Array
    energy: Array

    @property
    def contrast(self) -> Array:
        """(T,) standard deviation of the thumbnails, grey levels."""
        return np.asarray(self.thumbnails.std(axis=1), np.float64)

    @property
    def blank(self) -> Mask:
        """(T,) whether a picture shows nothing while others do."""
        contrast = self.contrast
        return np.asarray(contrast < min(BLANK_CONTRAST, BLANK_SHARE * float(np.percentile(contrast, 90))))


def gradient_energy(picture: Image) -> float:
    """Mean squared difference of neighbouring pixels of a picture at half its size, where grain counts little."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if min(small.shape) < 2:
        return 0.0
    sums = cv2.norm(small[:, 1:], small[:, :-1], cv2.NORM_L2SQR) + cv2.norm(small[1:], small[:-1], cv2.NORM_L2SQR)
    return float(sums / small.size)


def find_dissolves(pictures: Sequence[Image], looks: Looks, first: int, last: int) -> list[tuple[int, int]]:
    """Find dissolves among the frames first .. last - 1, which have no hard cut.

    While one picture is blended into another, the energy of the gradients follows the squares of their shares, however
    both cameras move; and no corner of the one end is found in the other.

    Returns
    -------
    list of (int, int)
        The last frame of the shot before and the first of the shot after each, in order.
    """
    found: list[tuple[int, int]] = []
    for error, start, length in sorted(_blends(looks.energy[first:last])):
        a, b = first + start, first + start + length
        if any(a < right and left < b for left, right in found):
            continue
        if _is_dissolve(pictures, looks, a, b, error):
            margin = 1 + length // 16
            found.append((max(a - margin, first), min(b + margin, last - 1)))
    return sorted(found)


def _blends(energy: Array) -> list[tuple[float, int, int]]:
    """Find runs of frames whose energy is that of a blend: how far it is from one, their start and their length."""
    found = []
    for length in LENGTHS:
        count = len(energy) - length
        if count <= 0:
            break
        runs = np.lib.stride_tricks.sliding_window_view(energy, length + 1)
        share = np.arange(length + 1) / length
        mean = (runs[:, 0] + runs[:, -1]) / 2 + 1e-9
        blend = (1 - share) ** 2 * runs[:, :1] + share**2 * runs[:, -1:]
        error = np.sqrt(((runs - blend) ** 2).mean(axis=1)) / mean
        good = (error < MAX_ENERGY_ERROR) & (runs[:, length // 2] < MAX_MIDDLE_ENERGY * mean)
        good &= np.minimum(runs[:, 0], runs[:, -1]) > MIN_END_ENERGY * mean
        found += [(float(error[start]), int(start), length) for start in np.flatnonzero(good)]
    return found


def _is_dissolve(pictures: Sequence[Image], looks: Looks, a: int, b: int, error: float) -> bool:
    start, way = looks.thumbnails[a], looks.thumbnails[b] - looks.thumbnails[a]
    contrast = np.hypot(looks.contrast[a], looks.contrast[b]) / np.sqrt(2)
    if np.sqrt((way**2).mean()) < MIN_DIFFERENCE * contrast:
        return False
    done = (looks.thumbnails[a + 1 : b] - start) @ way / (way @ way)
    uneven = float(np.abs(done - np.arange(1, b - a) / (b - a)).max())
    if uneven > (MAX_UNEVENNESS if error < MAX_SURE_ENERGY_ERROR else MAX_SURE_UNEVENNESS):
        return False
    one, other = pictures[a], pictures[b]
    return max(share_tracked(one, other), share_tracked(other, one)) < MAX_TRACKED_SHARE


def find_faded(pictures: Sequence[Image], looks: Looks, first: int, last: int) -> tuple[int, int]:
    """Find the frames first .. last - 1 that are left once those of a fade in and of a fade out are left out.

    Frames of a fade that are bright enough, and change slowly enough to be followed, stay.
    """
    frames = np.arange(first, last)
    return first + _faded(pictures, looks, frames), last - _faded(pictures, looks, frames[::-1])


def _faded(pictures: Sequence[Image], looks: Looks, frames: NDArray[np.int64]) -> int:
    """Count the frames at the start of these that fade in."""
    contrast = looks.contrast[frames]
    full = float(np.median(contrast[: 3 * FULL])) if len(contrast) else 0.0
    if len(contrast) < 3 or contrast[0] > DARKEST_START * full:
        return 0
    good = contrast > FADED * full
    good[:-1] &= contrast[1:] < MAX_FADE_STEP * contrast[:-1]
    if not good.any():
        return 0
    count = int(good.argmax())
    target = looks.thumbnails[frames[count]]
    told = [number for number in range(count) if contrast[number] > BLANK_CONTRAST]
    alike = [float(np.corrcoef(looks.thumbnails[frames[number]], target)[0, 1]) for number in told[-3:]]
    if not all(each > MIN_LIKENESS for each in alike):
        return 0
    whole = int((contrast > WHOLE * full).argmax())
    return count if _loses_contrast(pictures, frames[whole::-1], contrast[0] / contrast[whole]) else 0


def _loses_contrast(pictures: Sequence[Image], frames: NDArray[np.int64], share: float) -> bool:
    """Tell whether what is followed through frames loses contrast, as the picture does, to such a share of it.

    Where a bright sky leaves the picture that loses contrast, and nothing in it does.
    """
    kept = 1.0
    for now, following in pairwise(frames.tolist()):
        points = strong_corners(pictures[now])
        if len(points) < MIN_CORNERS:
            return True
        moved, found = track_points(pictures[now], pictures[following], points)
        if found.sum() < MIN_CORNERS:
            return True
        before, after = _contrasts(pictures[now], points[found]), _contrasts(pictures[following], moved[found])
        kept *= float(np.median(after / np.maximum(before, 1e-3)))
        # Nearer to what the picture keeps than to all.
        if kept < math.sqrt(share):
            return True
    return False


def _contrasts(picture: Image, points: Points) -> Array:
    """Return the standard deviation (N,) of the grey levels around points (N, 2) of a picture."""
    levels = picture.astype(np.float32)
    mean, squared = (cv2.boxFilter(each, -1, (PATCH, PATCH)) for each in (levels, levels**2))
    spread = np.sqrt(np.maximum(squared - mean**2, 0.0))
    height, width = picture.shape
    x, y = np.clip(np.rint(points).astype(int), 0, [width - 1, height - 1]).T
    return np.asarray(spread[y, x], np.float64)
