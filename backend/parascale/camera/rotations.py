"""Rotations as matrices (N, 3, 3) and unit quaternions (N, 4) w, x, y, z."""

import numpy as np
from numpy.typing import ArrayLike

from parascale.types import Array


def quaternions_from_matrices(rotations: ArrayLike) -> Array:
    """Turn rotation matrices into unit quaternions with w >= 0.

    The 4x4 matrix 4 q q^T is linear in the rotation; its row with the largest diagonal is q without cancellation
    (Shepperd 1978).
    """
    m = np.asarray(rotations, np.float64)
    xx, yy, zz = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    products = np.empty((len(m), 4, 4))
    products[:, 0, 0] = 1 + xx + yy + zz
    products[:, 1, 1] = 1 + xx - yy - zz
    products[:, 2, 2] = 1 - xx + yy - zz
    products[:, 3, 3] = 1 - xx - yy + zz
    products[:, 0, 1] = products[:, 1, 0] = m[:, 2, 1] - m[:, 1, 2]
    products[:, 0, 2] = products[:, 2, 0] = m[:, 0, 2] - m[:, 2, 0]
    products[:, 0, 3] = products[:, 3, 0] = m[:, 1, 0] - m[:, 0, 1]
    products[:, 1, 2] = products[:, 2, 1] = m[:, 0, 1] + m[:, 1, 0]
    products[:, 1, 3] = products[:, 3, 1] = m[:, 0, 2] + m[:, 2, 0]
    products[:, 2, 3] = products[:, 3, 2] = m[:, 1, 2] + m[:, 2, 1]
    largest = np.argmax(np.einsum("nii->ni", products), axis=1)
    quaternions: Array = products[np.arange(len(m)), largest]
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.where(quaternions[:, :1] < 0, -quaternions, quaternions)


def matrices_from_quaternions(quaternions: ArrayLike) -> Array:
    """Turn quaternions of any length but zero into rotation matrices."""
    q = np.asarray(quaternions, np.float64)
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def continuous_quaternions(quaternions: ArrayLike) -> Array:
    """Choose signs so that each quaternion lies on the near side of the one before; the first keeps its sign."""
    q = np.array(quaternions, np.float64)
    flips = np.where(np.einsum("ni,ni->n", q[1:], q[:-1]) < 0, -1.0, 1.0)
    q[1:] *= np.cumprod(flips)[:, None]
    return q


def slerp(start: ArrayLike, end: ArrayLike, fraction: ArrayLike) -> Array:
    """Turn from one unit quaternion (at 0) to another (at 1) at even angular speed, the short way (Shoemake 1985)."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    t = np.asarray(fraction, np.float64)[:, None]
    cosine = np.einsum("ni,ni->n", a, b)[:, None]
    b = np.where(cosine < 0, -b, b)
    # The angle between unit vectors from chords: exact for small angles, where arccos is not.
    angle = 2 * np.arctan2(np.linalg.norm(b - a, axis=1, keepdims=True), np.linalg.norm(b + a, axis=1, keepdims=True))
    sine = np.sin(angle)
    near = sine < 1e-12
    safe = np.where(near, 1.0, sine)
    blended = (
        np.where(near, 1 - t, np.sin((1 - t) * angle) / safe) * a + np.where(near, t, np.sin(t * angle) / safe) * b
    )
    result: Array = blended / np.linalg.norm(blended, axis=1, keepdims=True)
    return result


def geodesic_angle(a: ArrayLike, b: ArrayLike) -> Array:
    """Angle of the rotation that takes a to b, (..., 3, 3) each, in radians: exact near 0 and near pi."""
    m = np.swapaxes(np.asarray(a, np.float64), -1, -2) @ np.asarray(b, np.float64)
    axis = np.stack([m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], axis=-1)
    angle: Array = np.arctan2(np.linalg.norm(axis, axis=-1), np.trace(m, axis1=-2, axis2=-1) - 1)
    return angle


def orthonormalise(matrices: ArrayLike) -> Array:
    """Nearest rotations, of determinant +1, to matrices (..., 3, 3) in the Frobenius norm, by polar decomposition."""
    u, _, vt = np.linalg.svd(np.asarray(matrices, np.float64))
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    nearest: Array = u @ vt
    return nearest


def poses_of(rotations: Array, centres: Array) -> Array:
    """Camera-to-world poses (N, 4, 4) of rotations (N, 3, 3) and centres (N, 3), or one for all."""
    poses = np.zeros((len(rotations), 4, 4))
    poses[:, :3, :3], poses[:, :3, 3], poses[:, 3, 3] = rotations, centres, 1
    return poses
