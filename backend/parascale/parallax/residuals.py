"""What the optimisation over all poses weighs against each other: one row of residuals a frame."""

import math
from dataclasses import dataclass, fields

import numpy as np

from parascale.camera.quaternions import chord_of_arc
from parascale.errors import InputError
from parascale.parallax.framing import MAX_CORRECTION_RATE
from parascale.types import Array

# Deviations of one residual unit: ln P, radians of direction, frame widths, radians of roll; of the clearance a share.
SPEED, DIRECTION, PLACE, ROLL, CLEARANCE = 0.005, 0.1, 0.005, math.radians(0.2), 0.03
# Radians by which the camera may look elsewhere than the reference's: to hold a subject, and where nothing is held.
TURN, TURN_UNHELD = math.radians(4.0), math.radians(0.5)
# Radians a second by which the camera may turn otherwise than the reference's, and radians a frame by which that, and
# the direction of travel, may change: shake stays the reference's.
TURN_RATE, TURN_CHANGE, BEND_CHANGE = MAX_CORRECTION_RATE, math.radians(0.1), math.radians(3.0)
# ln s a frame beyond the largest jump, ln P'/P a frame, and path lengths by which a closed path stays open.
JUMP, SPEED_CHANGE, CLOSURE = 0.003, 0.03, 0.003
# Of the distance to the nearest surface: by which share a camera may move before the surfaces are looked up again.
REACH_SHARE = 0.25

# The measured depth is taken to fall as the camera goes along its axis, to this share of it at least.
_LEAST_DEPTH = 0.2


@dataclass(frozen=True)
class Weights:
    """The five sliders: by how much each part counts, 1 as argued in docs/framing.md, 0 not at all.

    Attributes
    ----------
    felt_speed : float
        ln P'/P, and the direction of each step in the picture.
    framing : float
        The subject's place in the picture, beside the share of it that `Settings.framing` asks for.
    horizon : float
        Roll.
    clearance : float
        Distance to surfaces.
    smooth : float
        Jumps of the gain, and changes of the turn and of the direction from one frame to the next.
    """

    felt_speed: float = 1.0
    framing: float = 1.0
    horizon: float = 1.0
    clearance: float = 1.0
    smooth: float = 1.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0 <= value < math.inf:
                raise InputError(f"the weight {each.name} is {value} and must be a finite number of at least 0")


@dataclass(frozen=True, eq=False)
class Problem:
    """What the poses of T frames are held against, in the target's unit.

    Attributes
    ----------
    base : (T, 3, 3) float64
        B_t, rotations without framing.
    turns : (T-1, 3, 3) float64
        Rotation of each step without framing, B_t^T B_{t+1}, and its vector.
    turn_vectors, travel : (T-1, 3) float64
        Travel along the camera's own axes, of which a step is the chord; any length.
    lengths : (T-1,) float64
        Of the steps at gain 1.
    log_gain : (T-1,) float64
        The gain that is asked for at the measured cameras, ln.
    sees : (T-1,) float64
        By which share the gain follows the depth: 1 where that is measured, 0 where it is given.
    centres, axes : (T, 3) float64
        Of the cameras that were measured.
    depth : (T,) float64
        Z' there.
    points, rays : (T, 3) float64
        Where the subject stands in the world, and the unit vector in the camera's axes where it belongs.
    place_weight : (T,) float64
        0 where nothing is held.
    focal : (T,) float64
        Frame widths.
    up : (3,) float64
    roll, roll_weight : (T,) float64
        Roll against the horizon that is asked for; 0 where that means nothing.
    guarded : (T, 3) float64
        Centres around which the surfaces are known.
    away, outwards : (T,) and (T, 3) float64
        Distance from there to the nearest surface, and the unit vector away from it; infinite is none.
    limit : (T,) float64
        The clearance.
    closing : (3,) float64 or None
        Where the last camera has to end.
    max_jump : float
    interval : float
        Seconds a frame.
    weights : Weights
    """

    base: Array
    turns: Array
    turn_vectors: Array
    travel: Array
    lengths: Array
    log_gain: Array
    sees: Array
    centres: Array
    axes: Array
    depth: Array
    points: Array
    rays: Array
    place_weight: Array
    focal: Array
    up: Array
    roll: Array
    roll_weight: Array
    guarded: Array
    away: Array
    outwards: Array
    limit: Array
    closing: Array | None
    max_jump: float
    interval: float
    weights: Weights

    @property
    def scale(self) -> float:
        """Typical length of a step, the target's unit."""
        long = self.lengths > 0
        return float(np.median(np.exp(self.log_gain[long]) * self.lengths[long])) if long.any() else 1.0


