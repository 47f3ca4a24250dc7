"""Calibration: find the gain of every step, replay the reference with it, and say what that did."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory, View
from parascale.errors import InputError
from parascale.parallax.anisotropy import scale_travel
from parascale.parallax.calibration_report import CalibrationReport
from parascale.parallax.clearance import Surroundings
from parascale.parallax.composition import Composition, TargetFacts, compose
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.gains import TargetStart, global_gain
from parascale.parallax.lead import track_point
from parascale.parallax.lens import compensation, realised_intrinsics, step_directions
from parascale.parallax.methods import METHODS, ClosedLoop, GainMethod
from parascale.parallax.metrics import pce_above_noise
from parascale.parallax.observer import Look, Observer
from parascale.parallax.optimise import find_losses, optimise
from parascale.parallax.passes import Gains, Walk, most_passes, walk
from parascale.parallax.realise import realised_poses
from parascale.parallax.reporting import make_report, size_errors
from parascale.parallax.settings import Settings
from parascale.parallax.shot import Shot, Unit
from parascale.parallax.subject import SubjectTrack, Up
from parascale.parallax.subject_size import zoom_for_size
from parascale.types import Array, CancelCheck, Progress

__all__ = ["Calibration", "Settings", "calibrate"]

# `global` is shown beside every method; measured on every frame it would double the cost of a calibration.
GLOBAL_STEPS = 16
# Noted of a calibration beside its settings: what was carried over, its noise floor where it was solved, and Z' where
# the anchor stands.
MEASURED = ("reference", "reference_digest", "reference_noise_floor", "target_depth")
# A zoom changes what the camera sees, and with it, a little, its path.
ZOOM_PASSES = 2


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibrated shot and the report on it.

    Attributes
    ----------
    shot : Shot
        Its ``subjects`` are the target's, as they stand in the realised pictures.
    report : CalibrationReport
    reference_subjects : tuple of SubjectTrack
        The reference's, in the same order: its own, or the one that was proposed for it.
    subject_points : tuple of (T, 3) float64 or None
        Where they stand in the target's world; None where nothing was seen in their place.
    size_errors : (T,) float64
        ln of the subject's size in the picture over the reference's, each from its first frame on; NaN where unknown.
    """

    shot: Shot
    report: CalibrationReport
    size_errors: Array
    reference_subjects: tuple[SubjectTrack, ...] = ()
    subject_points: tuple[Array | None, ...] = ()


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
    facts: TargetFacts | None = None,
    lens: ArrayLike | None = None,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Calibration:
    """Carry a shot's Parallax Number, and what it looks at, over to a target.

    Parameters
    ----------
    shot : Shot
        The reference, T frames.
    target : DepthSource
        The target's geometry in its own world, asked at every realised camera.
    anchor : View
        Where the path starts, OpenCV axes, in the target's world; its picture size and lens are the result's.
    settings : Settings, optional
        The defaults where None.
    unit, metres_per_unit
        The target's unit.
    facts : TargetFacts, optional
        What is known of the target besides its depth: up, where the subjects stand, and what the camera must not pass
        through; that is ``target`` itself where it can tell and nothing else is given.
    lens : (T, 4) array, optional
        Intrinsics of the target's own lens, in pixels of the anchor's picture, where it zooms; else the anchor's.
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
        Where the target shows no surface in the anchor's view, or the method lacks what it needs of the reference.
    Cancelled
        Where ``cancelled`` said so.
    """
    settings = (settings or Settings()).at_frame_of(len(shot))
    facts = facts or TargetFacts()
    left_out: tuple[str, ...] = ()
    if not facts.has_surfaces:
        left_out = tuple(_left_out(settings))
        settings = replace(settings, framing=0.0, horizon="free", clearance=0.0, solver="march", size="free")
    if settings.size == "lens":
        carry = partial(
            calibrate,
            shot,
            target,
            anchor,
            unit=unit,
            metres_per_unit=metres_per_unit,
            progress=progress,
            cancelled=cancelled,
        )
        return _keep_size_by_lens(carry, settings, facts, lens)
    filmed, digest = shot.trajectory, shot.digest
    shot = scale_travel(shot, settings.strength_along, settings.strength_across)
    if facts.surroundings is None and isinstance(target, Surroundings):
        facts = replace(facts, surroundings=target)
    gain = METHODS[settings.method].gain
    asked = _asked(shot, anchor, settings, lens)
    intrinsics = realised_intrinsics(shot.trajectory, anchor, settings.lens, lens)
    factor = asked.felt if isinstance(gain, ClosedLoop) and gain.felt else asked.p
    composition = compose(shot, anchor, intrinsics, settings, factor, facts, filmed)
    looks = len(shot) * (1 + settings.midpoint) * (1 + most_passes(settings, composition)) + GLOBAL_STEPS
    looks += settings.rounds * len(shot) * (settings.solver == "optimise")
    observer = Observer(target, intrinsics, anchor.size, step_directions(shot.trajectory), looks, progress, cancelled)
    first = _first_look(composition, observer, settings.anchor_frame)
    known = TargetStart(first.depth, 1.0 if unit == "m" else metres_per_unit)
    wanted = gain.of_reference(shot) if isinstance(gain, ClosedLoop) else gain(shot, known)
    gains = Gains(shot, settings, wanted, first)
    walked = walk(shot, settings, gains, first, composition, observer)
    points = tuple(composition.aim.points)
    pce_global = _pce_global(shot, anchor, asked.p, known, observer)

    def conclude(walked: Walk, solver: str) -> Calibration:
        result = _realised_shot(shot, walked, intrinsics, anchor, settings, factor, digest)
        result = replace(
            result,
            unit=unit,
            metres_per_unit=metres_per_unit,
            subjects=_seen_subjects(result.trajectory, composition.subjects, points),
            up=None if composition.target_up is None else Up(composition.target_up, 1.0, "the target's world"),
        )
        report = make_report(
            shot,
            result,
            settings,
            composition,
            walked,
            asked=(asked.p, asked.felt),
            pce_global=pce_global,
            unknown=np.isnan(wanted),
            surroundings=facts.surroundings,
            solver=solver,
        )
        return Calibration(
            replace(result, quality=report.as_json()),
            report,
            size_errors(composition, result, settings),
            composition.subjects,
            points,
        )

    marched = conclude(walked, "march")
    if settings.solver == "march":
        return _warn(marched, *left_out)
    optimised = optimise(shot, settings, gains, walked, composition, observer, factor=factor)
    return _choose(marched, None if optimised is None else conclude(optimised, "optimise"), METHODS[settings.method])


