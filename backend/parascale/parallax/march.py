"""The march along the realised path: look, choose a gain, step."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parascale.parallax.gains import limit_log_gain
from parascale.parallax.mover import Mover
from parascale.parallax.observer import Look, Observer
from parascale.types import Array

# Before the anchor's frame a step starts where the march arrives, so that its gain is found by trying, so many times
# at most, or until ln s moves by less than this.
MAX_TRIES = 6
SETTLED_LOG_GAIN = 1e-9

NextGain = Callable[[int, Look, float], float]
"""(frame, what it saw, gain of the neighbouring step or NaN) -> s_t."""
Limit = Callable[[int, float, float], float]
"""(frame, a gain, gain of the neighbouring step or NaN) -> that gain, held within the limits."""


@dataclass(frozen=True, eq=False)
class March:
    """What came of a march.

    Attributes
    ----------
    poses : (T, 4, 4) float64
        The realised cameras.
    gain : (T-1,) float64
        s_t before strength and lens.
    looks : list of Look
        What each of the T cameras saw.
    """

    poses: Array
    gain: Array
    looks: list[Look]

    @property
    def depth(self) -> Array:
        """Z'_t, (T,), NaN where no surface was in view."""
        return np.array([look.depth for look in self.looks])

    @property
    def felt_per_unit(self) -> Array:
        """phi'_t for a step of length 1, (T-1,)."""
        return np.array([look.felt_per_unit for look in self.looks[:-1]])


def march(
    mover: Mover,
    count: int,
    first: Look,
    observer: Observer,
    next_gain: NextGain,
    anchor_frame: int = 0,
    *,
    midpoint: Limit | None = None,
) -> March:
    """Walk from the anchor's camera both ways, asking for the gain of each step once its frame has been seen.

    Parameters
    ----------
    mover : Mover
        Makes the steps.
    count : int
        T.
    first : Look
        What the anchor's camera sees.
    observer : Observer
    next_gain : callable
    anchor_frame : int
        The frame that the anchor stands for.
    midpoint : callable or None
        Where it is given, a step's gain is the geometric mean of those asked for at its two ends, which takes a look
        more a step, held within the limits by this.
    """
    poses, gain, looks = np.empty((count, 4, 4)), np.empty(count - 1), [first] * count
    poses[anchor_frame] = mover.first()
    last = start = math.nan
    for frame in range(anchor_frame, count - 1):
        before, start = start, next_gain(frame, looks[frame], last)
        if midpoint is None:
            last = start
        else:
            ahead = observer.look(mover.next(frame, poses[frame], start), frame + 1)
            end = next_gain(frame + 1, ahead, start) if frame + 2 < count else start * start / before
            last = midpoint(frame, _mean_gain(start, end), last)
        gain[frame] = last
        poses[frame + 1] = mover.next(frame, poses[frame], last)
        looks[frame + 1] = observer.look(poses[frame + 1], frame + 1)
        mover.see(frame + 1, poses[frame + 1], observer.samples, looks[frame + 1].depth)
    last = gain[anchor_frame] if anchor_frame < count - 1 else math.nan
    for frame in reversed(range(anchor_frame)):
        trial = next_gain(frame, looks[frame + 1], last)
        for _ in range(MAX_TRIES):
            poses[frame] = mover.previous(frame, poses[frame + 1], trial)
            looks[frame] = observer.look(poses[frame], frame)
            before, trial = trial, next_gain(frame, looks[frame], last)
            if midpoint is not None and frame + 2 < count:
                trial = midpoint(frame, _mean_gain(trial, next_gain(frame + 1, looks[frame + 1], last)), last)
            if abs(math.log(trial / before)) < SETTLED_LOG_GAIN:
                break
        # What was walked, whether the last try agreed or not: the report measures what is left.
        last = gain[frame] = before
        mover.see(frame, poses[frame], observer.samples, looks[frame].depth)
    return March(poses, gain, looks)


def _mean_gain(start: float, end: float) -> float:
    """Geometric mean of the gains at the two ends of a step; the first where the second is unknown."""
    return math.sqrt(start * end) if 0 < end < math.inf else start


class ClosedLoopGain:
    """s_t = what the reference shows per unit of step over what the target shows there; the last one holds in gaps."""

    def __init__(
        self,
        wanted: Array,
        of_target: Callable[[Look], float],
        first: float,
        max_change: float | None,
        max_step: Array | None,
    ) -> None:
        """Take the wanted motion per unit of step (T-1,), how to read it off a look, s at the anchor, and the limits.

        The largest |ln s| from that at the anchor, and (T-1,) from the neighbouring step's.
        """
        self._wanted, self._of_target, self._first = wanted.tolist(), of_target, first
        self._max_change, self._max_step = max_change, None if max_step is None else max_step.tolist()

    def __call__(self, frame: int, look: Look, last: float) -> float:
        """Give s_t for a frame that has been seen."""
        shown = self._of_target(look)
        gain = self._wanted[frame] / shown if shown > 0 else math.nan
        if not 0 < gain < math.inf:
            return self._first if math.isnan(last) else last
        return self.limit(frame, gain, self._first if math.isnan(last) else last)

    def limit(self, frame: int, gain: float, last: float) -> float:
        """Hold a step's gain within the limits; NaN for the neighbouring step's is no limit."""
        if math.isnan(last) or (self._max_change is None and self._max_step is None):
            return gain
        step = None if self._max_step is None else self._max_step[frame]
        logs = math.log(gain), math.log(self._first), math.log(last)
        return math.exp(limit_log_gain(*logs, self._max_change, step))
