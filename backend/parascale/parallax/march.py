"""The march along the realised path: look, choose a gain, step."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parascale.parallax.gains import limit_log_gain
from parascale.parallax.observer import Look, Observer
from parascale.types import Array


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
    start: Array, steps: Array, first: Look, observer: Observer, next_gain: Callable[[int, Look], float]
) -> March:
    """Walk from the first camera, asking for the gain of each step once its frame has been seen.

    Parameters
    ----------
    start : (T, 4, 4) float64
        Realised rotations, all centres at the anchor.
    steps : (T-1, 3) float64
        Steps in the target's axes for gain 1, strength and lens included.
    first : Look
        What the anchor camera sees.
    observer : Observer
    next_gain : callable
        (frame, what it saw) -> s_t.
    """
    poses, gain, looks = start.copy(), np.empty(len(steps)), [first]
    for frame in range(len(steps)):
        gain[frame] = next_gain(frame, looks[frame])
        poses[frame + 1, :3, 3] = poses[frame, :3, 3] + gain[frame] * steps[frame]
        looks.append(observer.look(poses[frame + 1], frame + 1))
    return March(poses, gain, looks)


class ClosedLoopGain:
    """s_t = what the reference shows per unit of step over what the target shows there; the last one holds in gaps."""

    def __init__(
        self,
        wanted: Array,
        of_target: Callable[[Look], float],
        first: float,
        max_change: float | None,
        max_step: float | None,
    ) -> None:
        """Take the wanted motion per unit of step (T-1,), how to read it off a look, and s_0."""
        self._wanted, self._of_target = wanted.tolist(), of_target
        self._first = self._last = first
        self._limits = (max_change, max_step)

    def __call__(self, frame: int, look: Look) -> float:
        """Give s_t for a frame that has been seen; frames come in order."""
        if frame == 0:
            return self._first
        shown = self._of_target(look)
        gain = self._wanted[frame] / shown if shown > 0 else math.nan
        if 0 < gain < math.inf:
            if self._limits != (None, None):
                logs = math.log(gain), math.log(self._first), math.log(self._last)
                gain = math.exp(limit_log_gain(*logs, *self._limits))
            self._last = gain
        return self._last
