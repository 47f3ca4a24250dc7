"""Tangents of a smooth curve through points, for centres and rotations alike."""

import numpy as np

from parascale.types import Array


def three_point_tangents(steps: Array, length: Array) -> Array:
    """Differentiate, by length, the parabola through each knot and its neighbours.

    Where the path turns back by more than a right angle the tangent fades, to nothing where it returns the way it
    came: the parabola would overshoot there.

    Parameters
    ----------
    steps : (S, 3) float64
        From knot to knot.
    length : (S,) float64
        Of the steps, above 0.

    Returns
    -------
    (S + 1, 3) float64
        About 1 long.
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
