"""A smooth curve through camera centres, walked by arc length."""

import numpy as np

from parascale.retime.pchip import hermite, monotone_cubic
from parascale.retime.tangents import three_point_tangents
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
        """Points at other times within the curve's, in any order.

        Parameters
        ----------
        wanted : (N,) float64

        Returns
        -------
        (N, 3) float64
            Exactly the centres at their own times and throughout rests.
        """
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
    tangents = three_point_tangents(steps, chord)
    u = np.linspace(0, 1, _CHORDS + 1)[:, None]
    step = chord[:, None, None]
    points = hermite(knots[:-1, None], knots[1:, None], step * tangents[:-1, None], step * tangents[1:, None], u)
    pieces = np.linalg.norm(np.diff(points, axis=1), axis=2)
    return points, np.concatenate([np.zeros((len(chord), 1)), np.cumsum(pieces, axis=1)], axis=1)
