"""Smooth curves through camera centres and rotations, walked by arc length and by angle, which follow time by PCHIP."""

import numpy as np

from parascale.camera.quaternions import conjugate, from_rotation_vectors, product, to_rotation_vectors
from parascale.camera.rotations import continuous_quaternions, quaternions_from_matrices
from parascale.types import Array

# Chords per segment from which arc length is summed: its error is 1/24 of the squared turn per chord.
_CHORDS = 32


class PathCurve:
    """The path through camera centres.

    A cubic Hermite spline over chord length with three-point tangents (it turns with the path, where interpolation
    by coordinate would flatten it along the axes). Arc length follows time by `monotone_cubic`.
    """

    def __init__(self, centres: Array, times: Array) -> None:
        """Lay the curve through centres (T, 3) at strictly increasing times (T,)."""
        self._centres, self._times = centres, times
        steps = np.diff(centres, axis=0)
        chord = np.linalg.norm(steps, axis=1)
        self._moving = chord > 0
        if not self._moving.any():
            return
        knots = centres[np.concatenate([[True], self._moving])]
        self._points, self._table = _tables(knots, steps[self._moving], chord[self._moving])
        length = np.zeros(len(chord))
        length[self._moving] = self._table[:, -1]
        self._travelled = np.concatenate([[0.0], np.cumsum(length)])

    def at(self, wanted: Array) -> Array:
        """Points (N, 3) at times within the curve's, in any order: exactly the centres at their own and in rests."""
        if not self._moving.any():
            return np.repeat(self._centres[:1], len(wanted), axis=0)
        points = self._point_at(monotone_cubic(self._times, self._travelled, wanted))
        before = np.searchsorted(self._times, wanted, side="right") - 1
        known = (self._times[before] == wanted) | ~np.append(self._moving, True)[before]
        points[known] = self._centres[before[known]]
        return points

    def _point_at(self, travelled: Array) -> Array:
        """Points at arc lengths from the start of the path."""
        length = self._table[:, -1]
        ends = np.cumsum(length)
        segment = np.minimum(np.searchsorted(ends, travelled, side="left"), len(length) - 1)
        rest = np.clip(travelled - (ends - length)[segment], 0, length[segment])
        piece = np.clip(np.sum(self._table[segment] <= rest[:, None], axis=1) - 1, 0, _CHORDS - 1)
        start, end = self._table[segment, piece], self._table[segment, piece + 1]
        fraction = np.divide(rest - start, end - start, out=np.zeros(len(rest)), where=end > start)[:, None]
        points: Array = (1 - fraction) * self._points[segment, piece] + fraction * self._points[segment, piece + 1]
        return points


def _tables(knots: Array, steps: Array, chord: Array) -> tuple[Array, Array]:
    """Points along every segment (S, chords + 1, 3), and arc length from its start (S, chords + 1)."""
    tangents = _three_point_tangents(steps, chord)
    u = np.linspace(0, 1, _CHORDS + 1)[:, None]
    step = chord[:, None, None]
    points = _hermite(knots[:-1, None], knots[1:, None], step * tangents[:-1, None], step * tangents[1:, None], u)
    pieces = np.linalg.norm(np.diff(points, axis=1), axis=2)
    return points, np.concatenate([np.zeros((len(chord), 1)), np.cumsum(pieces, axis=1)], axis=1)


class RotationCurve:
    """The path through camera rotations.

    Squad (Shoemake 1987) over the angle turned, with the tangents `PathCurve` uses for centres, so that steps of
    any length join smoothly. The angle follows time by `monotone_cubic`: a camera that holds still holds still,
    and one that pans back does not swing past. From each rotation to the next it goes the short way.
    """

    def __init__(self, rotations: Array, times: Array) -> None:
        """Lay the curve through rotations (T, 3, 3) at strictly increasing times (T,)."""
        self._times = times
        self._own = continuous_quaternions(quaternions_from_matrices(rotations))
        steps = to_rotation_vectors(product(conjugate(self._own[:-1]), self._own[1:]))
        angle = np.linalg.norm(steps, axis=1)
        self._turning = angle > 0
        if not self._turning.any():
            return
        self._turned = np.concatenate([[0.0], np.cumsum(angle)])
        self._knots = self._own[np.concatenate([[True], self._turning])]
        self._angle = angle[self._turning]
        self._leaving, self._reaching = _control_points(self._knots, steps[self._turning], self._angle)

    def at(self, wanted: Array) -> Array:
        """Give unit quaternions (N, 4) at times within the curve's, in any order; each on the near side of the last."""
        before = np.searchsorted(self._times, wanted, side="right") - 1
        if not self._turning.any():
            resting: Array = self._own[before]
            return resting
        turned = monotone_cubic(self._times, self._turned, wanted)
        ends = np.cumsum(self._angle)
        segment = np.minimum(np.searchsorted(ends, turned, side="left"), len(ends) - 1)
        fraction = np.clip(1 - (ends[segment] - turned) / self._angle[segment], 0, 1)
        # Squad: slerp(slerp(start, end, u), slerp(leaving, reaching, u), 2 u (1 - u)).
        along = _towards(self._knots[segment], self._knots[segment + 1], fraction)
        beside = _towards(self._leaving[segment], self._reaching[segment], fraction)
        quaternions = _towards(along, beside, 2 * fraction * (1 - fraction))
        known = (self._times[before] == wanted) | ~np.append(self._turning, True)[before]
        quaternions[known] = self._own[before[known]]
        return quaternions


