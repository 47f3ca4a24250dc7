"""Frames by the names of their pictures."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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


def name_pictures(frames: NDArray[np.int64]) -> list[str]:
    """Names for the pictures of frames, which sort and are read back as their numbers."""
    numbers = frames if frames[0] >= 0 else np.arange(len(frames))
    return [f"frame_{number:06d}.png" for number in numbers.tolist()]
