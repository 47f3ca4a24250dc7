"""The report on a calibration, from what was asked and what was walked."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from parascale.parallax.calibration_report import (
    CalibrationReport,
    frame_ranges,
    largest_jump,
    loop_closure,
    subject_drift,
)
from parascale.parallax.clearance import Surroundings, crossings
from parascale.parallax.composition import Composition
from parascale.parallax.methods import METHODS, ClosedLoop
from parascale.parallax.metrics import pce_above_noise, rot_err
from parascale.parallax.passes import MAX_SMOOTHING_PASSES, Walk
from parascale.parallax.settings import Settings
from parascale.parallax.shot import EXACT_FLOOR, Shot
from parascale.parallax.shot_measures import (
    focal_in_widths,
    largest_roll_error,
    place_subject,
    screen_motion,
    standing_frames,
)
from parascale.parallax.verdict import judge
from parascale.types import Array, Mask


def make_report(
    shot: Shot,
    result: Shot,
    settings: Settings,
    composition: Composition,
    walked: Walk,
    *,
    asked: tuple[Array, Array],
    pce_global: float,
    unknown: Mask,
    surroundings: Surroundings | None,
) -> CalibrationReport:
    """Measure what a calibration did.

    Parameters
    ----------
    shot, result : Shot
        The reference and the realised shot.
    settings : Settings
    composition : Composition
    walked : Walk
    asked : pair of (T-1,) float64
        Factors on P_t and phi_t.
    pce_global : float
    unknown : (T-1,) bool
        Steps whose wanted motion the reference does not know.
    surroundings : Surroundings or None
    """
    error = pce_above_noise(result.parallax_number, shot.parallax_number * asked[0], shot.noise_floor)
    felt_error = math.nan
    if shot.felt_parallax is not None and result.felt_parallax is not None:
        felt_error = pce_above_noise(result.felt_parallax, shot.felt_parallax * asked[1], shot.noise_floor)
    assert result.gain is not None
    jump, jump_frame = largest_jump(result.gain)
    nearest = np.array([look.nearest for look in walked.path.looks])
    without = tuple(np.flatnonzero(np.isnan(result.median_depth)).tolist())
    depths = float(shot.median_depth[0]), float(result.median_depth[0])
    reference, realised = shot.trajectory, result.trajectory
    place = place_subject(realised, composition.places.rays, composition.lead, composition.aim.points)
    report = CalibrationReport(
        pce=error,
        felt_error=felt_error,
        pce_global=pce_global,
        rot_err=rot_err(realised.rotations, reference.rotations),
        screen_motion=screen_motion(realised, walked.path.looks),
        screen_motion_error=_screen_motion_error(shot, result),
        gain_range=(float(result.gain.min()), float(result.gain.max())) if len(result.gain) else (math.nan, math.nan),
        largest_jump=jump,
        largest_jump_frame=jump_frame,
        loop_closure=loop_closure(reference, realised),
        subject=_subject_name(composition),
        subject_held=place.share,
        subject_distance=place.largest,
        subject_drift=subject_drift(reference, depths[0], realised, depths[1]),
        hurried_frames=composition.aim.hurried,
        roll_error=_roll_error(shot, result, settings, composition),
        nearest_surface=float(nearest.min()),
        nearest_surface_frame=int(np.argmin(nearest)),
        crossings=() if surroundings is None else crossings(surroundings, realised.centres),
        bent_frames=tuple(sorted(composition.guard.bent)),
        held_back_frames=tuple(sorted(composition.guard.held_back)),
        standing_frames=standing_frames(reference, realised),
        frames_without_surface=without,
        last_frame_empty=math.isnan(result.median_depth[-1]),
        warnings=tuple(_warnings(shot, settings, unknown, without, settled=walked.settled)),
    )
    return replace(report, verdict=judge(report))


def _screen_motion_error(shot: Shot, result: Shot) -> float:
    if shot.felt_parallax is None or result.felt_parallax is None:
        return math.nan
    ours = result.felt_parallax * focal_in_widths(result.trajectory)[:-1]
    return pce_above_noise(ours, shot.felt_parallax * focal_in_widths(shot.trajectory)[:-1], shot.noise_floor)


def _subject_name(composition: Composition) -> str:
    leading = composition.lead.subject[composition.lead.frames]
    return ", ".join(composition.subjects[index].name for index in dict.fromkeys(leading.tolist()))


def _roll_error(shot: Shot, result: Shot, settings: Settings, composition: Composition) -> float:
    if composition.target_up is None or not composition.knows_up:
        return math.nan
    return largest_roll_error(
        shot.trajectory, composition.up.direction, result.trajectory, composition.target_up, settings.anchor_frame
    )


def _frames(chosen: Mask) -> tuple[int, ...]:
    return tuple(np.flatnonzero(chosen).tolist())


def _warnings(
    shot: Shot, settings: Settings, unknown: Mask, without: tuple[int, ...], *, settled: bool
) -> Iterator[str]:
    if without:
        yield f"The target shows no surface in frames {frame_ranges(without)}: the last gain holds there."
    moving = np.any(shot.trajectory.baselines, axis=1)
    held, bridged = unknown & moving, np.isnan(shot.median_depth[:-1]) & ~unknown & moving
    if held.any():
        yield f"The reference has no depth in frames {frame_ranges(_frames(held))}: the last gain holds there."
    gain = METHODS[settings.method].gain
    if bridged.any() and isinstance(gain, ClosedLoop) and not gain.felt:
        yield f"The reference has no depth in frames {frame_ranges(_frames(bridged))}: it is interpolated there."
    if not settled:
        yield f"Smoothing did not settle in {MAX_SMOOTHING_PASSES} passes: the PCE shown is that of the last."
    p = shot.parallax_number
    below = int(np.sum(p <= shot.noise_floor))
    if shot.noise_floor > EXACT_FLOOR and below:
        yield f"{below} of {len(p)} steps of the reference lie under its noise floor of P = {shot.noise_floor:.2g}."
    if shot.quality.get("focal_observable") is False and settings.lens != "copy":
        yield "The reference does not tell its focal length: P of its sideways moves is known only up to that."
