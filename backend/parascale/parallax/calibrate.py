"""Calibration: find the gain of every step, replay the reference with it, and say what that did."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from parascale.camera import Trajectory, View
from parascale.errors import InputError
from parascale.parallax.calibration_report import (
    CalibrationReport,
    frame_ranges,
    largest_jump,
    loop_closure,
    subject_drift,
)
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.gains import (
    CLOSED_LOOP,
    FELT,
    METHODS,
    global_gain,
    held,
    limited_all,
    open_loop_gain,
    smoothed,
)
from parascale.parallax.lens import compensation, realised_intrinsics, step_directions
from parascale.parallax.march import ClosedLoop, March, march
from parascale.parallax.metrics import pce
from parascale.parallax.observer import Look, Observer
from parascale.parallax.realise import realised_poses, realised_start, realised_steps
from parascale.parallax.settings import Settings
from parascale.parallax.shot import EXACT_FLOOR, Shot, Unit
from parascale.types import Array, CancelCheck, Progress

__all__ = ["METHODS", "Calibration", "Settings", "calibrate"]


# Smoothing changes the path, the path the depth, the depth the gain: repeated until ln s settles.
SMOOTHING_PASSES = 10
SETTLED = 1e-3

# A median over a coarse grid moves in small jumps, between which the gain may bounce for ever by a percent or so; only
# beyond this is it worth a warning.
UNSETTLED = 0.03

# `global` is shown beside every method; measured on every frame it would double the cost of a calibration.
GLOBAL_STEPS = 16


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibrated shot and the report on it."""

    shot: Shot
    report: CalibrationReport


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked of the path.

    ``p`` and ``felt`` are factors on P_t and phi_t, (T-1,): strength, and the lens where it is compensated for.
    ``per_unit`` is the motion to show for a step of length 1 before them: 1 / Z_t, or phi_t / |b_t| for `felt`; NaN
    where the reference does not know it.
    """

    p: Array
    felt: Array
    per_unit: Array


def calibrate(
    shot: Shot,
    target: DepthSource,
    anchor: View,
    settings: Settings | None = None,
    *,
    unit: Unit = "arbitrary",
    metres_per_unit: float | None = None,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Calibration:
    """Carry a shot's Parallax Number over to a target.

    Parameters
    ----------
    shot : Shot
        The reference, T frames.
    target : DepthSource
        The target's geometry in its own world, asked at every realised camera.
    anchor : View
        Where the path starts, OpenCV axes, in the target's world; its picture size and lens are the result's.
    settings : Settings, optional
        Closed loop at full strength where None.
    unit, metres_per_unit
        The target's unit.
    progress : callable, optional
        Called with the share done, 0 .. 1, and the phase.
    cancelled : callable, optional
        Asked before every measurement.

    Returns
    -------
    Calibration
        Its shot holds the realised cameras at the reference's times, Z'_t measured there, gain and phi'.

    Raises
    ------
    InputError
        Where the target shows no surface in frame 0, or the method lacks what it needs of the reference.
    Cancelled
        Where ``cancelled`` said so.
    """
    settings = settings or Settings()
    asked = _asked(shot, anchor, settings)
    intrinsics = realised_intrinsics(shot.trajectory, anchor, settings.lens)
    looks = len(shot) * (1 + SMOOTHING_PASSES * _measures_again(settings)) + GLOBAL_STEPS
    directions = step_directions(shot.trajectory)
    observer = Observer(target, intrinsics, anchor.size, directions, looks, progress, cancelled)
    start = realised_start(shot.trajectory, anchor)
    first = observer.look(start[0], 0)
    if math.isnan(first.depth):
        raise InputError(
            "the target shows no surface in frame 0: point the anchor camera at the geometry it shall move past"
        )
    factor = asked.felt if settings.method == FELT else asked.p
    steps = factor[:, None] * realised_steps(shot.trajectory, anchor)

    def walk(next_gain: Callable[[int, Look], float]) -> March:
        return march(start, steps, first, observer, next_gain)

    metres = 1.0 if unit == "m" else metres_per_unit
    path, settled = _path(shot, settings, asked, first, metres, walk)
    trajectory = Trajectory(path.poses, intrinsics, shot.trajectory.times, anchor.width, anchor.height)
    result = replace(
        _result(shot, settings, path, trajectory, path.gain * factor),
        unit=unit,
        metres_per_unit=metres_per_unit,
    )
    everywhere = _pce_global(shot, anchor, asked, first, observer)
    report = _report(shot, settings, asked, path, result, everywhere, settled=settled)
    return Calibration(replace(result, quality=report.as_json()), report)


def _measures_again(settings: Settings) -> bool:
    return settings.smooth > 0 and settings.method in (CLOSED_LOOP, FELT)


def _asked(shot: Shot, anchor: View, settings: Settings) -> _Asked:
    strength = np.asarray(settings.strength, np.float64)
    steps = len(shot) - 1
    if strength.shape not in ((), (steps,)):
        raise InputError(f"the strength has shape {strength.shape} where one number or {steps} are needed")
    p = felt = np.broadcast_to(strength, (steps,))
    if settings.lens == "compensate":
        p = strength * compensation(shot.trajectory, anchor, felt=False)
        felt = strength * compensation(shot.trajectory, anchor, felt=True)
    return _Asked(p, felt, _asked_per_unit(shot, settings.method))


def _asked_per_unit(shot: Shot, method: str) -> Array:
    if method != FELT:
        return 1 / shot.median_depth[:-1]
    felt = shot.felt_parallax
    if felt is None:
        raise InputError(
            f"the method felt needs the felt parallax of {shot.name!r}, which it does not hold: use closed-loop"
        )
    length = np.linalg.norm(shot.trajectory.baselines, axis=1)
    return np.divide(felt, length, out=np.full(len(felt), math.nan), where=(length > 0) & (felt > 0))


def _path(
    shot: Shot,
    settings: Settings,
    asked: _Asked,
    first: Look,
    metres_per_unit: float | None,
    walk: Callable[[Callable[[int, Look], float]], March],
) -> tuple[March, bool]:
    """March with the gains of the method; False beside it where smoothing did not settle."""
    limits = settings.max_gain_change, settings.max_gain_step
    fallback = _fallback_gain(shot, first.depth)

    def filtered(gain: Array) -> Array:
        gain = held(gain, fallback)
        _refuse_without_depth(shot, gain)
        if settings.smooth > 0:
            gain = np.exp(smoothed(np.log(gain), settings.smooth))
        return limited_all(gain, *limits)

    if settings.method not in (CLOSED_LOOP, FELT):
        gain = filtered(open_loop_gain(settings.method, shot, first.depth, metres_per_unit))
        return walk(_given(gain)), True

    shown = _felt_shown if settings.method == FELT else _depth_shown
    start = held(_measured_gain(asked.per_unit, [first], shown), fallback)
    _refuse_without_depth(shot, start)
    path = walk(ClosedLoop(asked.per_unit, shown, float(start[0]) if len(start) else math.nan, *limits))
    if settings.smooth == 0:
        return path, True
    moved = math.inf
    for _ in range(SMOOTHING_PASSES):
        wanted = filtered(_measured_gain(asked.per_unit, path.looks[:-1], shown))
        moved = float(np.max(np.abs(np.log(wanted / path.gain)), initial=0.0))
        if moved < SETTLED:
            break
        path = walk(_given(wanted))
    return path, moved < UNSETTLED


def _given(gain: Array) -> Callable[[int, Look], float]:
    return lambda frame, _: float(gain[frame])


def _depth_shown(look: Look) -> float:
    return 1 / look.depth


def _felt_shown(look: Look) -> float:
    return look.felt_per_unit


def _measured_gain(asked: Array, looks: list[Look], shown: Callable[[Look], float]) -> Array:
    """Gains that make the target show what is asked, NaN where either side is unknown."""
    there = np.array([shown(look) for look in looks[: len(asked)]])
    return np.divide(asked[: len(there)], there, out=np.full(len(there), math.nan), where=there > 0)


def _fallback_gain(shot: Shot, first_depth: float) -> float:
    """Give the gain that stands until one is known; NaN where the reference moves and frame 0 has no depth."""
    if math.isnan(shot.median_depth[0]) and not np.any(shot.trajectory.baselines):
        return 1.0
    return first_depth / float(shot.median_depth[0])


def _refuse_without_depth(shot: Shot, gain: Array) -> None:
    if np.isnan(gain).any():
        raise InputError(f"frame 0 of {shot.name!r} has no depth, so its first steps have no gain: start it later")


def _result(shot: Shot, settings: Settings, path: March, trajectory: Trajectory, gain: Array) -> Shot:
    length = np.linalg.norm(trajectory.baselines, axis=1)
    return Shot(
        name=shot.name,
        fps=shot.fps,
        trajectory=trajectory,
        median_depth=path.depth,
        motion_class=shot.motion_class,
        frames=shot.frames,
        felt_parallax=np.where(length == 0, 0.0, length * path.felt_per_unit),
        gain=gain,
        provenance={
            "calibration": {
                **settings.as_json(),
                "reference": shot.name,
                "reference_digest": shot.digest,
                "target_depth": path.looks[0].depth,
            },
            "reference": dict(shot.provenance),
        },
    )


def _pce_global(shot: Shot, anchor: View, asked: _Asked, first: Look, observer: Observer) -> float:
    """PCE that one gain for all frames would leave, on a few steps spread over the shot."""
    gain = global_gain(shot, first.depth) * asked.p
    if len(gain) == 0 or np.isnan(gain).any():
        return math.nan
    poses = realised_poses(shot.trajectory, anchor, gain)
    frames = np.unique(np.linspace(0, len(gain) - 1, GLOBAL_STEPS).round().astype(int))
    depth = np.array([observer.depth(poses[frame], int(frame)) if frame else first.depth for frame in frames])
    length = np.linalg.norm(shot.trajectory.baselines[frames], axis=1) * gain[frames]
    realised = np.where(length == 0, 0.0, length / depth)
    return pce(realised, (shot.parallax_number * asked.p)[frames], shot.noise_floor)


def _report(
    shot: Shot, settings: Settings, asked: _Asked, path: March, result: Shot, pce_global: float, *, settled: bool
) -> CalibrationReport:
    error = pce(result.parallax_number, shot.parallax_number * asked.p, shot.noise_floor)
    felt_error = math.nan
    if shot.felt_parallax is not None and result.felt_parallax is not None:
        felt_error = pce(result.felt_parallax, shot.felt_parallax * asked.felt, shot.noise_floor)
    assert result.gain is not None
    jump, jump_frame = largest_jump(result.gain)
    nearest = np.array([look.nearest for look in path.looks])
    without = tuple(np.flatnonzero(np.isnan(result.median_depth)).tolist())
    depths = float(shot.median_depth[0]), float(result.median_depth[0])
    return CalibrationReport(
        pce=error,
        felt_error=felt_error,
        pce_global=pce_global,
        gain_range=(float(result.gain.min()), float(result.gain.max())) if len(result.gain) else (math.nan, math.nan),
        largest_jump=jump,
        largest_jump_frame=jump_frame,
        loop_closure=loop_closure(shot.trajectory, result.trajectory),
        subject_drift=subject_drift(shot.trajectory, depths[0], result.trajectory, depths[1]),
        nearest_surface=float(nearest.min()),
        nearest_surface_frame=int(np.argmin(nearest)),
        frames_without_surface=without,
        warnings=tuple(_warnings(shot, settings, asked, without, settled=settled)),
    )


def _warnings(
    shot: Shot, settings: Settings, asked: _Asked, without: tuple[int, ...], *, settled: bool
) -> Iterator[str]:
    if without:
        yield f"The target shows no surface in frames {frame_ranges(without)}: the last gain holds there."
    moving = np.any(shot.trajectory.baselines, axis=1)
    unknown = tuple(np.flatnonzero(np.isnan(asked.per_unit) & moving).tolist())
    if unknown and settings.method in (CLOSED_LOOP, FELT, "static"):
        yield f"The reference has no depth in frames {frame_ranges(unknown)}: the last gain holds there."
    if not settled:
        yield f"Smoothing did not settle in {SMOOTHING_PASSES} passes: the PCE shown is that of the last."
    p = shot.parallax_number
    below = int(np.sum(p <= shot.noise_floor))
    if shot.noise_floor > EXACT_FLOOR and below:
        yield f"{below} of {len(p)} steps of the reference lie under its noise floor of P = {shot.noise_floor:.2g}."
    if shot.quality.get("focal_observable") is False and settings.lens != "copy":
        yield "The reference does not tell its focal length: P of its sideways moves is known only up to that."
