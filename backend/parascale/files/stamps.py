"""Time stamps of frames: seconds, milliseconds to nanoseconds, or merely the numbers of the frames."""

import numpy as np

from parascale.errors import Notice
from parascale.files.raw_trajectory import Frames
from parascale.types import Array

# A clock that counts from 1970 has passed this many seconds since 1973; no clip has as many frames.
_CLOCK = 1e8
# Frames a second that no clip exceeds: closer whole stamps count something else.
_FASTEST = 500.0


def read_stamps(stamps: Array) -> tuple[Array | None, Frames | None, tuple[Notice, ...]]:
    """Give the times in seconds, or the frame numbers, that increasing stamps mean.

    Stamps with decimals are seconds. Whole ones are nanoseconds, microseconds or milliseconds where they are as far
    apart as frames are in those, seconds of a clock where they count from 1970, else the frames' numbers.

    Parameters
    ----------
    stamps : (T,) float64

    Returns
    -------
    times : (T,) float64 or None
    frames : (T,) int or None
    tuple of Notice
        What was taken for granted.
    """
    step = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 1.0
    if np.any(stamps != np.rint(stamps)) or step <= 0:
        return stamps, None, ()
    for unit, name in ((1e-9, "nanoseconds"), (1e-6, "microseconds")):
        if 1 / (step * unit) <= _FASTEST:
            return stamps * unit, None, (Notice(f"the whole time stamps are {name}"),)
    if stamps[0] >= 1e3 * _CLOCK:
        return stamps * 1e-3, None, (Notice("the whole time stamps are milliseconds"),)
    if stamps[0] >= _CLOCK:
        return stamps, None, ()
    return None, stamps.astype(np.int64), (Notice("the whole time stamps are the numbers of the frames"),)
