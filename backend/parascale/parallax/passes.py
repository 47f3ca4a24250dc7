"""March again and again, until gains and corrections that are smoothed over time agree with what is seen on the way."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from parascale.camera.rotations import geodesic_angle
from parascale.errors import InputError
from parascale.parallax.composition import Composition
from parascale.parallax.framing import Aim, SteadyAim, smooth_corrections
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

# A median depth that changes by more than this many times what the view changes has jumped from one surface to another,
# or is noise of a solve: the gain does not follow it.
MAX_CHANGE_OVER_VIEW = 2.0
# A change of the reference's own depth is one that lasts: the median over so many steps. A single step is a jump.
LASTING_STEPS = 5

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
    bent, held_back : mapping
        Steps turned aside, by so many degrees, and steps shortened to a share, to keep clear of surfaces.
    hurried : tuple of int
        Frames in which the subject would have needed a faster turn than is allowed.
    """

    path: March
    settled: bool
    bent: Mapping[int, float]
    held_back: Mapping[int, float]
    hurried: tuple[int, ...]


def most_passes(settings: Settings, composition: Composition) -> int:
    """Marches that may be made besides the first."""
    closed = isinstance(METHODS[settings.method].gain, ClosedLoop)
    gain = MAX_SMOOTHING_PASSES if settings.smooth > 0 and closed else 0
    return max(gain, _correction_passes(settings, composition))


def _correction_passes(settings: Settings, composition: Composition) -> int:
    # An optimisation of a single round, a draft's, is smooth by its own terms.
    if settings.solver == "optimise" and settings.rounds == 1:
        return 0
    return min(MAX_CORRECTION_PASSES, settings.rounds) if composition.corrects else 0


def walk(
    shot: Shot, settings: Settings, gains: "Gains", first: Look, composition: Composition, observer: Observer
) -> Walk:
    """March with the gains of a method, as often as smoothing needs.

    Parameters
    ----------
    shot : Shot
    settings : Settings
    gains : Gains
    first : Look
        What the anchor's camera sees.
    composition : Composition
    observer : Observer

    Raises
    ------
    InputError
        Where a gain stays unknown.
    """

    def marched(composition: Composition, next_gain: NextGain) -> March:
        return march(
            composition.mover,
            len(shot),
            first,
            observer,
            next_gain,
            settings.anchor_frame,
            midpoint=next_gain.limit if settings.midpoint and isinstance(next_gain, ClosedLoopGain) else None,
        )

    path = marched(composition, gains.first_pass())
    corrections = composition.aim.wanted.copy()
    unsmoothed, moved, turned = composition, 0.0, 0.0
    for done in range(most_passes(settings, unsmoothed)):
        gain = gains.next_pass(path)
        moved = 0.0 if gain is None else float(np.max(np.abs(np.log(gain / path.gain)), initial=0.0))
        turned = 0.0
        if done < _correction_passes(settings, composition):
            smooth = smooth_corrections(unsmoothed.aim.wanted, shot.trajectory.times, settings.anchor_frame)
            turned = float(np.max(geodesic_angle(corrections, smooth)))
            corrections = smooth
        if moved < SETTLED_LOG_GAIN and turned < (SETTLED_CORRECTION if done else ROUGH_CORRECTION):
            break
        if settings.rounds == 1 and moved < SETTLED_LOG_GAIN:
            # A draft has no time for a second march, and turns where it stands.
            path = replace(path, poses=_turned(path.poses, unsmoothed.aim, corrections))
            break
        if composition.corrects:
            composition = replace(unsmoothed, mover=unsmoothed.move_with(SteadyAim(unsmoothed.aim, corrections)))
        path = marched(composition, gains.first_pass() if gain is None else _replay(gain))
    guard = composition.guard
    return Walk(path, moved < UNSETTLED_LOG_GAIN, guard.bent, dict(guard.held_back), unsmoothed.aim.hurried)


def _turned(poses: Array, aim: Aim, corrections: Array) -> Array:
    """Poses (T, 4, 4) at their places, with other corrections (T, 3, 3)."""
    turned = poses.copy()
    turned[:, :3, :3] = [aim.corrected(frame, correction) for frame, correction in enumerate(corrections)]
    return turned


