"""What is kept besides P: who is held where in the picture, how the camera rolls, and how close it may come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory, View
from parascale.camera.rotations import poses_of
from parascale.errors import InputError
from parascale.parallax.clearance import Guard, Surroundings
from parascale.parallax.framing import DEPTH_SLACK, PROPOSED_SLACK, Aim, SteadyAim
from parascale.parallax.horizon import MIN_CONFIDENCE, level_rotations, unit_up, up_of_shot
from parascale.parallax.lead import Lead, Places, find_lead, place_in, propose_subject
from parascale.parallax.mover import CameraMove, Mover, Replay
from parascale.parallax.realise import realised_rotations, realised_steps
from parascale.parallax.settings import Settings
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack, Up
from parascale.parallax.subject_size import SizeKeeper, relative_sizes
from parascale.types import Array

SubjectPoint = Array | None
"""A point of the target's world, (3,), or one a frame, (T, 3); None for what stands at the subject's place."""


@dataclass(frozen=True, eq=False)
class TargetFacts:
    """What is known of a target besides its depth.

    Attributes
    ----------
    up : (3,) float64 or None
        Up of its world; without it there is no horizon to keep.
    subject_points : sequence of SubjectPoint
        Where the reference's subjects stand in it, in their order; missing ones are what the realised camera sees at
        the subject's place when it takes over.
    surroundings : Surroundings or None
        Surfaces that the camera must not pass through.
    has_surfaces : bool
        Whether it has surfaces that stand still while the camera moves. Where only a typical depth is known there is
        nothing to hold, to be level with, or to keep clear of: the shot is carried over verbatim.
    """

    up: ArrayLike | None = None
    subject_points: Sequence[SubjectPoint] = ()
    surroundings: Surroundings | None = None
    has_surfaces: bool = True


@dataclass(frozen=True, eq=False)
class Composition:
    """What a calibration keeps besides P.

    Attributes
    ----------
    subjects : tuple of SubjectTrack
        The reference's, or the one that was proposed for it.
    lead : Lead
        Which of them leads in each frame.
    places : Places
        Where they have to stand.
    up : Up
        The reference's.
    target_up : (3,) float64 or None
        The target's; None where unknown.
    knows_up : bool
        Whether the reference's is more than a guess.
    sizes : (T,) float64
        Of the leading subject in the reference's picture, see `relative_sizes`.
    base : (T, 3, 3) float64
        B_t, rotations without framing.
    aim : Aim
        Knows where the target's subjects stand, as far as they have been seen.
    guard : Guard
    mover : Mover
    corrects : bool
        Whether the rotation depends on where the camera stands.
    move_with : callable
        Gives a mover that takes its rotations from another aim.
    """

    subjects: tuple[SubjectTrack, ...]
    lead: Lead
    places: Places
    up: Up
    target_up: Array | None
    knows_up: bool
    sizes: Array
    base: Array
    aim: Aim
    guard: Guard
    mover: Mover
    corrects: bool
    move_with: Callable[[Aim | SteadyAim], Mover]


def compose(
    shot: Shot,
    anchor: View,
    intrinsics: Array,
    settings: Settings,
    factor: Array,
    facts: TargetFacts,
    filmed: Trajectory,
) -> Composition:
    """Lay out what is kept besides P.

    Parameters
    ----------
    shot : Shot
        The reference, T frames.
    anchor : View
    intrinsics : (T, 4) float64
        Of the realised cameras.
    settings : Settings
        Its ``anchor_frame`` is within the shot.
    factor : (T-1,) float64
        Strength and lens, by which each step is multiplied.
    facts : TargetFacts
    filmed : Trajectory
        The path that the reference's pictures were taken on, whatever is to be carried over of it.

    Raises
    ------
    InputError
        Where a point or up is not a finite vector.
    """
    path = shot.trajectory
    subjects: tuple[SubjectTrack, ...] = ()
    if facts.has_surfaces:
        subjects = shot.subjects or tuple(filter(None, [propose_subject(filmed, shot.median_depth)]))
    lead = find_lead(subjects, path, shot.median_depth, settings.anchor_frame)
    places = place_in(lead, path, anchor.size, intrinsics)
    own_up, target_up = up_of_shot(shot), None if facts.up is None else unit_up(facts.up)
    verbatim = realised_rotations(path, anchor, settings.anchor_frame)
    knows_up = own_up.confidence >= MIN_CONFIDENCE
    base = verbatim
    if settings.horizon == "keep" and target_up is not None and knows_up:
        base = level_rotations(path, own_up.direction, anchor, target_up, settings.anchor_frame)
    kept_up = target_up if settings.horizon == "keep" else None
    points = [_frames_of(point, len(shot)) for point in facts.subject_points[: len(subjects)]]
    points += [None] * (len(subjects) - len(points))
    slack = DEPTH_SLACK if shot.subjects else PROPOSED_SLACK
    aim = Aim(base, lead, places, points, kept_up, path.times, settings.framing, slack=slack)
    guard = Guard(settings.clearance, intrinsics, facts.surroundings)
    centre = anchor.camera_to_world[:3, 3]

    sizes = relative_sizes(subjects, lead, filmed, shot.median_depth)

    def move_with(moving: Aim | SteadyAim) -> Mover:
        keeps = settings.size == "dolly"
        dolly = SizeKeeper(sizes, lead, places, aim.points, settings.size_budget) if keeps else None
        return CameraMove(path, centre, base, factor, moving, guard, settings.anchor_frame, dolly=dolly)

    if settings.is_verbatim:
        steps = factor[:, None] * realised_steps(path, anchor, settings.anchor_frame)
        mover: Mover = Replay(poses_of(verbatim, centre), steps, settings.anchor_frame, aim)
    else:
        mover = move_with(aim)
    corrects = settings.framing > 0 and len(lead.frames) > 0
    return Composition(
        subjects, lead, places, own_up, target_up, knows_up, sizes, base, aim, guard, mover, corrects, move_with
    )


def _frames_of(point: SubjectPoint, count: int) -> Array | None:
    if point is None:
        return None
    place = np.asarray(point, np.float64)
    if place.shape not in ((3,), (count, 3)) or not np.isfinite(place).all():
        raise InputError(f"the target's subject has shape {place.shape}, expected (3,) or ({count}, 3) finite numbers")
    return np.array(np.broadcast_to(place, (count, 3)))
