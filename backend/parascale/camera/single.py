"""Rotations one at a time, in scalars: a tenth of what arrays of one row take, for what can only be done in order."""

import math

import numpy as np

from parascale.camera.quaternions import to_rotation_vectors
from parascale.camera.rotations import quaternions_from_matrices
from parascale.types import Array

# Closer to half a turn than this, as the cosine, the antisymmetric part no longer tells the axis.
_MIN_COSINE = -0.9


def cross(a: Array, b: Array) -> Array:
    """Cross product of two vectors (3,)."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def rotation_of(vector: Array) -> Array:
    """Exponential map: the rotation (3, 3) about a vector (3,) by its length in radians (Rodrigues)."""
    x, y, z = vector.tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    if angle < 1e-6:
        first, second = 1 - angle * angle / 6, 0.5 - angle * angle / 24
    else:
        half = math.sin(angle / 2) / angle
        first, second = math.sin(angle) / angle, 2 * half * half
    return np.array(
        [
            [1 - second * (y * y + z * z), second * x * y - first * z, second * x * z + first * y],
            [second * x * y + first * z, 1 - second * (x * x + z * z), second * y * z - first * x],
            [second * x * z - first * y, second * y * z + first * x, 1 - second * (x * x + y * y)],
        ]
    )


def vector_of(rotation: Array) -> Array:
    """Logarithm: axis times angle (3,) of a rotation (3, 3), at most pi."""
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    x, y, z = (h - f) / 2, (c - g) / 2, (d - b) / 2
    sine, cosine = math.sqrt(x * x + y * y + z * z), (a + e + i - 1) / 2
    if cosine < _MIN_COSINE:
        vector: Array = to_rotation_vectors(quaternions_from_matrices(rotation[None]))[0]
        return vector
    factor = math.atan2(sine, cosine) / sine if sine > 1e-9 else 1.0
    return np.array([factor * x, factor * y, factor * z])


def turn_between(start: Array, end: Array) -> Array:
    """Rotation vector (3,) of the smallest turn from one unit vector to another; exactly zero where they agree."""
    axis = cross(start, end)
    sine, cosine = math.sqrt(float(axis @ axis)), float(start @ end)
    if sine < 1e-12:
        return np.zeros(3)
    turn: Array = axis * (math.atan2(sine, cosine) / sine)
    return turn


def chord_of(turn: Array, travel: Array) -> Array:
    """Displacement (3,) of a body that travels along its own axes while it turns; see `quaternions.chord_of_arc`."""
    (ax, ay, az), (x, y, z) = turn.tolist(), travel.tolist()
    squared = ax * ax + ay * ay + az * az
    angle = math.sqrt(squared)
    half = math.sin(angle / 2) / angle if angle > 1e-6 else 0.5
    first = 2 * half * half
    third = (angle - math.sin(angle)) / angle**3 if angle > 1e-3 else 1 / 6 - squared / 120
    # turn x travel, and turn x (turn x travel).
    ox, oy, oz = ay * z - az * y, az * x - ax * z, ax * y - ay * x
    tx, ty, tz = ay * oz - az * oy, az * ox - ax * oz, ax * oy - ay * ox
    return np.array([x + first * ox + third * tx, y + first * oy + third * ty, z + first * oz + third * tz])