def _keep_size_by_lens(
    carry: Callable[..., Calibration], settings: Settings, facts: TargetFacts, lens: ArrayLike | None
) -> Calibration:
    """Zoom so that the subject keeps its size: what the path makes of it is seen first, and made up for."""
    result = carry(replace(settings, size="free"), facts=facts, lens=lens)
    zooming = replace(settings, size="free", lens="keep" if settings.lens == "copy" else settings.lens)
    own, zoom = result.shot.trajectory.intrinsics, np.ones(len(result.shot))
    for _ in range(ZOOM_PASSES):
        zoom = zoom_for_size(result.size_errors, zoom)
        zoomed = np.array(own)
        zoomed[:, :2] *= zoom[:, None]
        result = carry(zooming, facts=replace(facts, subject_points=result.subject_points), lens=zoomed)
    made = result.shot.provenance
    measured = {name: made["calibration"][name] for name in MEASURED}  # type: ignore[index]
    asked = {**made, "calibration": settings.as_json() | measured}
    return replace(result, shot=replace(result.shot, provenance=asked))


def _left_out(settings: Settings) -> Iterator[str]:
    """Say what was asked for that a target of which nothing but a depth is known has no place for."""
    if settings.solver == "optimise":
        yield "Nothing but a depth is known of the target, so that there is nothing to optimise: the march was kept."
    if settings.size != "free":
        yield "Nothing but a depth is known of the target, so that there is no subject whose size could be kept."


def _warn(result: Calibration, *warnings: str) -> Calibration:
    if not warnings:
        return result
    report = replace(result.report, warnings=(*result.report.warnings, *warnings))
    return replace(result, shot=replace(result.shot, quality=report.as_json()), report=report)