def _towards(start: Array, end: Array, fraction: Array) -> Array:
    """Slerp the way the signs say: control points of a fast pan lie more than half a turn apart."""
    share = fraction[:, None]
    angle = 2 * np.arctan2(np.linalg.norm(end - start, axis=1), np.linalg.norm(end + start, axis=1))[:, None]
    # np.sinc keeps its digits where the angle vanishes.
    sine = np.sinc(angle / np.pi)
    left, right = (1 - share) * np.sinc((1 - share) * angle / np.pi), share * np.sinc(share * angle / np.pi)
    blend: Array = left * start + right * end
    blend /= np.where(np.abs(sine) > 1e-12, sine, 1.0)
    blend /= np.linalg.norm(blend, axis=1, keepdims=True)
    return blend


def _control_points(knots: Array, steps: Array, angle: Array) -> tuple[Array, Array]:
    """Control points (S, 4) at which squad leaves and reaches the ends of its segments with a common tangent.

    The derivative of squad at its start is q (log(q^-1 q') + 2 log(q^-1 a)), likewise at its end; for steps of equal
    angle both control points are Shoemake's q exp(-(log(q^-1 q_next) + log(q^-1 q_last)) / 4). Steps (S, 3) are the
    rotation vectors from knot to knot (S + 1, 4), in the axes of the first, and of length ``angle`` above 0.
    """
    tangents = _three_point_tangents(steps, angle)
    leaving = product(knots[:-1], from_rotation_vectors((angle[:, None] * tangents[:-1] - steps) / 2))
    reaching = product(knots[1:], from_rotation_vectors((steps - angle[:, None] * tangents[1:]) / 2))
    return leaving, reaching


def _three_point_tangents(steps: Array, length: Array) -> Array:
    """Differentiate, by length, the parabola through each knot and its neighbours: (S + 1, 3), about 1 long.

    From the steps (S, 3) from knot to knot and their lengths above 0. Where the path turns back by more than a right
    angle the tangent fades, to nothing where it returns the way it came: the parabola would overshoot there.
    """
    h, direction = length[:, None], steps / length[:, None]
    tangents = np.empty((len(steps) + 1, 3))
    cosine = np.einsum("ni,ni->n", direction[:-1], direction[1:])[:, None]
    parabola = (h[1:] * direction[:-1] + h[:-1] * direction[1:]) / (h[1:] + h[:-1])
    tangents[1:-1] = parabola * np.clip(1 + cosine, 0, 1)
    if len(steps) == 1:
        tangents[:] = direction
    else:
        tangents[0] = 2 * direction[0] - tangents[1]
        tangents[-1] = 2 * direction[-1] - tangents[-2]
    return tangents


def monotone_cubic(x: Array, y: Array, at: Array) -> Array:
    """Piecewise cubic Hermite interpolation that never overshoots (Fritsch and Butland 1984, as PCHIP).

    Of values y (T,) known at increasing x (T,), T of at least 2, at places (N,) within them.
    """
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    tangent = np.zeros(len(y))
    if len(y) == 2:
        tangent[:] = slope[0]
    else:
        tangent[0] = _end_tangent(h[0], h[1], slope[0], slope[1])
        tangent[-1] = _end_tangent(h[-1], h[-2], slope[-1], slope[-2])
        left, right = slope[:-1], slope[1:]
        w_left, w_right = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        same = np.sign(left) * np.sign(right) > 0
        mean = w_left / np.where(same, left, 1.0) + w_right / np.where(same, right, 1.0)
        tangent[1:-1] = np.where(same, (w_left + w_right) / np.where(same, mean, 1.0), 0.0)
    segment = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(h) - 1)
    u, step = (at - x[segment]) / h[segment], h[segment]
    return _hermite(y[segment], y[segment + 1], step * tangent[segment], step * tangent[segment + 1], u)


def _hermite(start: Array, end: Array, start_tangent: Array, end_tangent: Array, u: Array) -> Array:
    """Cubic between two values with given tangents per whole interval, at ``u`` from 0 to 1."""
    v = 1 - u
    # Written by differences, so that equal ends without tangents give exactly that value.
    value: Array = start + (end - start) * u * u * (3 - 2 * u) + u * v * (v * start_tangent - u * end_tangent)
    return value


def _end_tangent(h0: float, h1: float, slope0: float, slope1: float) -> float:
    """Three-point tangent at an end, held to the sign and three times the slope of its own segment."""
    tangent = ((2 * h0 + h1) * slope0 - h0 * slope1) / (h0 + h1)
    if np.sign(tangent) != np.sign(slope0):
        return 0.0
    if np.sign(slope0) != np.sign(slope1) and abs(tangent) > 3 * abs(slope0):
        return 3 * slope0
    return float(tangent)
