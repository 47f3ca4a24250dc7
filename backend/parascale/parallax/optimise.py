"""One optimisation over all poses, where a march, which decides step by step, cannot see what comes."""

from dataclasses import replace
from functools import partial

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.quaternions import arc_of_chord, conjugate, product, to_rotation_vectors
from parascale.camera.rotations import poses_of, quaternions_from_matrices
from parascale.parallax.calibration_report import CLOSABLE, CLOSED, CalibrationReport, closing_gap
from parascale.parallax.clearance import Guard
from parascale.parallax.composition import Composition
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.fitting import PASSING_BEND
from parascale.parallax.horizon import levelness, roll_angles
from parascale.parallax.least_squares import REACH, minimise
from parascale.parallax.march import March, march
from parascale.parallax.mover import Replay
from parascale.parallax.observer import Observer
from parascale.parallax.passes import Gains, Walk
from parascale.parallax.residuals import Problem, log_errors, residuals, step_bends
from parascale.parallax.settings import Settings
from parascale.parallax.shot import Shot
from parascale.parallax.shot_measures import HELD_WITHIN
from parascale.parallax.verdict import MAX_JUMP, MAX_ROLL
from parascale.types import Array

# From one measurement of the depth to the next the surfaces are looked up so often, for so many steps each.
LOOKUPS, STEPS = 4, 2
# A round is the last where the sum of squares moves by less than this share: from one lookup of the surfaces to the
# next, and from what was expected to what the depth, measured again, leaves of it.
SETTLED_ROUND = 0.02
# Surfaces are kept a little farther away than they have to be, and jumps a little smaller.
MARGIN, LIMITED = 1.05, 0.9
# A step that is bent by less, in degrees, or shortened by less than this share, is as it was asked for.
STRAIGHT, AS_ASKED = 2.0, 0.95

# Of each measure its name, what is good enough, and a change that is seen: worse is what is beyond both.
_MEASURES = {
    "pce": ("Parallax Number", 0.0, 0.002),
    "felt_error": ("felt parallax", 0.0, 0.002),
    "rot_err": ("turning", 0.0, 1.0),
    "largest_jump": ("jumps of the speed", MAX_JUMP, 0.002),
    "roll_error": ("horizon", MAX_ROLL, 0.1),
    "largest_bend": ("direction of the path", PASSING_BEND, 5.0),
    "subject_distance": ("place of the subject", HELD_WITHIN, 0.01),
    "closing_gap": ("closing of the path", CLOSED, 0.005),
}
# Of these none may be more.
_COUNTED = {
    "crossings": "surfaces passed through",
    "standing_frames": "frames that stand still",
    "held_back_frames": "steps held back by a surface",
    "frames_without_surface": "frames without a surface",
}


def optimise(
    shot: Shot,
    settings: Settings,
    gains: Gains,
    walked: Walk,
    composition: Composition,
    observer: Observer,
    *,
    factor: Array,
) -> Walk | None:
    """Find the poses that keep all that a march keeps best together, measuring the depth again in every round.

    Parameters
    ----------
    shot : Shot
        The reference, T frames.
    settings : Settings
    gains : Gains
    walked : Walk
        The march to start from.
    composition : Composition
    observer : Observer
    factor : (T-1,) float64
        Strength and lens, by which each step is multiplied.

    Returns
    -------
    Walk or None
        None where there are too few frames to weigh, or the reference rests.
    """
    path = walked.path
    lengths = np.linalg.norm(shot.trajectory.baselines, axis=1) * factor
    if len(shot) < REACH or not lengths.any() or np.isnan(path.depth).all():
        return None
    frame = settings.anchor_frame
    rays = _wanted_rays(composition, settings, path.poses)
    problem = _pose_problem(shot, settings, gains, path, lengths, composition, rays)
    tried = []
    for _ in range(settings.rounds):
        rotations, centres = path.poses[:, :3, :3], path.poses[:, :3, 3]
        expected = []
        for _ in range(LOOKUPS):
            problem = _look_up_surfaces(problem, composition.guard, centres, frame)
            weighed = partial(residuals, problem)
            rotations, centres = minimise(weighed, rotations, centres, frame, problem.scale, STEPS)
            expected.append(_cost(problem, rotations, centres))
        errors = log_errors(problem, rotations, centres)
        steps = np.diff(centres, axis=0)
        along = steps * (lengths / np.maximum(np.linalg.norm(steps, axis=1), 1e-300))[:, None]
        mover = _Plan(poses_of(rotations, path.poses[frame, :3, 3]), along, frame, composition.guard)
        path = march(mover, len(shot), path.looks[frame], observer, gains.planned(errors, path), frame)
        problem = _pose_problem(shot, settings, gains, path, lengths, composition, rays)
        problem = _look_up_surfaces(problem, composition.guard, path.poses[:, :3, 3], frame)
        left = _cost(problem, path.poses[:, :3, :3], path.poses[:, :3, 3])
        tried.append((left, problem, path))
        if np.ptp([*expected[-2:], left]) <= SETTLED_ROUND * max(left, 1e-9):
            break
    _, problem, path = min(tried, key=lambda each: each[0])
    return _measure(problem, path)


def _cost(problem: Problem, rotations: Array, centres: Array) -> float:
    return float(np.sum(residuals(problem, rotations, centres) ** 2))


class _Plan(Replay):
    """Rotations and directions of steps as they were planned; only the lengths are found on the way."""

    def __init__(self, start: Array, steps: Array, anchor_frame: int, guard: Guard) -> None:
        super().__init__(start, steps, anchor_frame)
        self._guard = guard

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """See `Mover`."""
        self._guard.see(frame, pose, samples, depth)


