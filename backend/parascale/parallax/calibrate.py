"""Calibration: find the gain of every step, replay the reference with it, and say what that did."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from parascale.camera import Trajectory, View
from parascale.errors import InputError
from parascale.parallax.calibration_report import CalibrationReport
from parascale.parallax.clearance import Surroundings
from parascale.parallax.composition import Composition, TargetFacts, compose
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.gains import TargetStart, global_gain
from parascale.parallax.lead import track_point
from parascale.parallax.lens import compensation, realised_intrinsics, step_directions
from parascale.parallax.methods import METHODS, ClosedLoop
from parascale.parallax.metrics import pce_above_noise
from parascale.parallax.observer import Look, Observer
from parascale.parallax.passes import Walk, most_passes, walk
from parascale.parallax.realise import realised_poses
from parascale.parallax.reporting import make_report
from parascale.parallax.settings import Settings
from parascale.parallax.shot import Shot, Unit
from parascale.parallax.subject import SubjectTrack, Up
from parascale.types import Array, CancelCheck, Progress

__all__ = ["Calibration", "Settings", "calibrate"]

# `global` is shown beside every method; measured on every frame it would double the cost of a calibration.
GLOBAL_STEPS = 16


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
    """

    shot: Shot
    report: CalibrationReport
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
    if facts.surroundings is None and isinstance(target, Surroundings):
        facts = replace(facts, surroundings=target)
    if not facts.has_surfaces:
        settings = replace(settings, framing=0.0, horizon="free", clearance=0.0)
    gain = METHODS[settings.method].gain
    asked = _asked(shot, anchor, settings)
    intrinsics = realised_intrinsics(shot.trajectory, anchor, settings.lens)
    factor = asked.felt if isinstance(gain, ClosedLoop) and gain.felt else asked.p
    composition = compose(shot, anchor, intrinsics, settings, factor, facts)
    looks = len(shot) * (1 + most_passes(settings, composition)) + GLOBAL_STEPS
    observer = Observer(target, intrinsics, anchor.size, step_directions(shot.trajectory), looks, progress, cancelled)
    first = _first_look(composition, observer, settings.anchor_frame)
    known = TargetStart(first.depth, 1.0 if unit == "m" else metres_per_unit)
    wanted = gain.of_reference(shot) if isinstance(gain, ClosedLoop) else gain(shot, known)
    walked = walk(shot, settings, wanted, first, composition, observer)
    points = tuple(composition.aim.points)
    result = _realised_shot(shot, walked, intrinsics, anchor, settings, factor)
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
        pce_global=_pce_global(shot, anchor, asked.p, known, observer),
        unknown=np.isnan(wanted),
        surroundings=facts.surroundings,
    )
    return Calibration(replace(result, quality=report.as_json()), report, composition.subjects, points)


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


def _first_look(composition: Composition, observer: Observer, frame: int) -> Look:
    pose = composition.mover.first()
    first = observer.look(pose, frame)
    if np.isnan(first.depth):
        raise InputError(
            f"the target shows no surface in frame {frame}: point the anchor camera at the geometry it shall move past"
        )
    composition.mover.see(frame, pose, observer.samples, first.depth)
    return first


def _realised_shot(
    shot: Shot, walked: Walk, intrinsics: Array, anchor: View, settings: Settings, factor: Array
) -> Shot:
    """Make a shot, in units of the target, of the path that was walked."""
    path = walked.path
    trajectory = Trajectory(path.poses, intrinsics, shot.trajectory.times, anchor.width, anchor.height)
    length = np.linalg.norm(trajectory.baselines, axis=1)
    measured = {
        "reference": shot.name,
        "reference_digest": shot.digest,
        "target_depth": path.looks[settings.anchor_frame].depth,
    }
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
