"""The same path at other times: frame rates matched, a generator's frames filled, moves stretched and eased."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.retime.curves import monotone_cubic
from parascale.retime.move import Move, sample_move
from parascale.types import Array

# Times that miss a frame by less than this share of the duration are rounding.
_TIME_TOLERANCE = 1e-9

# Above this a count of frames is a slip of the finger: 11 hours at 24 a second.
_MAX_FRAMES = 1_000_000


def resample(shot: Shot, times: ArrayLike) -> Shot:
    """Give the same camera move seen at other times.

    Centres run along a smooth curve through the shot's own, by an arc length that follows time by monotone cubic
    interpolation (a rest stays a rest); rotations likewise; intrinsics and ln Z linearly. P, phi and gain belong to
    the new steps; phi keeps its ratio to P.

    Parameters
    ----------
    shot : Shot
        At least 2 frames, unless ``times`` is its own one time.
    times : (N,) float64
        Seconds on the shot's own clock, strictly increasing, within the shot.

    Returns
    -------
    Shot
        N frames, numbered from 0, in the shot's unit.

    Raises
    ------
    InputError
        Where a time lies outside the shot, or the times do not increase.
    """
    wanted = _within(shot.trajectory.times, times)
    fps = float(1 / np.median(np.diff(wanted))) if len(wanted) > 1 and np.all(np.diff(wanted) > 0) else shot.fps
    return sample_move(Move(shot), wanted, wanted, fps=fps, record={"operation": "resample", "frames": len(wanted)})


def generator_times(duration: float, fps: float, multiple_of: int = 4, plus: int = 1) -> Array:
    """Give the times of as many frames as fit a duration, in a number that a generator takes.

    Parameters
    ----------
    duration : float
        Seconds from the first frame to the last.
    fps : float
        Frames a second, above 0.
    multiple_of, plus : int
        The number of frames is n * ``multiple_of`` + ``plus``, n from 0; 4 n + 1 for Wan, n + 1 for any number.

    Returns
    -------
    (N,) float64
        n / fps, from 0; the last within the duration, to rounding.

    Raises
    ------
    InputError
        Where the duration or the rate is not a number that can be.
    """
    check_rate(fps)
    if not 0 <= duration < math.inf:
        raise InputError(f"a duration of {duration} s is not a positive number")
    if multiple_of < 1 or plus < 1:
        raise InputError(f"frames in a number of {multiple_of} n + {plus} need both to be at least 1")
    intervals = math.floor(min(duration * fps, 2.0 * _MAX_FRAMES) + 1e-6)
    check_frames(intervals + 1)
    count = max(0, intervals + 1 - plus) // multiple_of * multiple_of + plus
    return np.arange(count) / fps


def match_rate(shot: Shot, fps: float, multiple_of: int = 1, plus: int = 1) -> Shot:
    """Give the shot at another frame rate over the same duration.

    Parameters
    ----------
    shot : Shot
    fps : float
        Frames a second, above 0; the last frame falls on the last whole interval within the shot.
    multiple_of, plus : int
        As in `generator_times`: 4 and 1 for a generator of 4 n + 1 frames.

    Raises
    ------
    InputError
        Where the rate is not positive, or the shot too short for ``plus`` frames.
    """
    own = shot.trajectory.times
    times = generator_times(float(own[-1] - own[0]), fps, multiple_of, plus)
    if times[-1] > (own[-1] - own[0]) * (1 + _TIME_TOLERANCE) + 1e-6 / fps:
        raise InputError(f"{shot.name!r} lasts {own[-1] - own[0]:.3g} s, too short for {plus} frames at {fps:g} fps")
    times = own[0] + times
    at = snap_to_frames(times, own)
    record = {"operation": "match-rate", "frames": len(at), "fps": float(fps)}
    return sample_move(Move(shot), at, times, fps=fps, record=record)


def keep_path(shot: Shot, frames: int, fps: float) -> Shot:
    """Play the same path from end to end over new frames: its timing is stretched, its shape kept.

    Parameters
    ----------
    shot : Shot
    frames : int
        N; 1 gives the first frame.
    fps : float
        Frames a second: the move lasts (N - 1) / fps, and starts when the shot does.

    Raises
    ------
    InputError
        Where frames or rate cannot be.
    """
    times = frame_times(shot, frames, fps)
    record = {"operation": "keep-path", "frames": frames, "fps": float(fps)}
    return sample_move(Move(shot), stretch_times(shot, frames), times, fps=fps, record=record)


def ease(shot: Shot, curve: Sequence[tuple[float, float]] | Array, frames: int, fps: float) -> Shot:
    """Play the path with a timing of one's own, in frames at a rate, starting when the shot does.

    Parameters
    ----------
    shot : Shot
    curve : sequence of (time, value)
        Pairs: the share of the new duration, strictly increasing, 0 .. 1; the share of the shot's own duration to be
        seen then, 0 .. 1. Between them by monotone cubic interpolation, before the first and after the last as they
        are. A value that falls plays backwards, one that stays holds. An F-curve is given by its values, frame by
        frame.
    frames : int
    fps : float

    Raises
    ------
    InputError
        Where the curve, the frames or the rate cannot be.
    """
    time, value = _checked_curve(curve)
    times = frame_times(shot, frames, fps)
    share = np.clip(np.linspace(0, 1, frames), time[0], time[-1])
    eased = np.clip(monotone_cubic(time, value, share), 0, 1)
    own = shot.trajectory.times
    at = snap_to_frames(own[0] + (own[-1] - own[0]) * eased, own)
    pairs = np.stack([time, value], axis=1).tolist()
    record = {"operation": "ease", "frames": frames, "fps": float(fps), "curve": pairs}
    return sample_move(Move(shot), at, times, fps=fps, record=record)


def frame_times(shot: Shot, frames: int, fps: float) -> Array:
    """Give the times of new frames at a rate, from when the shot starts, (N,).

    Raises
    ------
    InputError
        Where frames or rate cannot be.
    """
    check_rate(fps)
    check_frames(frames)
    times: Array = shot.trajectory.times[0] + np.arange(frames) / fps
    return times


def stretch_times(shot: Shot, frames: int) -> Array:
    """Give the times of the shot, evenly spread from its first frame to its last, (N,)."""
    own = shot.trajectory.times
    return snap_to_frames(np.linspace(own[0], own[-1], frames), own)


def snap_to_frames(times: Array, own: Array) -> Array:
    """Give times held within the shot, and put on the frame they miss by rounding alone."""
    after = np.minimum(np.searchsorted(own, times), len(own) - 1)
    before = np.maximum(after - 1, 0)
    nearest = own[np.where(times - own[before] < own[after] - times, before, after)]
    close = np.abs(nearest - times) <= _TIME_TOLERANCE * (own[-1] - own[0])
    return np.where(close, nearest, np.clip(times, own[0], own[-1]))


def check_rate(fps: float) -> None:
    """Refuse what is no frame rate."""
    if not 0 < fps < math.inf:
        raise InputError(f"a frame rate of {fps} is not positive")


def check_frames(frames: int) -> None:
    """Refuse what is no number of frames."""
    if frames < 1:
        raise InputError(f"{frames} frames are too few: a shot has at least one")
    if frames > _MAX_FRAMES:
        raise InputError(f"{frames} frames are more than the {_MAX_FRAMES} a shot may have")


def _checked_curve(curve: Sequence[tuple[float, float]] | Array) -> tuple[Array, Array]:
    pairs = np.array(curve, np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) < 2:
        raise InputError("an ease curve needs at least two pairs of time and value")
    if not ((pairs >= 0) & (pairs <= 1)).all():
        raise InputError("an ease curve's times and values are shares of the duration, from 0 to 1")
    if np.any(np.diff(pairs[:, 0]) <= 0):
        raise InputError("an ease curve's times must increase from pair to pair")
    return pairs[:, 0], pairs[:, 1]


def _within(own: Array, times: ArrayLike) -> Array:
    wanted = np.array(times, np.float64)
    if wanted.ndim != 1 or len(wanted) == 0:
        raise InputError("resampling needs a list of at least one time")
    slack = _TIME_TOLERANCE * (own[-1] - own[0])
    outside = ~((wanted >= own[0] - slack) & (wanted <= own[-1] + slack))
    if outside.any():
        raise InputError(
            f"the time {wanted[np.argmax(outside)]:.6g} s lies outside the shot, {own[0]:.6g} to {own[-1]:.6g} s"
        )
    return np.clip(wanted, own[0], own[-1])


def fit_to_training(shot: Shot, fps: float, best_frames: int = 0) -> Shot:
    """Give a shot the frame rate that a video model was trained at.

    Parameters
    ----------
    shot : Shot
    fps : float
        The model's; 0 keeps the shot's own. A rate within 1 % of the shot's counts as equal.
    best_frames : int
        Where the move would take more frames than that, all of it in as many, at a lower rate; 0 is any number.

    Returns
    -------
    Shot
        The shot itself where nothing changes.
    """
    own = shot.trajectory.times
    duration = float(own[-1] - own[0])
    if duration == 0:
        return shot
    rate = shot.fps if not fps or abs(fps / shot.fps - 1) < _SAME_RATE else fps
    if best_frames > 1 and len(generator_times(duration, rate, 1)) > best_frames:
        rate = (best_frames - 1) / duration
    return shot if rate == shot.fps else match_rate(shot, rate)


# 23.976 and 24 frames a second are the same to a viewer.
_SAME_RATE = 0.01