def _pose_problem(
    shot: Shot,
    settings: Settings,
    gains: Gains,
    path: March,
    lengths: Array,
    composition: Composition,
    rays: Array,
) -> Problem:
    """Lay out what counts, from what the cameras of a path saw."""
    reference, base = shot.trajectory, composition.base
    depth = np.array(path.depth)
    known = ~np.isnan(depth)
    frames = np.arange(len(depth))
    depth = np.exp(np.interp(frames, frames[known], np.log(depth[known])))
    turns = np.swapaxes(base[:-1], 1, 2) @ base[1:]
    quaternions = quaternions_from_matrices(reference.rotations)
    turned = to_rotation_vectors(product(conjugate(quaternions[:-1]), quaternions[1:]))
    local = np.einsum("nji,nj->ni", reference.rotations[:-1], reference.baselines)
    based = quaternions_from_matrices(base)
    centres, lead = path.poses[:, :3, 3], composition.lead
    points, weight = _subject_points(composition, len(depth))
    up = composition.target_up if settings.horizon == "keep" else None
    level = np.zeros(len(depth)) if up is None else levelness(base, up) * levelness(path.poses[:, :3, :3], up)
    return Problem(
        base=base,
        turns=turns,
        turn_vectors=to_rotation_vectors(product(conjugate(based[:-1]), based[1:])),
        travel=arc_of_chord(turned, local),
        lengths=lengths,
        log_gain=np.log(gains.asked(path)),
        sees=known[:-1] * float(gains.follows_depth),
        centres=centres,
        axes=path.poses[:, :3, 2],
        depth=depth,
        points=points,
        rays=np.nan_to_num(rays),
        place_weight=weight * lead.ease * (settings.framing > 0),
        focal=composition.places.intrinsics[:, 0] / composition.places.width,
        up=np.array([0.0, 0.0, 1.0]) if up is None else up,
        roll=np.zeros(len(depth)) if up is None else roll_angles(base, up),
        roll_weight=level,
        guarded=centres,
        away=np.full(len(depth), np.inf),
        outwards=np.zeros_like(centres),
        limit=MARGIN * np.array([composition.guard.limit_at(*each) for each in enumerate(depth.tolist())]),
        closing=_closing(reference, centres, settings.anchor_frame),
        max_jump=np.inf if settings.max_jump is None else LIMITED * settings.max_jump,
        interval=float(reference.times[-1] - reference.times[0]) / (len(depth) - 1),
        weights=settings.weights,
    )


def _look_up_surfaces(problem: Problem, guard: Guard, centres: Array, anchor_frame: int) -> Problem:
    """Lay out the surfaces around each centre (T, 3); none has to be farther away than one is from the anchor."""
    away, outwards = guard.nearest_planes(centres)
    limit = np.minimum(problem.limit, away[anchor_frame])
    return replace(problem, guarded=centres, away=away, outwards=outwards, limit=limit)


def _measure(problem: Problem, path: March) -> Walk:
    """Say of an optimised path where it is bent, and where a surface holds it back."""
    rotations, centres = path.poses[:, :3, :3], path.poses[:, :3, 3]
    bends = step_bends(problem, rotations, centres)
    share = np.exp(log_errors(problem, rotations, centres))
    close = (problem.away < MARGIN * problem.limit)[:-1]
    return Walk(
        path,
        settled=True,
        bent={frame: float(bends[frame]) for frame in np.flatnonzero(bends > STRAIGHT).tolist()},
        held_back={frame: float(share[frame]) for frame in np.flatnonzero(close & (share < AS_ASKED)).tolist()},
        hurried=(),
    )


def _wanted_rays(composition: Composition, settings: Settings, poses: Array) -> Array:
    """Give unit vectors (T, 3) to where the subject belongs; where framing is partial, to where the march put it."""
    if settings.framing == 1:
        return composition.places.rays
    points, _ = _subject_points(composition, len(poses))
    towards = np.einsum("nji,nj->ni", poses[:, :3, :3], points - poses[:, :3, 3])
    rays: Array = towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-300)
    return rays


def _subject_points(composition: Composition, count: int) -> tuple[Array, Array]:
    """Points (T, 3) of the leading subject, and 1 where they are known, else 0, (T,)."""
    points, known = np.zeros((count, 3)), np.zeros(count)
    for frame in composition.lead.frames.tolist():
        point = composition.aim.points[composition.lead.subject[frame]]
        if point is not None:
            points[frame], known[frame] = point[frame], 1.0
    return points, known


def _closing(reference: Trajectory, centres: Array, anchor_frame: int) -> Array | None:
    """Give where both ends of a closed path meet; None where the reference's own is open, or they are too far apart."""
    length = float(np.sum(np.linalg.norm(np.diff(centres, axis=0), axis=1)))
    if not closing_gap(reference) < CLOSED or np.linalg.norm(centres[-1] - centres[0]) > CLOSABLE * length:
        return None
    ends = {0: centres[0], len(centres) - 1: centres[-1]}
    meeting: Array = ends.get(anchor_frame, (centres[0] + centres[-1]) / 2)
    return meeting


def find_losses(march: CalibrationReport, optimised: CalibrationReport, *, felt: bool = False) -> tuple[str, ...]:
    """Name the measures by which the optimised path is worse than the march it started from.

    Of P and phi the one counts that is carried over: phi where it is ``felt``.
    """
    unasked = "pce" if felt else "felt_error"
    worse = [
        name
        for key, (name, good, seen) in _MEASURES.items()
        if key != unasked and getattr(optimised, key) > max(getattr(march, key), good) + seen
    ]
    worse += [name for key, name in _COUNTED.items() if len(getattr(optimised, key)) > len(getattr(march, key))]
    if optimised.subject_held < march.subject_held:
        worse.append("frames that hold the subject")
    return tuple(worse)