class Gains:
    """The gains of a method, pass by pass."""

    def __init__(self, shot: Shot, settings: Settings, wanted: Array, first: Look) -> None:
        """Take a reference, and the gain of an open-loop method, or the motion to show for a step of length 1 (T-1,).

        NaN where that is unknown; and what the anchor's camera sees.
        """
        self._shot, self._settings, self._wanted = shot, settings, wanted
        self._method = METHODS[settings.method].gain
        self._fallback = _fallback_gain(shot, first.depth)
        self._first = first

    def first_pass(self) -> NextGain:
        """Give the policy of a march that is not smoothed."""
        if not isinstance(self._method, ClosedLoop):
            return _replay(self._filter(self._wanted))
        return self._closed_loop(self._method, self._wanted, _largest_steps(self._shot, self._settings))

    def _closed_loop(self, method: ClosedLoop, wanted: Array, max_step: Array | None) -> ClosedLoopGain:
        frame = self._settings.anchor_frame
        start = wanted[frame : frame + 1] if frame < len(wanted) else wanted[-1:]
        at_anchor = fill_gaps(_measured_gain(start, [self._first], method.of_target), self._fallback)
        _refuse_without_depth(self._shot, at_anchor)
        first = float(at_anchor[0]) if len(at_anchor) else math.nan
        return ClosedLoopGain(wanted, method.of_target, first, self._settings.max_gain_change, max_step)

    @property
    def follows_depth(self) -> bool:
        """Whether the gain is read off what a step's own camera sees."""
        return isinstance(self._method, ClosedLoop) and self._settings.smooth == 0 and not self._settings.midpoint

    def asked(self, path: March) -> Array:
        """Give the gains (T-1,) that are asked for at the cameras of a march, before any limit."""
        gain = self._wanted
        if isinstance(self._method, ClosedLoop):
            gain = _measured_gain(gain, path.looks[:-1], self._method.of_target)
            gain = _means_of_ends(gain) if self._settings.midpoint else gain
        gain = fill_gaps(gain, self._fallback)
        return np.exp(smooth_gain(np.log(gain), self._settings.smooth))

    def planned(self, errors: Array, path: March) -> NextGain:
        """Give the policy that keeps planned errors ln P'/P (T-1,), and no jump beyond the largest."""
        settings = self._settings
        limits = [most for most in (settings.max_jump, settings.max_gain_step) if most is not None]
        max_step = np.full(len(errors), min(limits)) if limits else None
        if isinstance(self._method, ClosedLoop) and self.follows_depth:
            return self._closed_loop(self._method, self._wanted * np.exp(errors), max_step)
        return _replay(limit_gains(self.asked(path) * np.exp(errors), settings.max_gain_change, max_step))

    def next_pass(self, path: March) -> Array | None:
        """Give the gains that a march asks for, smoothed; None where they are not."""
        if not isinstance(self._method, ClosedLoop):
            return path.gain
        if self._settings.smooth == 0:
            return None
        gain = _measured_gain(self._wanted, path.looks[:-1], self._method.of_target)
        return self._filter(_means_of_ends(gain) if self._settings.midpoint else gain)

    def _filter(self, gain: Array) -> Array:
        gain = fill_gaps(gain, self._fallback)
        _refuse_without_depth(self._shot, gain)
        if self._settings.smooth > 0:
            gain = np.exp(smooth_gain(np.log(gain), self._settings.smooth))
        return limit_gains(gain, self._settings.max_gain_change, _largest_steps(self._shot, self._settings))


def view_change(shot: Shot) -> Array:
    """By how much the view changes from each frame to the next, (T-1,): P_t, and the turn over the field of view."""
    path = shot.trajectory
    field = 2 * np.arctan(path.width / 2 / path.intrinsics[:-1, 0])
    turned = geodesic_angle(path.rotations[:-1], path.rotations[1:])
    change: Array = np.linalg.norm(path.baselines, axis=1) / shot.bridged_depth[:-1] + turned / field
    return change


def _lasting_change(shot: Shot) -> Array:
    """Change of ln Z_t from each frame to the next, (T-1,), as a running median."""
    # Past both ends nothing changes: repeated, a jump in the first or the last step would last.
    change = np.pad(np.diff(np.log(shot.bridged_depth)), LASTING_STEPS // 2)
    lasting: Array = np.median(np.lib.stride_tricks.sliding_window_view(change, LASTING_STEPS), axis=1)
    return lasting


def _largest_steps(shot: Shot, settings: Settings) -> Array | None:
    """Largest |ln s_t| from the step before, (T-1,), or from the one after where it lies before the anchor."""
    if settings.max_jump is None and settings.max_gain_step is None:
        return None
    steps = np.full(len(shot) - 1, math.inf)
    if settings.max_jump is not None and len(steps):
        change = np.minimum(np.abs(_lasting_change(shot)), MAX_CHANGE_OVER_VIEW * view_change(shot))
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


def _means_of_ends(gain: Array) -> Array:
    """Geometric means (T-1,) of the gains asked for at both ends of each step; the last goes on as the one before."""
    ends = np.concatenate([gain[1:], gain[-1:] ** 2 / gain[-2:-1] if len(gain) > 1 else gain])
    mean: Array = np.where(np.isfinite(ends), np.sqrt(gain * ends), gain)
    return mean


def _fallback_gain(shot: Shot, first_depth: float) -> float:
    """Give the gain that stands until one is known; NaN where the reference moves and frame 0 has no depth."""
    if math.isnan(shot.median_depth[0]) and not np.any(shot.trajectory.baselines):
        return 1.0
    return first_depth / float(shot.median_depth[0])


def _refuse_without_depth(shot: Shot, gain: Array) -> None:
    if np.isnan(gain).any():
        raise InputError(f"frame 0 of {shot.name!r} has no depth, so its first steps have no gain: start it later")
