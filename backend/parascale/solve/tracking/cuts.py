"""Hard cuts: where one shot ends and the next begins."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from parascale.errors import InputError
from parascale.solve.tracking.flow import track_points
from parascale.solve.tracking.footage import Footage
from parascale.types import Image

THUMBNAIL_SIZE = (64, 36)
# A cut changes the blurred picture by this many grey levels, and by this many times what its neighbours change.
MIN_CHANGE = 8.0
MIN_CHANGE_RATIO = 3.0
NEIGHBOURS = 6
# Share of the corners that can be tracked to the next frame: nearly all within a shot, nearly none across a cut.
MIN_TRACKED_SHARE = 0.3


def one_shot(name: str, footage: Footage, number: int | None = None) -> Footage:
    """Select one shot of a clip.

    Parameters
    ----------
    name : str
        Name of the clip, for messages.
    footage : Footage
    number : int or None
        Number of the shot, counting from 1; None where the clip must be one shot.

    Raises
    ------
    InputError
        Where the clip holds several and no number is given, or fewer than the number; its choices are their ranges.
    """
    edges = [0, *find_cuts(footage.grey), len(footage)]
    shots = list(pairwise(edges))
    if number is None and len(shots) == 1:
        return footage
    if number is not None and 1 <= number <= len(shots):
        return footage.keep(range(*shots[number - 1]))
    numbers = [*footage.frames, footage.frames[-1] + 1]
    missing = "" if number is None else f", no shot {number}"
    plural = "s" * (len(shots) > 1)
    ranges = [f"{numbers[first]}:{numbers[last]}" for first, last in shots]
    raise InputError(f"{name} holds {len(shots)} shot{plural}{missing}", "shot", ranges)


def find_cuts(pictures: Sequence[Image]) -> list[int]:
    """Find hard cuts.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8

    Returns
    -------
    list of int
        Indices of the first frame of every shot but the first.
    """
    small = [cv2.resize(p, THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) for p in pictures]
    thumbnails = [cv2.GaussianBlur(picture, (0, 0), 1.5) for picture in small]
    change = np.array([np.abs(b - a).mean() for a, b in pairwise(thumbnails)])
    cuts = []
    for step in range(len(change)):
        near = np.r_[change[max(step - NEIGHBOURS, 0) : step], change[step + 1 : step + 1 + NEIGHBOURS]]
        typical = np.median(near) if len(near) else 0.0
        if change[step] > max(MIN_CHANGE, MIN_CHANGE_RATIO * typical) and _shows_another_scene(
            pictures[step], pictures[step + 1]
        ):
            cuts.append(step + 1)
    return cuts


def _shows_another_scene(before: Image, after: Image) -> bool:
    corners = cv2.goodFeaturesToTrack(before, 200, 0.01, 10)
    if corners is None:
        return True
    _, good = track_points(before, after, np.asarray(corners[:, 0], np.float32))
    return bool(good.mean() < MIN_TRACKED_SHARE)
