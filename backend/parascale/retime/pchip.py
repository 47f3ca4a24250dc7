"""Monotone cubic interpolation: how far along after what time."""

import numpy as np

from parascale.types import Array


def monotone_cubic(x: Array, y: Array, at: Array) -> Array:
    """Piecewise cubic Hermite interpolation that never overshoots (Fritsch and Butland 1984, as PCHIP).

    Parameters
    ----------
    x : (T,) float64
        Strictly increasing, T of at least 2.
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
        same = np.sign(left) * np.sign(right) > 0
        mean = w_left / np.where(same, left, 1.0) + w_right / np.where(same, right, 1.0)
        tangent[1:-1] = np.where(same, (w_left + w_right) / np.where(same, mean, 1.0), 0.0)
    segment = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(h) - 1)
    u, step = (at - x[segment]) / h[segment], h[segment]
    return hermite(y[segment], y[segment + 1], step * tangent[segment], step * tangent[segment + 1], u)


def hermite(start: Array, end: Array, start_tangent: Array, end_tangent: Array, u: Array) -> Array:
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
