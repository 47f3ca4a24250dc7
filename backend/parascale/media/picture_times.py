"""When the pictures of a folder were taken, by the numbers in their names."""

import itertools
import re
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from parascale.errors import Notice
from parascale.files.picture_stamps import increases, read_stamps

DEFAULT_FPS = 24.0

# Larger steps in the median are those of no frame numbers.
_MAX_FRAME_STEP = 1000


class PictureTimes(NamedTuple):
    """Seconds from the first picture, pictures a second, and what was assumed."""

    times: list[float]
    fps: float
    notices: tuple[Notice, ...] = ()


def read_times(name: str, stems: Sequence[str], fps: float | None = None) -> PictureTimes:
    """Read the times of pictures that are listed in their order.

    Time stamps (seconds with decimals, milli-, micro- and nanoseconds, date and time) are times; other numbers that
    increase are frame numbers, so that missing frames are gaps in time; pictures without either are counted.

    Parameters
    ----------
    name : str
        Of the folder, for notices.
    stems : sequence of str
        The names without their suffixes.
    fps : float or None
        Pictures a second, which time stamps then do not decide; `DEFAULT_FPS` where it is None and nothing tells.
    """
    stamps = read_stamps(stems)
    if fps is None and stamps is not None:
        rate = 1 / median(b - a for a, b in itertools.pairwise(stamps))
        told = f"the names of the pictures in {name} are read as time stamps: {rate:.4g} pictures a second"
        return PictureTimes([stamp - stamps[0] for stamp in stamps], rate, (Notice(told, "fps"),))
    numbers = None if stamps is not None else _read_frame_numbers(stems)
    counted = list(range(len(stems)))
    steps = [b - a for a, b in itertools.pairwise(numbers or counted)]
    rate = fps or DEFAULT_FPS
    assumed = "" if fps else f"{rate:g} a second are assumed"
    if steps and median(steps) > _MAX_FRAME_STEP:
        told = f"the numbers in the names in {name} are no frame numbers, as they step by {median(steps):g}"
        return PictureTimes([number / rate for number in counted], rate, (_join(told, assumed),))
    times = [(number - (numbers or counted)[0]) / rate for number in numbers or counted]
    several = len(stems) > 1 and not fps
    return PictureTimes(times, rate, (_join(f"the pictures in {name} tell no frame rate", assumed),) if several else ())


def _join(told: str, assumed: str) -> Notice:
    return Notice(f"{told}: {assumed or 'they are counted'}", "" if not assumed else "fps")


def _read_frame_numbers(stems: Sequence[str]) -> list[int] | None:
    """Read the last number of the names that increases from each to the next."""
    found = [[int(digits) for digits in re.findall(r"\d+", stem)] for stem in stems]
    for place in range(1, min(map(len, found)) + 1):
        numbers = [each[-place] for each in found]
        if increases(numbers):
            return numbers
        if len(set(numbers)) > 1:
            return None
    return None
