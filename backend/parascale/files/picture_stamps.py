"""Time stamps in the names of pictures: seconds with decimals, counts since 1970, and dates with their time of day."""

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median

# Seconds between pictures: from a fast camera to a time-lapse.
_SECONDS = (1 / 1000, 3600.0)
# The same where only the size of the steps tells the unit of whole numbers.
_USUAL_SECONDS = (1 / 250, 0.25)
# Digits of whole seconds, milli-, micro- and nanoseconds since 1970, and what they count in a second.
_EPOCH_DIGITS = {10: 1.0, 13: 1e3, 16: 1e6, 19: 1e9}
_SHORT_UNITS = (1e6, 1e9)
# 20240229_120059900, 2024-02-29T12-00-59.900Z, vlcsnap-2024-02-29-12h00m59s900.
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-._ ]?)(\d\d)\2(\d\d)(?: at |[-._ T])?"
    r"(\d\d)[-._: h]?(\d\d)[-._: m]?(\d\d)s?(?:([-._, ]?)(\d{3}|\d{6}|\d{9}))?Z?$"
)
# Frames between two pictures that are no time, and a number that no film's first frame has.
_FEW_FRAMES, _LATE_FIRST_FRAME = 10, 10_000
_DECIMAL = re.compile(r"(?<![\d.])(\d+)\.(\d{3,9})$")

# Whole numbers of the parts of a second that are counted, and how many make a second.
_Stamps = tuple[list[int], float]


def read_stamps(stems: Sequence[str]) -> list[float] | None:
    """Read times from names in their order, in seconds from the first.

    None where they do not all end in time stamps of one kind that increase by plausible steps.

    Parameters
    ----------
    stems : sequence of str
        The names without their suffixes.
    """
    for read in (_read_dates, _read_decimals, _read_whole):
        # From the first, as whole numbers: nanoseconds since 1970 have more digits than a float.
        found = read(stems)
        if found is not None and len(found[0]) > 1 and increases(found[0]):
            seconds = [(stamp - found[0][0]) / found[1] for stamp in found[0]]
            if _SECONDS[0] <= _step(seconds) <= _SECONDS[1]:
                return seconds
    return None


def increases(numbers: Sequence[float]) -> bool:
    """Whether each number is larger than the one before."""
    return all(a < b for a, b in itertools.pairwise(numbers))


def _step(numbers: Sequence[float]) -> float:
    return median(b - a for a, b in itertools.pairwise(numbers))


def _read_dates(stems: Sequence[str]) -> _Stamps | None:
    matches = [match for stem in stems if (match := _DATE.search(stem))]
    if len(matches) != len(stems) or len(stems) < 2:
        return None
    try:
        digits = ["".join(match.group(1, 3, 4, 5, 6, 7)) for match in matches]
        when = [datetime.strptime(each, "%Y%m%d%H%M%S").replace(tzinfo=UTC) for each in digits]
    except ValueError:
        return None
    parts = [int((match[9] or "").ljust(9, "0")) for match in matches]
    stamps = [int(each.timestamp()) * 1_000_000_000 + part for each, part in zip(when, parts, strict=True)]
    counts_frames = _parts_are_frames if matches[0][8] else _times_of_day_are_frames
    return None if counts_frames(matches, stamps) else (stamps, 1e9)


def _parts_are_frames(matches: Sequence[re.Match[str]], stamps: Sequence[int]) -> bool:
    """Whether names are a take and the number of a frame, as "20240229_120000_001", and not a part of a second."""
    steps = _steps_in(stamps, 10 ** (9 - len(matches[0][9])))
    takes = {match.group(1, 3, 4, 5, 6, 7) for match in matches}
    # Frames step by one, or within one take by the same few; a fast camera's parts of a second run over.
    return median(steps) == 1 or (len(takes) == 1 and len(set(steps)) == 1 and steps[0] < _FEW_FRAMES)


def _times_of_day_are_frames(matches: Sequence[re.Match[str]], stamps: Sequence[int]) -> bool:
    """Whether names are a date and the number of a frame, as "20240229_000001", and not a time of day."""
    first = re.search(r"\d{6}$", matches[0][0])
    if first is None or matches[0][9]:
        return False
    steps = _steps_in(stamps, 1_000_000_000)
    # Numbers begin at 0, 1 or 1001, which a clock shows in the first seconds or the first hour of a day.
    by_one = set(steps) == {1} and int(first[0]) < _LATE_FIRST_FRAME
    return by_one or (int(first[0]) < _FEW_FRAMES and (len(set(steps)) == 1 or median(steps) == 1))


def _steps_in(stamps: Sequence[int], unit: int) -> list[float]:
    return [(b - a) / unit for a, b in itertools.pairwise(stamps)]


def _read_decimals(stems: Sequence[str]) -> _Stamps | None:
    matches = [match for stem in stems if (match := _DECIMAL.search(stem))]
    if len(matches) != len(stems) or len({len(match[2]) for match in matches}) != 1:
        return None
    stamps = [int(match[1] + match[2]) for match in matches]
    # "shot1.0001" is a version and a frame number: frame numbers step by one, and versions are small.
    seconds_alone = all(match.start() == 0 or len(match[1]) in _EPOCH_DIGITS for match in matches)
    if not seconds_alone or len(stamps) < 2 or _step(stamps) < 2:
        return None
    return stamps, 10.0 ** len(matches[0][2])


def _read_whole(stems: Sequence[str]) -> _Stamps | None:
    matches = [match for stem in stems if (match := re.search(r"\d+$", stem))]
    if len(matches) != len(stems) or len(stems) < 2:
        return None
    stamps, lengths = [int(match[0]) for match in matches], {len(match[0]) for match in matches}
    step = _step(stamps)
    since_1970 = _EPOCH_DIGITS.get(lengths.pop()) if len(lengths) == 1 and matches[0][0][0] != "0" else None
    if since_1970 and _SECONDS[0] <= step / since_1970 <= _SECONDS[1]:
        return stamps, since_1970
    for unit in _SHORT_UNITS:
        if _USUAL_SECONDS[0] <= step / unit <= _USUAL_SECONDS[1]:
            return stamps, unit
    return None
