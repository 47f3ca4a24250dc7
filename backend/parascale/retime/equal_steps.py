"""Points along a path from each to the next of which it is as far, wherever the path turns back."""

from collections.abc import Callable

import numpy as np

from parascale.types import Array

Measure = Callable[[Array, Array], Array]

# Of the mean step: for derivatives, and what counts as solved on the way and at its end.
_NUDGE = 1e-4
_ON_THE_WAY = 1e-5
_SOLVED = 1e-4

_FIRST_STRIDE, _LONGEST_STRIDE, _SHORTEST_STRIDE = 0.2, 1.0, 1e-4
_MOST_STRIDES = 100
_CORRECTIONS = 8
_LAST_CORRECTIONS = 20


def equal_steps(measure: Measure, count: int) -> Array | None:
    """Find the points of a path between which all steps measure the same.

    They exist on every path: on the simplex of partitions the sets where step i is the longest cover as the
    Knaster-Kuratowski-Mazurkiewicz lemma wants. They are followed from where they are known: travel along the path
    is cut into equal parts, then becomes the measure little by little, (1 - l) (b - a) + l m(a, b) = h for l from 0 to
    1, walked by pseudo-arclength (Keller 1977), as the points may have to go back and l with them where the path turns.

    Parameters
    ----------
    measure : callable
        m(a, b) of steps from a (N,) to b (N,), b after a, in units of the mean travel of a step.
    count : int
        N; the path is 0 to N long in those units.

    Returns
    -------
    (N + 1,) float64 or None
        Increasing, from 0 to N; None where the walk ends too early.
    """
    way = _Way(measure, count)
    at = np.concatenate([np.arange(1.0, count), [1.0, 0.0]])
    tangent = np.eye(count + 1)[-1]
    stride = _FIRST_STRIDE
    for _ in range(_MOST_STRIDES):
        tangent = way.tangent(at, tangent)
        reached, corrections = way.step(at, tangent, stride)
        while reached is None:
            stride /= 2
            if stride < _SHORTEST_STRIDE:
                return None
            reached, corrections = way.step(at, tangent, stride)
        if reached[-1] >= 1:
            share = (1 - at[-1]) / (reached[-1] - at[-1])
            return way.end(at + share * (reached - at))
        at = reached
        if corrections <= _CORRECTIONS // 2:
            stride = min(1.5 * stride, _LONGEST_STRIDE)
    return None


class _Way:
    """The curve of (inner points, h, l), (N + 1,), on which all N steps agree."""

    def __init__(self, measure: Measure, count: int) -> None:
        self._measure, self._count = measure, count

    def tangent(self, at: Array, before: Array) -> Array:
        """Give the unit vector along the curve, going on as before."""
        ahead = _solve(np.vstack([self._slopes(at), before]), np.eye(self._count + 1)[-1])
        if ahead is None:
            return before
        unit: Array = ahead / np.linalg.norm(ahead)
        return unit

    def step(self, at: Array, tangent: Array, stride: float) -> tuple[Array | None, int]:
        """Go along the tangent and back onto the curve, in the plane across it; None where that is too far."""
        aim = at + stride * tangent
        point = aim
        for number in range(_CORRECTIONS):
            off = np.append(self._off(point), tangent @ (point - aim))
            if np.abs(off).max() <= _ON_THE_WAY:
                return point, number
            change = _solve(np.vstack([self._slopes(point), tangent]), -off)
            if change is None:
                break
            point = point + change
            if np.abs(point - aim).max() > 2 * stride:
                break
        return None, _CORRECTIONS

    def end(self, point: Array) -> Array:
        """Correct the points where l is 1, as far as it goes."""
        point = np.append(point[:-1], 1.0)
        best, least = point, np.inf
        for _ in range(_LAST_CORRECTIONS):
            off = self._off(point)
            worst = np.abs(off).max() / abs(point[-2])
            if worst < least:
                best, least = point, worst
            if worst <= _SOLVED:
                break
            change = _solve(self._slopes(point)[:, :-1], -off)
            if change is None:
                break
            # Where the measure has a kink, whole corrections may go to and fro.
            point = point + (1.0 if worst < least * 2 else 0.5) * np.append(change, 0.0)
        return np.append(self._sides(best)[0], float(self._count))

    def _sides(self, at: Array) -> tuple[Array, Array]:
        points = np.concatenate([[0.0], at[:-2], [float(self._count)]])
        return points[:-1], points[1:]

    def _off(self, at: Array) -> Array:
        start, end = self._sides(at)
        off: Array = (1 - at[-1]) * (end - start) + at[-1] * self._measure(start, end) - at[-2]
        return off

    def _slopes(self, at: Array) -> Array:
        """Give the derivatives of `_off`, (N, N + 1)."""
        start, end = self._sides(at)
        share = at[-1]
        by_start = self._measure(start + _NUDGE, end) - self._measure(start - _NUDGE, end)
        by_end = self._measure(start, end + _NUDGE) - self._measure(start, end - _NUDGE)
        slopes = np.zeros((self._count, self._count + 1))
        step = np.arange(1, self._count)
        slopes[step, step - 1] = (share * by_start / (2 * _NUDGE) - (1 - share))[1:]
        slopes[step - 1, step - 1] = (share * by_end / (2 * _NUDGE) + (1 - share))[:-1]
        slopes[:, -2] = -1
        slopes[:, -1] = self._measure(start, end) - (end - start)
        return slopes


def _solve(matrix: Array, right: Array) -> Array | None:
    try:
        solved: Array = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return None
    return solved if np.isfinite(solved).all() else None
