"""A smooth curve through camera centres, walked by arc length."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Chords per segment from which arc length is summed: its error is 1/24 of the squared turn per chord.
_CHORDS = 32


def curve_at(centres: Array, times: Array, wanted: Array) -> Array:
    """Points at other times on the path through camera centres.

    The curve is a cubic Hermite spline over chord length with three-point tangents (it turns with the path, where
    interpolation by coordinate would flatten it along the axes). Arc length follows time by `monotone_cubic`.

    Parameters
    ----------
    centres : (T, 3) float64
    times : (T,) float64
        Strictly increasing.
    wanted : (N,) float64
        Times within ``times``.

    Returns
    -------
    (N, 3) float64
        Exactly the centres at their own times and throughout rests.
    """
    chord = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    moving = chord > 0
    if not moving.any():
        return np.repeat(centres[:1], len(wanted), axis=0)
    knots = centres[np.concatenate([[True], moving])]
    tables = _tables(knots, chord[moving])
    lengths = tables[1][:, -1]
    own = np.concatenate([[0.0], np.cumsum(np.where(moving, _scatter(lengths, moving), 0.0))])
    travelled = monotone_cubic(times, own, wanted)
    points = _point_at(travelled, lengths, tables)
    before = np.searchsorted(times, wanted, side="right") - 1
    known = (times[before] == wanted) | ~np.append(moving, True)[before]
    points[known] = centres[before[known]]
    return points


def monotone_cubic(x: Array, y: Array, at: Array) -> Array:
    """Piecewise cubic Hermite interpolation that never overshoots (Fritsch and Butland 1984, as PCHIP).

    Parameters
    ----------
    x : (T,) float64
        Strictly increasing.
    y : (T,) float64
    at : (N,) float64
        Within ``x``.

    Returns
    -------
    (N,) float64
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
        same = left * right > 0
        mean = w_left / np.where(same, left, 1.0) + w_right / np.where(same, right, 1.0)
        tangent[1:-1] = np.where(same, (w_left + w_right) / np.where(same, mean, 1.0), 0.0)
    segment = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(h) - 1)
    u, step = (at - x[segment]) / h[segment], h[segment]
    return _hermite(y[segment], y[segment + 1], step * tangent[segment], step * tangent[segment + 1], u)


def _end_tangent(h0: float, h1: float, slope0: float, slope1: float) -> float:
    """Three-point tangent at an end, held to the sign and three times the slope of its own segment."""
    tangent = ((2 * h0 + h1) * slope0 - h0 * slope1) / (h0 + h1)
    if tangent * slope0 <= 0:
        return 0.0
    if slope0 * slope1 <= 0 and abs(tangent) > 3 * abs(slope0):
        return 3 * slope0
    return float(tangent)


def _hermite(start: Array, end: Array, start_tangent: Array, end_tangent: Array, u: Array) -> Array:
    v = 1 - u
    # Written by differences, so that equal ends without tangents give exactly that value.
    value: Array = start + (end - start) * u * u * (3 - 2 * u) + u * v * (v * start_tangent - u * end_tangent)
    return value


def _tables(knots: Array, chord: Array) -> tuple[Array, Array]:
    """Points along every segment (S, chords + 1, 3), and arc length from its start (S, chords + 1)."""
    tangents = _tangents(knots, chord)
    u = np.linspace(0, 1, _CHORDS + 1)[:, None]
    step = chord[:, None, None]
    points = _hermite(knots[:-1, None], knots[1:, None], step * tangents[:-1, None], step * tangents[1:, None], u)
    pieces = np.linalg.norm(np.diff(points, axis=1), axis=2)
    return points, np.concatenate([np.zeros((len(chord), 1)), np.cumsum(pieces, axis=1)], axis=1)


def _tangents(knots: Array, chord: Array) -> Array:
    """Differentiate, by chord length, the parabola through each knot and its neighbours."""
    h, slope = chord[:, None], np.diff(knots, axis=0) / chord[:, None]
    tangents = np.empty_like(knots)
    if len(knots) == 2:
        tangents[:] = slope[0]
        return tangents
    tangents[1:-1] = (h[1:] * slope[:-1] + h[:-1] * slope[1:]) / (h[1:] + h[:-1])
    tangents[0] = 2 * slope[0] - tangents[1]
    tangents[-1] = 2 * slope[-1] - tangents[-2]
    return tangents


def _scatter(values: Array, where: NDArray[np.bool_]) -> Array:
    spread = np.zeros(len(where))
    spread[where] = values
    return spread


def _point_at(travelled: Array, lengths: Array, tables: tuple[Array, Array]) -> Array:
    """Points at arc lengths from the start of the path."""
    points, table = tables
    ends = np.cumsum(lengths)
    segment = np.minimum(np.searchsorted(ends, travelled, side="left"), len(lengths) - 1)
    rest = np.clip(travelled - (ends - lengths)[segment], 0, lengths[segment])
    piece = np.clip(np.sum(table[segment] <= rest[:, None], axis=1) - 1, 0, _CHORDS - 1)
    start, end = table[segment, piece], table[segment, piece + 1]
    fraction = np.divide(rest - start, end - start, out=np.zeros(len(rest)), where=end > start)[:, None]
    located: Array = (1 - fraction) * points[segment, piece] + fraction * points[segment, piece + 1]
    return located
