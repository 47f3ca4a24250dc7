"""Poses as the formats write them: other directions, other axes, rows of twelve numbers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera.rotations import matrices_from_quaternions
from parascale.errors import InputError
from parascale.types import Array

# How far R^T R may be from the identity, and a quaternion from unit length, for rounding to explain it: three decimals.
ROUNDING = 2e-3

# OpenGL's and Blender's camera axes in OpenCV's: x right, y up, looking along -z.
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def invert(poses: ArrayLike) -> Array:
    """Invert rigid transforms, (T, 4, 4): camera-to-world into world-to-camera and back."""
    given = np.asarray(poses, np.float64)
    inverse = np.zeros_like(given)
    inverse[:, :3, :3] = np.swapaxes(given[:, :3, :3], 1, 2)
    with np.errstate(over="ignore", invalid="ignore"):
        inverse[:, :3, 3] = -np.einsum("nji,nj->ni", given[:, :3, :3], given[:, :3, 3])
    inverse[:, 3, 3] = 1
    return inverse


def from_rows(rows: ArrayLike) -> Array:
    """(T, 12) numbers, each 3x4 matrix row by row, as (T, 4, 4)."""
    numbers = np.asarray(rows, np.float64)
    poses = np.zeros((len(numbers), 4, 4))
    poses[:, :3] = numbers.reshape(-1, 3, 4)
    poses[:, 3, 3] = 1
    return poses


def from_squares(numbers: ArrayLike, source: str, location: Callable[[int], str]) -> Array:
    """(T, 16) numbers, each a 4x4 matrix row by row, as (T, 4, 4).

    Raises
    ------
    InputError
        Where a last row is not 0 0 0 1, as of matrices written column by column.
    """
    poses = np.asarray(numbers, np.float64).reshape(-1, 4, 4)
    wrong = np.abs(poses[:, 3] - [0, 0, 0, 1]).max(axis=1) > ROUNDING
    for frame in np.flatnonzero(wrong)[:1]:
        raise InputError(f"{source}, {location(int(frame))}: the last row of the matrix is not 0 0 0 1")
    return poses


def to_rows(poses: Array) -> Array:
    """(T, 4, 4) as (T, 12) numbers, each 3x4 matrix row by row."""
    return poses[:, :3].reshape(-1, 12)


def rotations_from_quaternions(quaternions: Array, source: str, location: Callable[[int], str]) -> Array:
    """Rotation matrices, (T, 3, 3), of quaternions w, x, y, z, (T, 4).

    Raises
    ------
    InputError
        Where one is not of unit length by more than rounding.
    """
    length = np.linalg.norm(quaternions, axis=1)
    for frame in np.flatnonzero(np.abs(length - 1) > ROUNDING)[:1]:
        raise InputError(f"{source}, {location(int(frame))}: the quaternion has length {length[frame]:.4g}, not 1")
    return matrices_from_quaternions(quaternions)


def is_unit(quaternions: Array) -> bool:
    """Tell whether rows of four numbers may be quaternions: all of unit length, but for rounding."""
    return bool(np.all(np.abs(np.linalg.norm(quaternions, axis=1) - 1) <= ROUNDING))


def from_parts(rotations: Array, centres: Array) -> Array:
    """Rotations (T, 3, 3) and centres (T, 3) as (T, 4, 4)."""
    poses = np.zeros((len(rotations), 4, 4))
    poses[:, :3, :3] = rotations
    poses[:, :3, 3] = centres
    poses[:, 3, 3] = 1
    return poses


def to_camera_matrices(intrinsics: Array) -> Array:
    """(T, 4) fx, fy, cx, cy as (T, 3, 3) camera matrices."""
    matrices = np.zeros((len(intrinsics), 3, 3))
    matrices[:, 0, 0], matrices[:, 1, 1], matrices[:, 0, 2], matrices[:, 1, 2] = intrinsics.T
    matrices[:, 2, 2] = 1
    return matrices


def from_camera_matrices(matrices: ArrayLike) -> Array:
    """(..., 3, 3) camera matrices as (..., 4) fx, fy, cx, cy; a skew is left out."""
    k = np.asarray(matrices, np.float64)
    return np.stack([k[..., 0, 0], k[..., 1, 1], k[..., 0, 2], k[..., 1, 2]], axis=-1)


def frame_location(frame: int) -> str:
    """Where a frame is in a file that has no lines."""
    return f"frame {frame}"


def size_from_centre(intrinsics: Array | None) -> tuple[int, int] | None:
    """Picture size whose middle is the principal point of frame 0; None where there is no such size."""
    if intrinsics is None:
        return None
    width, height = (np.rint(2 * np.atleast_2d(intrinsics)[0, 2:])).tolist()
    return (int(width), int(height)) if 1 <= width < 1e6 and 1 <= height < 1e6 else None
