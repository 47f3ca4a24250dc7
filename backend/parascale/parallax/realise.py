"""The realised path: the reference's rotations and scaled steps, started from the anchor camera."""

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory, View
from parascale.camera.rotations import orthonormalise, poses_of
from parascale.types import Array


def anchor_rotation(reference: Trajectory, anchor: View, anchor_frame: int = 0) -> Array:
    """Give A = R_anchor R_a^T, (3, 3), which turns the reference's world into the target's; the anchor is frame a.

    It is made a rotation to rounding, so that R'_0^T R'_t = R_0^T A^T A R_t is R_0^T R_t however the files it came
    from were rounded.
    """
    return orthonormalise(anchor.camera_to_world[:3, :3] @ reference.rotations[anchor_frame].T)


def realised_steps(reference: Trajectory, anchor: View, anchor_frame: int = 0) -> Array:
    """Give A b_t, (T-1, 3): the reference's steps in the target's axes, still of the reference's length."""
    return reference.baselines @ anchor_rotation(reference, anchor, anchor_frame).T


def realised_rotations(reference: Trajectory, anchor: View, anchor_frame: int = 0) -> Array:
    """Give R'_t = A R_t, (T, 3, 3)."""
    rotations: Array = anchor_rotation(reference, anchor, anchor_frame) @ reference.rotations
    return rotations


def realised_poses(reference: Trajectory, anchor: View, gain: ArrayLike) -> Array:
    """c'_0 = c_anchor, c'_{t+1} = c'_t + s_t A b_t, R'_t = A R_t: (T, 4, 4) in the target's unit, of gains (T-1,).

    Gains act on increments of the camera centre: scaling the translation column of a world-to-camera matrix would
    turn rotation into travel.
    """
    poses = poses_of(realised_rotations(reference, anchor), anchor.camera_to_world[:3, 3])
    steps = np.asarray(gain, np.float64)[:, None] * realised_steps(reference, anchor)
    poses[1:, :3, 3] += np.cumsum(steps, axis=0)
    return poses


def realise(reference: Trajectory, anchor: View, gain: ArrayLike, intrinsics: ArrayLike | None = None) -> Trajectory:
    """Replay a path from the anchor with a gain s_t (T-1,) on every step, at the reference's times.

    The anchor gives start pose and picture size, and the lens where no intrinsics (T, 4) are given.
    """
    lens = anchor.intrinsics if intrinsics is None else np.asarray(intrinsics, np.float64)
    return Trajectory(realised_poses(reference, anchor, gain), lens, reference.times, anchor.width, anchor.height)
