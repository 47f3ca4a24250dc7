"""When the pictures of a folder were taken, by the numbers in their names."""

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from parascale.errors import Notice

DEFAULT_FPS = 24.0

# Seconds between pictures: from a fast camera to a time-lapse.
_SECONDS = (1 / 1000, 3600.0)
# The same where only the size of the steps tells the unit of whole numbers.
_USUAL_SECONDS = (1 / 250, 0.25)
# Digits of whole seconds, milli-, micro- and nanoseconds since 1970, and what they count in a second.
_EPOCH_DIGITS = {10: 1.0, 13: 1e3, 16: 1e6, 19: 1e9}
_SHORT_UNITS = (1e6, 1e9)
# Larger steps in the median are those of no frame numbers.
_MAX_FRAME_STEP = 1000
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{6})[_T -]?(\d{6})(\d{3}|\d{6})?$")
_DECIMAL = re.compile(r"(?<![\d.])(\d+)\.(\d{3,9})$")


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
    stamps = _read_stamps(stems)
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
        if _increase(numbers):
            return numbers
        if len(set(numbers)) > 1:
            return None
    return None


def _read_stamps(stems: Sequence[str]) -> list[float] | None:
    """Read times in seconds where all names end in one of the same kind and they increase by plausible steps."""
    for read in (_read_dates, _read_decimals, _read_whole):
        # From the first, as whole numbers: nanoseconds since 1970 have more digits than a float.
        found = read(stems)
        if found is not None and len(found[0]) > 1 and _increase(found[0]):
            seconds = [(stamp - found[0][0]) / found[1] for stamp in found[0]]
            if _SECONDS[0] <= median(b - a for a, b in itertools.pairwise(seconds)) <= _SECONDS[1]:
                return seconds
    return None


def _read_dates(stems: Sequence[str]) -> tuple[list[int], float] | None:
    matches = [match for stem in stems if (match := _DATE.search(stem))]
    if len(matches) != len(stems):
        return None
    try:
        when = [datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S").replace(tzinfo=UTC) for match in matches]
    except ValueError:
        return None
    parts = [int((match[3] or "").ljust(6, "0")) for match in matches]
    return [int(each.timestamp()) * 1_000_000 + part for each, part in zip(when, parts, strict=True)], 1e6


def _read_decimals(stems: Sequence[str]) -> tuple[list[int], float] | None:
    matches = [match for stem in stems if (match := _DECIMAL.search(stem))]
    if len(matches) != len(stems) or len({len(match[2]) for match in matches}) != 1:
        return None
    stamps = [int(match[1] + match[2]) for match in matches]
    # "shot1.0001" is a version and a frame number: frame numbers step by one, and versions are small.
    seconds_alone = all(match.start() == 0 or len(match[1]) in _EPOCH_DIGITS for match in matches)
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    if not seconds_alone or not steps or median(steps) < 2:
        return None
    return stamps, 10.0 ** len(matches[0][2])


def _read_whole(stems: Sequence[str]) -> tuple[list[int], float] | None:
    matches = [match for stem in stems if (match := re.search(r"\d+$", stem))]
    if len(matches) != len(stems) or len(stems) < 2:
        return None
    stamps, lengths = [int(match[0]) for match in matches], {len(match[0]) for match in matches}
    if len(lengths) == 1 and matches[0][0][0] != "0" and (unit := _EPOCH_DIGITS.get(lengths.pop())):
        return stamps, unit
    step = median(b - a for a, b in itertools.pairwise(stamps))
    for unit in _SHORT_UNITS:
        if _USUAL_SECONDS[0] <= step / unit <= _USUAL_SECONDS[1]:
            return stamps, unit
    return None


def _increase(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in itertools.pairwise(numbers))
