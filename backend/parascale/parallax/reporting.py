"""The report on a calibration, from what was asked and what was walked."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from parascale.camera import Trajectory
from parascale.parallax.calibration_report import (
    CLOSABLE,
    CLOSED,
    OPEN,
    CalibrationReport,
    closing_gap,
    largest_jump,
    loop_closure,
    subject_drift,
)
from parascale.parallax.clearance import Surroundings, crossings
from parascale.parallax.composition import Composition
from parascale.parallax.methods import METHODS, ClosedLoop
from parascale.parallax.metrics import pce_above_noise, rot_err
from parascale.parallax.number import parallax_number
from parascale.parallax.passes import MAX_SMOOTHING_PASSES, Walk
from parascale.parallax.settings import Settings
from parascale.parallax.shot import EXACT_FLOOR, Shot
from parascale.parallax.shot_measures import (
    focal_in_widths,
    largest_roll_error,
    lead_depths,
    place_subject,
    screen_motion,
    standing_frames,
)
from parascale.parallax.subject_size import log_size_errors
from parascale.parallax.verdict import frame_ranges, judge
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
    solver: str = "march",
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
    solver : str
        What gave the walk.
    """
    error = pce_above_noise(result.parallax_number, shot.parallax_number * asked[0], shot.noise_floor)
    felt_error = math.nan
    if shot.felt_parallax is not None and result.felt_parallax is not None:
        felt_error = pce_above_noise(result.felt_parallax, shot.felt_parallax * asked[1], shot.noise_floor)
    assert result.gain is not None
    jump, jump_frame = largest_jump(result.gain)
    lead = composition.lead
    subject_depth = lead_depths(result.trajectory, lead, composition.aim.points)
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
        closing_gap=closing_gap(realised) if closing_gap(reference) < CLOSED else math.nan,
        solver=solver,
        subject_pce=pce_above_noise(
            parallax_number(realised, subject_depth),
            parallax_number(reference, lead.depth * shot.median_depth) * asked[0],
            shot.noise_floor,
        ),
        size_error=_largest(np.abs(size_errors(composition, result, settings))),
        subject=_subject_name(composition),
        subject_held=place.share,
        subject_distance=place.largest,
        subject_drift=subject_drift(reference, depths[0], realised, depths[1]),
        hurried_frames=walked.hurried,
        roll_error=_roll_error(shot, result, settings, composition),
        nearest_surface=float(nearest.min()),
        nearest_surface_frame=int(np.argmin(nearest)),
        crossings=() if surroundings is None else crossings(surroundings, realised.centres),
        bent_frames=tuple(walked.bent),
        held_back_frames=tuple(sorted(walked.held_back)),
        largest_bend=max(walked.bent.values(), default=0.0),
        standing_frames=standing_frames(reference, realised),
        frames_without_surface=without,
        last_frame_empty=math.isnan(result.median_depth[-1]),
        warnings=(
            *_warnings(shot, settings, unknown, without, settled=walked.settled),
            *_open_loop(
                reference, realised, settings, may_bend=settings.solver == "march" and not settings.is_verbatim
            ),
        ),
    )
    return replace(report, verdict=judge(report))


def size_errors(composition: Composition, result: Shot, settings: Settings) -> Array:
    """Give ln of the subject's size over the reference's, (T,): see `log_size_errors`."""
    path = result.trajectory
    depths = lead_depths(path, composition.lead, composition.aim.points)
    return log_size_errors(composition.sizes, composition.lead, depths, focal_in_widths(path), settings.anchor_frame)


def _largest(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else math.nan


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


def _open_loop(reference: Trajectory, realised: Trajectory, settings: Settings, *, may_bend: bool) -> Iterator[str]:
    """Say where a path that ends at its start is carried to one that does not."""
    missed = closing_gap(realised)
    if not (closing_gap(reference) < CLOSED and missed > OPEN):
        return
    text = f"The reference ends where it starts, and this path misses its start by {100 * missed:.0f} % of its length"
    if settings.is_verbatim and settings.method == "global":
        yield f"{text}: the strength, or the lens, changes on the way."
        return
    verbatim = "" if settings.is_verbatim else ", with rotations and steps verbatim,"
    bends = " The optimisation bends it a little, and closes it." if may_bend and missed <= CLOSABLE else ""
    yield f"{text}: the method global{verbatim} keeps the path's shape, and closes it.{bends}"


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