def residuals(problem: Problem, rotations: Array, centres: Array) -> Array:
    """Give the residuals (..., T, M) of poses: rotations (..., T, 3, 3) and centres (..., T, 3).

    Row t depends on the poses t, t + 1 and t + 2 alone; what the last rows have no poses for is 0.
    """
    weights = problem.weights
    excess, bend, speed, asked = _steps(problem, rotations, centres)
    error = (speed - asked)[..., None]
    pairs = [
        weights.felt_speed * error / SPEED,
        weights.felt_speed * bend / DIRECTION,
        excess / (TURN_RATE * problem.interval),
        _clearance(problem, (centres[..., 1:, :] + centres[..., :-1, :]) / 2, slice(0, -1)),
    ]
    both = (problem.lengths[1:] > 0) & (problem.lengths[:-1] > 0)
    jump = np.diff(speed, axis=-1)
    over = np.sign(jump) * np.maximum(np.abs(jump) - problem.max_jump, 0.0)
    triples = [
        weights.smooth * (both * over)[..., None] / JUMP,
        weights.smooth * both[:, None] * np.diff(error, axis=-2) / SPEED_CHANGE,
        weights.smooth * both[:, None] * np.diff(bend, axis=-2) / BEND_CHANGE,
        weights.smooth * np.diff(excess, axis=-2) / TURN_CHANGE,
    ]
    singles = [
        _place(problem, rotations, centres),
        _roll(problem, rotations),
        _small_vector(np.swapaxes(problem.base, -1, -2) @ rotations)
        / (TURN if problem.place_weight.any() else TURN_UNHELD),
        _clearance(problem, centres, slice(None)),
        _closure(problem, centres),
        (centres - problem.guarded) / (REACH_SHARE * problem.away)[:, None],
    ]
    rows = [*singles, *(_pad(part, 1) for part in pairs), *(_pad(part, 2) for part in triples)]
    return np.concatenate(rows, axis=-1)


def step_bends(problem: Problem, rotations: Array, centres: Array) -> Array:
    """Angle in degrees (T-1,) by which each step is bent from its direction in the picture."""
    _, bend, *_ = _steps(problem, rotations, centres)
    angles: Array = 2 * np.arcsin(np.minimum(np.linalg.norm(bend, axis=-1) / 2, 1.0)) * (problem.lengths > 0)
    return np.degrees(angles)


def log_errors(problem: Problem, rotations: Array, centres: Array) -> Array:
    """Give ln P'/P (T-1,), as the problem expects the depth to be; 0 where the reference rests."""
    *_, speed, asked = _steps(problem, rotations, centres)
    return np.asarray(speed - asked)


def _steps(problem: Problem, rotations: Array, centres: Array) -> tuple[Array, Array, Array, Array]:
    """Give the excess of turn, the bend of direction, ln of the gain, and of the one asked for."""
    moves = problem.lengths > 0
    inverse = np.swapaxes(rotations, -1, -2)
    local = _rotate(inverse[..., :-1, :, :], np.diff(centres, axis=-2))
    relative = np.swapaxes(problem.turns, -1, -2) @ (inverse[..., :-1, :, :] @ rotations[..., 1:, :, :])
    excess = _small_vector(relative)
    turn = (problem.turn_vectors + excess).reshape(-1, 3)
    chord = chord_of_arc(turn, np.broadcast_to(problem.travel, excess.shape).reshape(-1, 3)).reshape(excess.shape)
    length = np.maximum(np.linalg.norm(local, axis=-1), 1e-9 * problem.scale)
    wanted = chord / np.maximum(np.linalg.norm(chord, axis=-1, keepdims=True), 1e-300)
    bend = np.where(moves[:, None], local / length[..., None] - wanted, local / problem.scale)
    speed = np.where(moves, np.log(length / np.where(moves, problem.lengths, 1.0)), 0.0)
    ahead = np.einsum("ti,...ti->...t", problem.axes, centres - problem.centres) / problem.depth
    nearer = np.log(np.maximum(1 - ahead[..., :-1], _LEAST_DEPTH))
    asked = np.where(moves, problem.log_gain + problem.sees * nearer, 0.0)
    return excess, bend, speed, asked


def _place(problem: Problem, rotations: Array, centres: Array) -> Array:
    towards = _rotate(np.swapaxes(rotations, -1, -2), problem.points - centres)
    direction = towards / np.maximum(np.linalg.norm(towards, axis=-1, keepdims=True), 1e-300)
    weight = problem.weights.framing * problem.place_weight * problem.focal / PLACE
    return np.asarray((direction - problem.rays) * weight[:, None])


def _roll(problem: Problem, rotations: Array) -> Array:
    x, y, _ = np.moveaxis(_rotate(np.swapaxes(rotations, -1, -2), problem.up), -1, 0)
    error = np.arctan2(-x, -y) - problem.roll
    error = np.remainder(error + math.pi, math.tau) - math.pi
    return np.asarray(problem.weights.horizon * problem.roll_weight * error / ROLL)[..., None]


def _clearance(problem: Problem, places: Array, frames: slice) -> Array:
    # From a plane, so that who has come through it is still told the way back.
    moved = np.einsum("ti,...ti->...t", problem.outwards[frames], places - problem.guarded[frames])
    away, limit = problem.away[frames] + moved, problem.limit[frames]
    missing = np.maximum(1 - away / np.where(limit > 0, limit, 1.0), 0.0) * (limit > 0)
    return np.asarray(problem.weights.clearance * missing / CLEARANCE)[..., None]


def _closure(problem: Problem, centres: Array) -> Array:
    missed = np.zeros_like(centres)
    if problem.closing is not None:
        length = problem.scale * len(problem.lengths)
        missed[..., -1, :] = (centres[..., -1, :] - problem.closing) / (CLOSURE * length)
    return missed


def _rotate(rotations: Array, vectors: Array) -> Array:
    rotated: Array = (rotations @ vectors[..., None])[..., 0]
    return rotated


def _small_vector(rotations: Array) -> Array:
    """Rotation vectors of small turns (..., 3, 3), from their antisymmetric part."""
    m = rotations
    vector = (m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1])
    return 0.5 * np.stack(vector, axis=-1)


def _pad(rows: Array, count: int) -> Array:
    return np.concatenate([rows, np.zeros((*rows.shape[:-2], count, rows.shape[-1]))], axis=-2)