def _choose(marched: Calibration, optimised: Calibration | None, method: GainMethod) -> Calibration:
    """Give the optimised path; where there is none, or it is worse in any measure, the march, and say so."""
    if optimised is None:
        return _warn(marched, "An optimisation needs 3 frames, and a camera that moves: the march was kept.")
    felt = isinstance(method.gain, ClosedLoop) and method.gain.felt
    losses = find_losses(marched.report, optimised.report, felt=felt)
    if not losses:
        return optimised
    return _warn(marched, f"The optimisation is worse than the march in {', '.join(losses)}: the march was kept.")


def _asked(shot: Shot, anchor: View, settings: Settings, lens: ArrayLike | None) -> _Asked:
    strength = np.asarray(settings.strength, np.float64)
    steps = len(shot) - 1
    if strength.shape not in ((), (steps,)):
        raise InputError(f"the strength has shape {strength.shape} where one number or {steps} are needed")
    p = felt = np.broadcast_to(strength, (steps,))
    if settings.lens == "compensate":
        p = strength * compensation(shot.trajectory, anchor, lens, felt=False)
        felt = strength * compensation(shot.trajectory, anchor, lens, felt=True)
    return _Asked(p, felt)


def _first_look(composition: Composition, observer: Observer, frame: int) -> Look:
    pose = composition.mover.first()
    first = observer.look(pose, frame)
    if np.isnan(first.depth):
        raise InputError(
            f"the target shows no surface in frame {frame}: point the anchor camera at the geometry it shall move past"
        )
    clearance = composition.guard.limit
    if clearance >= first.depth:
        raise InputError(
            f"a clearance of {clearance:g} is not less than the target's median depth, {first.depth:.3g}: both are in "
            "the target's unit"
        )
    composition.mover.see(frame, pose, observer.samples, first.depth)
    return first


def _realised_shot(
    shot: Shot, walked: Walk, intrinsics: Array, anchor: View, settings: Settings, factor: Array, digest: str
) -> Shot:
    """Make a shot, in units of the target, of the path that was walked."""
    path = walked.path
    trajectory = Trajectory(path.poses, intrinsics, shot.trajectory.times, anchor.width, anchor.height)
    length = np.linalg.norm(trajectory.baselines, axis=1)
    told = (shot.name, digest, shot.quality.get("noise_floor"), path.looks[settings.anchor_frame].depth)
    measured = dict(zip(MEASURED, told, strict=True))
    return Shot(
        name=shot.name,
        fps=shot.fps,
        trajectory=trajectory,
        median_depth=path.depth,
        motion_class=shot.motion_class,
        frames=shot.frames,
        felt_parallax=np.where(length == 0, 0.0, length * path.felt_per_unit),
        gain=path.gain * factor,
        provenance={"calibration": settings.as_json() | measured, "reference": dict(shot.provenance)},
    )


def _seen_subjects(
    path: Trajectory, subjects: Sequence[SubjectTrack], points: Sequence[Array | None]
) -> tuple[SubjectTrack, ...]:
    """Tracks of the target's subjects; unknown throughout where nothing was seen in a subject's place."""
    nowhere = np.full((len(path), 2), np.nan)
    return tuple(
        SubjectTrack(subject.name, nowhere) if point is None else track_point(path, point, subject.name)
        for subject, point in zip(subjects, points, strict=True)
    )


def _pce_global(shot: Shot, anchor: View, factor: Array, target: TargetStart, observer: Observer) -> float:
    """PCE that one gain for all frames would leave, on a few steps spread over the shot."""
    gain = global_gain(shot, target) * factor
    if len(gain) == 0 or np.isnan(gain).any():
        return float("nan")
    poses = realised_poses(shot.trajectory, anchor, gain)
    frames = np.unique(np.linspace(0, len(gain) - 1, GLOBAL_STEPS).round().astype(int))
    depth = np.array([observer.depth(poses[frame], int(frame)) if frame else target.depth for frame in frames])
    length = np.linalg.norm(shot.trajectory.baselines[frames], axis=1) * gain[frames]
    realised = np.where(length == 0, 0.0, length / depth)
    return pce_above_noise(realised, (shot.parallax_number * factor)[frames], shot.noise_floor)
