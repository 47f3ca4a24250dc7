"""Time stamps of frames: seconds, milliseconds to nanoseconds, or merely the numbers of the frames."""

import numpy as np

from parascale.errors import Notice
from parascale.files.raw_trajectory import Frames
from parascale.types import Array

# A clock that counts from 1970 has passed this many seconds since 1973; no clip has as many frames.
_CLOCK = 1e8
# Frames a second that no clip exceeds: closer whole stamps count something else.
_FASTEST = 500.0
# Seconds between frames that no film has, and what longer steps with decimals may be.
_SLOWEST = 5.0
# Milliseconds of a frame at the rates of cameras: whole stamps as far apart, by one of them, are no frame numbers.
_FRAME_MILLISECONDS = np.array([1000 / rate for rate in (23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60)])
_UNITS = ((1e-9, "nanoseconds"), (1e-6, "microseconds"), (1e-3, "milliseconds"))


def read_stamps(stamps: Array) -> tuple[Array | None, Frames | None, tuple[Notice, ...]]:
    """Give the times in seconds, or the frame numbers, that increasing stamps mean.

    Stamps with decimals are seconds, or parts of them where they count from 1970 so or lie too far apart. Whole ones
    are nanoseconds, microseconds or milliseconds where they are as far apart as frames are in those, seconds of a clock
    where they count from 1970, else the frames' numbers.

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
    if step <= 0:
        return stamps, None, ()
    if np.any(stamps != np.rint(stamps)):
        return _read_decimals(stamps, step)
    for unit, name in _UNITS[:2]:
        if 1 / (step * unit) <= _FASTEST:
            return stamps * unit, None, (Notice(f"the whole time stamps are {name}"),)
    if stamps[0] >= 1e3 * _CLOCK or _counts_milliseconds(np.diff(stamps)):
        return stamps * 1e-3, None, (Notice("the whole time stamps are milliseconds"),)
    if stamps[0] >= _CLOCK:
        return stamps, None, ()
    return None, stamps.astype(np.int64), (Notice("the whole time stamps are the numbers of the frames"),)


def _read_decimals(stamps: Array, step: float) -> tuple[Array, None, tuple[Notice, ...]]:
    for unit, name in _UNITS if step > _SLOWEST else ():
        if stamps[0] * unit >= _CLOCK or (stamps[0] < _CLOCK and 1 / (step * unit) <= _FASTEST):
            return (stamps - stamps[0]) * unit, None, (Notice(f"the time stamps are {name}"),)
    return stamps, None, ()


def _counts_milliseconds(steps: Array) -> bool:
    """Whether whole steps are those of a camera's frames in milliseconds, as 33 33 34."""
    if not len(steps) or np.ptp(steps) > 1:
        return False
    return bool((np.abs(_FRAME_MILLISECONDS / steps.mean() - 1) < 1 / steps.sum() + 1e-3).any())
