"""Frames by the names of their pictures."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parascale.errors import Notice
from parascale.files.picture_stamps import read_stamps
from parascale.types import Array

# Larger steps in the median are those of no frame numbers.
_MAX_FRAME_STEP = 1000


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key under which frame_9 comes before frame_10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]{1,15})", name))


def parse_frame_numbers(names: Sequence[str]) -> NDArray[np.int64] | None:
    """Give the last number in each name, where every name has one and they increase."""
    found = [re.findall(r"[0-9]{1,15}", name.rpartition("/")[2]) for name in names]
    if not all(found):
        return None
    numbers = np.array([int(digits[-1]) for digits in found], np.int64)
    return None if np.any(np.diff(numbers) <= 0) else numbers


def read_picture_times(names: Sequence[str]) -> tuple[Array | None, NDArray[np.int64] | None, tuple[Notice, ...]]:
    """Give the times in seconds from the first picture, or the frame numbers, that the pictures' names tell.

    Returns
    -------
    times : (T,) float64 or None
    frames : (T,) int or None
    tuple of Notice
        What was taken for granted.
    """
    times = read_stamps([_stem(name) for name in names])
    if times is not None:
        return np.array(times), None, (Notice("the names of the pictures are read as time stamps"),)
    frames = parse_frame_numbers(names)
    if frames is not None and len(frames) > 1 and np.median(np.diff(frames)) > _MAX_FRAME_STEP:
        return None, None, (Notice("the numbers in the pictures' names are no frame numbers: they are counted"),)
    return None, frames, ()


def _stem(name: str) -> str:
    file = name.replace("\\", "/").rpartition("/")[2]
    stem, _, ending = file.rpartition(".")
    return stem if stem and not ending.isdigit() else file


def name_pictures(frames: NDArray[np.int64]) -> list[str]:
    """Names for the pictures of frames, which sort and are read back as their numbers."""
    numbers = frames if frames[0] >= 0 else np.arange(len(frames))
    return [f"frame_{number:06d}.png" for number in numbers.tolist()]
