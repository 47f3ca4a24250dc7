"""Rotations as three angles, each about one axis."""

import numpy as np

from parascale.types import Array


def rotations_from_angles(angles: Array, axes: str) -> Array:
    """Rotation matrices, (T, 3, 3).

    Parameters
    ----------
    angles : (T, 3) float64
        About x, y and z, in degrees.
    axes : str
        Order of the matrices: "yxz" is R = Ry Rx Rz, which turns about z first.
    """
    sines, cosines = np.sin(np.radians(angles)), np.cos(np.radians(angles))
    result = np.tile(np.eye(3), (len(angles), 1, 1))
    for axis in map("xyz".index, axes):
        turn = np.tile(np.eye(3), (len(angles), 1, 1))
        # x turns y to z, y turns z to x, z turns x to y.
        one, two = (axis + 1) % 3, (axis + 2) % 3
        turn[:, one, one] = turn[:, two, two] = cosines[:, axis]
        turn[:, two, one], turn[:, one, two] = sines[:, axis], -sines[:, axis]
        result = result @ turn
    return result


def angles_from_rotations(rotations: Array, axes: str) -> Array:
    """Angles about x, y and z in degrees, (T, 3); the outer two run on without jumps of a whole turn.

    Parameters
    ----------
    rotations : (T, 3, 3) float64
    axes : str
        As in `rotations_from_angles`, three different ones.
    """
    i, j, k = map("xyz".index, axes)
    sign = 1 if (j - i) % 3 == 1 else -1
    r = rotations
    cosine = np.hypot(r[:, i, i], r[:, i, j])
    # Where the middle angle is a right one, the outer two turn about one axis: all of it is the first.
    locked = cosine < 1e-9
    first = np.where(locked, np.arctan2(sign * r[:, k, j], r[:, j, j]), np.arctan2(-sign * r[:, j, k], r[:, k, k]))
    last = np.where(locked, 0.0, np.arctan2(-sign * r[:, i, j], r[:, i, i]))
    angles = np.empty((len(r), 3))
    angles[:, i], angles[:, j] = np.unwrap(first), np.arctan2(sign * r[:, i, k], cosine)
    angles[:, k] = np.unwrap(last)
    degrees: Array = np.degrees(angles)
    return degrees
