"""Where one shot ends and the next begins."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.solve.tracking.flow import flow
from parascale.solve.tracking.footage import Footage
from parascale.types import Image

THUMBNAIL = (64, 36)
# A cut changes the blurred picture by this many grey levels, and by this many times what its neighbours change.
MIN_CHANGE = 8.0
OVER_NEIGHBOURS = 3.0
NEIGHBOURS = 6
# Corners that can be followed across two frames, forward and back: nearly all within a shot, nearly none across a cut.
FOLLOWED = 0.3


def one_shot(name: str, footage: Footage, number: int | None = None) -> Footage:
    """Take one shot out of a clip.

    Parameters
    ----------
    name : str
        What the clip is called.
    footage : Footage
    number : int or None
        Which, counting from 1; None where there is to be one only.

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
        return footage.part(*shots[number - 1])
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
    change = np.array([np.abs(b - a).mean() for a, b in _pairs([_thumbnail(picture) for picture in pictures])])
    cuts = []
    for step in range(len(change)):
        near = np.r_[change[max(step - NEIGHBOURS, 0) : step], change[step + 1 : step + 1 + NEIGHBOURS]]
        usual = np.median(near) if len(near) else 0.0
        if change[step] > max(MIN_CHANGE, OVER_NEIGHBOURS * usual) and _unlike(pictures[step], pictures[step + 1]):
            cuts.append(step + 1)
    return cuts


def _thumbnail(picture: Image) -> NDArray[np.float32]:
    small = cv2.resize(picture, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.5))


def _pairs(items: list[NDArray[np.float32]]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    return list(pairwise(items))


def _unlike(before: Image, after: Image) -> bool:
    corners = cv2.goodFeaturesToTrack(before, 200, 0.01, 10)
    if corners is None:
        return True
    _, good = flow(before, after, np.asarray(corners[:, 0], np.float32))
    return bool(good.mean() < FOLLOWED)
