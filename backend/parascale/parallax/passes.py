"""March again and again, until gains and corrections that are smoothed over time agree with what is seen on the way."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from parascale.camera.rotations import geodesic_angle
from parascale.errors import InputError
from parascale.parallax.composition import Composition
from parascale.parallax.framing import SteadyAim, smooth_corrections
from parascale.parallax.gains import fill_gaps, limit_gains, smooth_gain
from parascale.parallax.march import ClosedLoopGain, March, NextGain, march
from parascale.parallax.methods import METHODS, ClosedLoop
from parascale.parallax.observer import Look, Observer
from parascale.parallax.settings import Settings
from parascale.parallax.shot import Shot
from parascale.types import Array

# Smoothing changes the path, the path the depth, the depth the gain: repeated until ln s settles.
MAX_SMOOTHING_PASSES = 10
SETTLED_LOG_GAIN = 1e-3

# A median over a coarse grid moves in small jumps, between which the gain may bounce for ever by a percent or so; only
# beyond this is it worth a warning.
UNSETTLED_LOG_GAIN = 0.03

# Corrections are smoothed where that changes one by more than the first, radians, and again while they move by more
# than the second, at most so many times: the path changes little by what is smoothed.
ROUGH_CORRECTION = math.radians(0.02)
SETTLED_CORRECTION = math.radians(0.1)
MAX_CORRECTION_PASSES = 3


@dataclass(frozen=True, eq=False)
class Walk:
    """What the last march gave.

    Attributes
    ----------
    path : March
    settled : bool
        False where smoothing the gain did not settle.
    """

    path: March
    settled: bool


def most_passes(settings: Settings, composition: Composition) -> int:
    """Marches that may be made besides the first."""
    closed = isinstance(METHODS[settings.method].gain, ClosedLoop)
    gain = MAX_SMOOTHING_PASSES if settings.smooth > 0 and closed else 0
    return max(gain, MAX_CORRECTION_PASSES if composition.corrects else 0)


def walk(
    shot: Shot, settings: Settings, wanted: Array, first: Look, composition: Composition, observer: Observer
) -> Walk:
    """March with the gains of a method, as often as smoothing needs.

    Parameters
    ----------
    shot : Shot
    settings : Settings
    wanted : (T-1,) float64
        The gain of an open-loop method, or the motion to show for a step of length 1; NaN where unknown.
    first : Look
        What the anchor's camera sees.
    composition : Composition
    observer : Observer

    Raises
    ------
    InputError
        Where a gain stays unknown.
    """
    gains = _Gains(shot, settings, wanted, first)

    def marched(composition: Composition, next_gain: NextGain) -> March:
        return march(composition.mover, len(shot), first, observer, next_gain, settings.anchor_frame)

    path = marched(composition, gains.first_pass())
    corrections = composition.aim.wanted.copy()
    unsmoothed, moved, turned = composition, 0.0, 0.0
    for done in range(most_passes(settings, unsmoothed)):
        gain = gains.next_pass(path)
        moved = 0.0 if gain is None else float(np.max(np.abs(np.log(gain / path.gain)), initial=0.0))
        turned = 0.0
        if composition.corrects and done < MAX_CORRECTION_PASSES:
            smooth = smooth_corrections(unsmoothed.aim.wanted, shot.trajectory.times, settings.anchor_frame)
            turned = float(np.max(geodesic_angle(corrections, smooth)))
            corrections = smooth
        if moved < SETTLED_LOG_GAIN and turned < (SETTLED_CORRECTION if done else ROUGH_CORRECTION):
            break
        if composition.corrects:
            composition = replace(unsmoothed, mover=unsmoothed.move_with(SteadyAim(unsmoothed.aim, corrections)))
        path = marched(composition, gains.first_pass() if gain is None else _replay(gain))
    return Walk(path, moved < UNSETTLED_LOG_GAIN)


class _Gains:
    """The gains of a method, pass by pass."""

    def __init__(self, shot: Shot, settings: Settings, wanted: Array, first: Look) -> None:
        self._shot, self._settings, self._wanted = shot, settings, wanted
        self._method = METHODS[settings.method].gain
        self._fallback = _fallback_gain(shot, first.depth)
        self._first = first

    def first_pass(self) -> NextGain:
        """Give the policy of a march that is not smoothed."""
        if not isinstance(self._method, ClosedLoop):
            return _replay(self._filter(self._wanted))
        frame, settings = self._settings.anchor_frame, self._settings
        start = self._wanted[frame : frame + 1] if frame < len(self._wanted) else self._wanted[-1:]
        at_anchor = fill_gaps(_measured_gain(start, [self._first], self._method.of_target), self._fallback)
        _refuse_without_depth(self._shot, at_anchor)
        first = float(at_anchor[0]) if len(at_anchor) else math.nan
        return ClosedLoopGain(
            self._wanted, self._method.of_target, first, settings.max_gain_change, _largest_steps(self._shot, settings)
        )

    def next_pass(self, path: March) -> Array | None:
        """Give the gains that a march asks for, smoothed; None where they are not."""
        if not isinstance(self._method, ClosedLoop):
            return path.gain
        if self._settings.smooth == 0:
            return None
        return self._filter(_measured_gain(self._wanted, path.looks[:-1], self._method.of_target))

    def _filter(self, gain: Array) -> Array:
        gain = fill_gaps(gain, self._fallback)
        _refuse_without_depth(self._shot, gain)
        if self._settings.smooth > 0:
            gain = np.exp(smooth_gain(np.log(gain), self._settings.smooth))
        return limit_gains(gain, self._settings.max_gain_change, _largest_steps(self._shot, self._settings))


def _largest_steps(shot: Shot, settings: Settings) -> Array | None:
    """Largest |ln s_t| from the step before, (T-1,), or from the one after where it lies before the anchor."""
    if settings.max_jump is None and settings.max_gain_step is None:
        return None
    steps = np.full(len(shot) - 1, math.inf)
    if settings.max_jump is not None and len(steps):
        change = np.abs(np.diff(np.log(shot.bridged_depth)))
        frame = settings.anchor_frame
        between = np.concatenate([change[:frame], [0.0], change[frame:-1]])[: len(steps)]
        steps = np.maximum(settings.max_jump, between)
    return steps if settings.max_gain_step is None else np.minimum(steps, settings.max_gain_step)


def _replay(gain: Array) -> NextGain:
    return lambda frame, _, __: float(gain[frame])


def _measured_gain(wanted: Array, looks: list[Look], of_target: Callable[[Look], float]) -> Array:
    """Gains that make the target show what is wanted, NaN where either side is unknown."""
    there = np.array([of_target(look) for look in looks[: len(wanted)]])
    return np.divide(wanted[: len(there)], there, out=np.full(len(there), math.nan), where=there > 0)


def _fallback_gain(shot: Shot, first_depth: float) -> float:
    """Give the gain that stands until one is known; NaN where the reference moves and frame 0 has no depth."""
    if math.isnan(shot.median_depth[0]) and not np.any(shot.trajectory.baselines):
        return 1.0
    return first_depth / float(shot.median_depth[0])


def _refuse_without_depth(shot: Shot, gain: Array) -> None:
    if np.isnan(gain).any():
        raise InputError(f"frame 0 of {shot.name!r} has no depth, so its first steps have no gain: start it later")
