"""Quaternion algebra, (N, 4) w, x, y, z: products, exponential map, steps along a motion that turns as it travels."""

import numpy as np
from numpy.typing import ArrayLike

from parascale.types import Array


def product(a: ArrayLike, b: ArrayLike) -> Array:
    """Hamilton product a b of (..., 4): turn by b first, then by a."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a, np.float64), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b, np.float64), -1, 0)
    parts = (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )
    return np.stack(parts, axis=-1)


def conjugate(quaternions: ArrayLike) -> Array:
    """Inverse of unit quaternions, (..., 4)."""
    inverse: Array = np.asarray(quaternions, np.float64) * [1, -1, -1, -1]
    return inverse


def cumulate(first: ArrayLike, turns: ArrayLike) -> Array:
    """Turn by one rotation (N, 4) after the other, each about the axes the ones before led to.

    q_0 = first, q_{n+1} = q_n turns_n, (N + 1, 4), all of unit length. By doubling: log2(N) products of whole arrays,
    where one by one would take N.
    """
    total: Array = np.concatenate([np.asarray(first, np.float64)[None], np.asarray(turns, np.float64)])
    reach = 1
    while reach < len(total):
        total[reach:] = product(total[:-reach], total[reach:])
        total /= np.linalg.norm(total, axis=1, keepdims=True)
        reach *= 2
    return total


def from_rotation_vectors(vectors: ArrayLike) -> Array:
    """Exponential map: unit quaternions of rotations about vectors (N, 3) by their length in radians; 1 for no turn."""
    v = np.asarray(vectors, np.float64)
    half = np.linalg.norm(v, axis=1, keepdims=True) / 2
    # np.sinc is sin(pi x) / (pi x), 1 at 0.
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * v], axis=1)


def to_rotation_vectors(quaternions: ArrayLike) -> Array:
    """Logarithm: axis times angle of unit quaternions, (N, 3) radians, at most pi; exactly zero for the identity."""
    q = np.asarray(quaternions, np.float64)
    q = np.where(q[:, :1] < 0, -q, q)
    sine = np.linalg.norm(q[:, 1:], axis=1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[:, :1])
    vectors: Array = q[:, 1:] * np.divide(angle, sine, out=np.full_like(sine, 2.0), where=sine > 0)
    return vectors


def chord_of_arc(turns: ArrayLike, velocities: ArrayLike) -> Array:
    """Displacement (N, 3) of a body that travels steadily along its own axes while it turns steadily.

    V(w) v = integral over s from 0 to 1 of exp(s w) v: the left Jacobian of the rotation group.

    Parameters
    ----------
    turns : (N, 3) float64
        Rotation vectors of the whole turn.
    velocities : (N, 3) float64
        Travel in the body's own axes; the displacement is in those it started with.
    """
    w, v = np.asarray(turns, np.float64), np.asarray(velocities, np.float64)
    angle = np.linalg.norm(w, axis=1, keepdims=True)
    half = np.sinc(angle / (2 * np.pi))
    small = angle < 1e-3
    safe = np.where(small, 1.0, angle)
    third = np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    once = np.cross(w, v)
    displacement: Array = v + half**2 / 2 * once + third * np.cross(w, once)
    return displacement


def arc_of_chord(turns: ArrayLike, displacements: ArrayLike) -> Array:
    """Travel along the body's own axes that gives a displacement: inverse of `chord_of_arc`, for turns up to pi."""
    w, b = np.asarray(turns, np.float64), np.asarray(displacements, np.float64)
    half = np.linalg.norm(w, axis=1, keepdims=True) / 2
    small = half < 1e-3
    safe = np.where(small, 1.0, half)
    factor = np.where(small, 1 / 12 + half**2 / 180, (1 - safe / np.tan(safe)) / (4 * safe**2))
    once = np.cross(w, b)
    velocities: Array = b + (factor * np.cross(w, once) - 0.5 * once)
    return velocities
