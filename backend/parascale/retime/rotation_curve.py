"""A smooth curve through camera rotations, walked by angle."""

import numpy as np

from parascale.camera.quaternions import conjugate, from_rotation_vectors, product, to_rotation_vectors
from parascale.camera.rotations import continuous_quaternions, quaternions_from_matrices
from parascale.retime.pchip import monotone_cubic
from parascale.retime.tangents import three_point_tangents
from parascale.types import Array


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
        self._leaving, self._reaching = control_points(self._knots, steps[self._turning], self._angle)

    def at(self, wanted: Array) -> Array:
        """Give unit quaternions at other times within the curve's, in any order.

        Parameters
        ----------
        wanted : (N,) float64

        Returns
        -------
        (N, 4) float64
            w, x, y, z; each neighbour of the last where the times are neighbours.
        """
        before = np.searchsorted(self._times, wanted, side="right") - 1
        if not self._turning.any():
            resting: Array = self._own[before]
            return resting
        turned = monotone_cubic(self._times, self._turned, wanted)
        ends = np.cumsum(self._angle)
        segment = np.minimum(np.searchsorted(ends, turned, side="left"), len(ends) - 1)
        fraction = np.clip(1 - (ends[segment] - turned) / self._angle[segment], 0, 1)
        quaternions = squad(
            self._knots[segment],
            self._knots[segment + 1],
            self._leaving[segment],
            self._reaching[segment],
            fraction,
        )
        known = (self._times[before] == wanted) | ~np.append(self._turning, True)[before]
        quaternions[known] = self._own[before[known]]
        return quaternions


def squad(start: Array, end: Array, leaving: Array, reaching: Array, fraction: Array) -> Array:
    """Spherical quadrangle: slerp(slerp(start, end, u), slerp(leaving, reaching, u), 2 u (1 - u)).

    Parameters
    ----------
    start, end, leaving, reaching : (N, 4) float64
        Unit quaternions: the ends, and the control point of each.
    fraction : (N,) float64
        u, 0 .. 1.

    Returns
    -------
    (N, 4) float64
    """
    along = _towards(start, end, fraction)
    beside = _towards(leaving, reaching, fraction)
    return _towards(along, beside, 2 * fraction * (1 - fraction))


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


def control_points(knots: Array, steps: Array, angle: Array) -> tuple[Array, Array]:
    """Control points at which squad leaves and reaches each end of its segments with a common tangent.

    The derivative of squad at its start is q (log(q^-1 q') + 2 log(q^-1 a)), likewise at its end; for steps of equal
    angle both control points are Shoemake's q exp(-(log(q^-1 q_next) + log(q^-1 q_last)) / 4).

    Parameters
    ----------
    knots : (S + 1, 4) float64
        Unit quaternions, each on the near side of the last.
    steps : (S, 3) float64
        Rotation vectors from knot to knot, in the axes of the first.
    angle : (S,) float64
        Their lengths, above 0.

    Returns
    -------
    (S, 4) float64, (S, 4) float64
    """
    tangents = three_point_tangents(steps, angle)
    leaving = product(knots[:-1], from_rotation_vectors((angle[:, None] * tangents[:-1] - steps) / 2))
    reaching = product(knots[1:], from_rotation_vectors((steps - angle[:, None] * tangents[1:]) / 2))
    return leaving, reaching
