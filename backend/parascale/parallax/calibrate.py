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
from parascale.parallax.gains import TargetStart, fill_gaps, global_gain, limit_gains, smooth_gain
from parascale.parallax.lens import compensation, realised_intrinsics, step_directions
from parascale.parallax.march import ClosedLoopGain, March, march
from parascale.parallax.methods import METHODS, ClosedLoop
from parascale.parallax.metrics import pce
from parascale.parallax.observer import Look, Observer
from parascale.parallax.realise import realised_poses, realised_start, realised_steps
from parascale.parallax.settings import Settings
from parascale.parallax.shot import EXACT_FLOOR, Shot, Unit
from parascale.types import Array, CancelCheck, Progress

__all__ = ["Calibration", "Settings", "calibrate"]


# Smoothing changes the path, the path the depth, the depth the gain: repeated until ln s settles.
MAX_SMOOTHING_PASSES = 10
SETTLED_LOG_GAIN = 1e-3

# A median over a coarse grid moves in small jumps, between which the gain may bounce for ever by a percent or so; only
# beyond this is it worth a warning.
UNSETTLED_LOG_GAIN = 0.03

# `global` is shown beside every method; measured on every frame it would double the cost of a calibration.
GLOBAL_STEPS = 16


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibrated shot and the report on it."""

    shot: Shot
    report: CalibrationReport


@dataclass(frozen=True, eq=False)
class _Asked:
    """Factors on P_t and phi_t, (T-1,): strength, and the lens where it is compensated for."""

    p: Array
    felt: Array


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
    gain = METHODS[settings.method].gain
    asked = _asked(shot, anchor, settings)
    intrinsics = realised_intrinsics(shot.trajectory, anchor, settings.lens)
    passes = MAX_SMOOTHING_PASSES if settings.smooth > 0 and isinstance(gain, ClosedLoop) else 0
    looks = len(shot) * (1 + passes) + GLOBAL_STEPS
    directions = step_directions(shot.trajectory)
    observer = Observer(target, intrinsics, anchor.size, directions, looks, progress, cancelled)
    start = realised_start(shot.trajectory, anchor)
    first = observer.look(start[0], 0)
    if math.isnan(first.depth):
        raise InputError(
            "the target shows no surface in frame 0: point the anchor camera at the geometry it shall move past"
        )
    factor = asked.felt if isinstance(gain, ClosedLoop) and gain.felt else asked.p
    steps = factor[:, None] * realised_steps(shot.trajectory, anchor)

    def walk(next_gain: Callable[[int, Look], float]) -> March:
        return march(start, steps, first, observer, next_gain)

    known = TargetStart(first.depth, 1.0 if unit == "m" else metres_per_unit)
    wanted = gain.of_reference(shot) if isinstance(gain, ClosedLoop) else gain(shot, known)
    path, settled = _path(shot, settings, wanted, first, walk)
    trajectory = Trajectory(path.poses, intrinsics, shot.trajectory.times, anchor.width, anchor.height)
    length = np.linalg.norm(trajectory.baselines, axis=1)
    measured = {"reference": shot.name, "reference_digest": shot.digest, "target_depth": first.depth}
    result = Shot(
        name=shot.name,
        fps=shot.fps,
        trajectory=trajectory,
        median_depth=path.depth,
        unit=unit,
        metres_per_unit=metres_per_unit,
        motion_class=shot.motion_class,
        frames=shot.frames,
        felt_parallax=np.where(length == 0, 0.0, length * path.felt_per_unit),
        gain=path.gain * factor,
        provenance={"calibration": settings.as_json() | measured, "reference": dict(shot.provenance)},
    )
    moving = np.any(shot.trajectory.baselines, axis=1)
    unknown = tuple(np.flatnonzero(np.isnan(wanted) & moving).tolist())
    everywhere = _pce_global(shot, anchor, asked.p, known, observer)
    report = _report(shot, settings, asked, path, result, everywhere, unknown, settled=settled)
    return Calibration(replace(result, quality=report.as_json()), report)


def _asked(shot: Shot, anchor: View, settings: Settings) -> _Asked:
    strength = np.asarray(settings.strength, np.float64)
    steps = len(shot) - 1
    if strength.shape not in ((), (steps,)):
        raise InputError(f"the strength has shape {strength.shape} where one number or {steps} are needed")
    p = felt = np.broadcast_to(strength, (steps,))
    if settings.lens == "compensate":
        p = strength * compensation(shot.trajectory, anchor, felt=False)
        felt = strength * compensation(shot.trajectory, anchor, felt=True)
    return _Asked(p, felt)


def _path(
    shot: Shot,
    settings: Settings,
    wanted: Array,
    first: Look,
    walk: Callable[[Callable[[int, Look], float]], March],
) -> tuple[March, bool]:
    """March with the gains of the method; False beside it where smoothing did not settle.

    ``wanted`` is the gain of an open-loop method, or the motion to show for a step of length 1; NaN where unknown.
    """
    limits = settings.max_gain_change, settings.max_gain_step
    fallback = _fallback_gain(shot, first.depth)
    method = METHODS[settings.method].gain

    def filtered(gain: Array) -> Array:
        gain = fill_gaps(gain, fallback)
        _refuse_without_depth(shot, gain)
        if settings.smooth > 0:
            gain = np.exp(smooth_gain(np.log(gain), settings.smooth))
        return limit_gains(gain, *limits)

    if not isinstance(method, ClosedLoop):
        gain = filtered(wanted)
        return walk(_replay(gain)), True

    start = fill_gaps(_measured_gain(wanted, [first], method.of_target), fallback)
    _refuse_without_depth(shot, start)
    path = walk(ClosedLoopGain(wanted, method.of_target, float(start[0]) if len(start) else math.nan, *limits))
    if settings.smooth == 0:
        return path, True
    moved = math.inf
    for _ in range(MAX_SMOOTHING_PASSES):
        gain = filtered(_measured_gain(wanted, path.looks[:-1], method.of_target))
        moved = float(np.max(np.abs(np.log(gain / path.gain)), initial=0.0))
        if moved < SETTLED_LOG_GAIN:
            break
        path = walk(_replay(gain))
    return path, moved < UNSETTLED_LOG_GAIN


def _replay(gain: Array) -> Callable[[int, Look], float]:
    return lambda frame, _: float(gain[frame])


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


def _pce_global(shot: Shot, anchor: View, factor: Array, target: TargetStart, observer: Observer) -> float:
    """PCE that one gain for all frames would leave, on a few steps spread over the shot."""
    gain = global_gain(shot, target) * factor
    if len(gain) == 0 or np.isnan(gain).any():
        return math.nan
    poses = realised_poses(shot.trajectory, anchor, gain)
    frames = np.unique(np.linspace(0, len(gain) - 1, GLOBAL_STEPS).round().astype(int))
    depth = np.array([observer.depth(poses[frame], int(frame)) if frame else target.depth for frame in frames])
    length = np.linalg.norm(shot.trajectory.baselines[frames], axis=1) * gain[frames]
    realised = np.where(length == 0, 0.0, length / depth)
    return pce(realised, (shot.parallax_number * factor)[frames], shot.noise_floor)


def _report(
    shot: Shot,
    settings: Settings,
    asked: _Asked,
    path: March,
    result: Shot,
    pce_global: float,
    unknown: tuple[int, ...],
    *,
    settled: bool,
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
        warnings=tuple(_warnings(shot, settings, unknown, without, settled=settled)),
    )


def _warnings(
    shot: Shot, settings: Settings, unknown: tuple[int, ...], without: tuple[int, ...], *, settled: bool
) -> Iterator[str]:
    if without:
        yield f"The target shows no surface in frames {frame_ranges(without)}: the last gain holds there."
    if unknown:
        yield f"The reference has no depth in frames {frame_ranges(unknown)}: the last gain holds there."
    if not settled:
        yield f"Smoothing did not settle in {MAX_SMOOTHING_PASSES} passes: the PCE shown is that of the last."
    p = shot.parallax_number
    below = int(np.sum(p <= shot.noise_floor))
    if shot.noise_floor > EXACT_FLOOR and below:
        yield f"{below} of {len(p)} steps of the reference lie under its noise floor of P = {shot.noise_floor:.2g}."
    if shot.quality.get("focal_observable") is False and settings.lens != "copy":
        yield "The reference does not tell its focal length: P of its sideways moves is known only up to that."
