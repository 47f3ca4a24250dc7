"""Camera poses relative to the first frame, as generators take them."""

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.camera.rotations import poses_of
from parascale.types import Array


def relative_poses(trajectory: Trajectory) -> Array:
    """Camera-to-world with frame 0 as the world, inv(C_0) C_t: (T, 4, 4), the first the identity.

    Rotations do not depend on the translations, and translations scale exactly with a power of two.
    """
    first = trajectory.rotations[0].T
    poses = poses_of(first @ trajectory.rotations, (trajectory.centres - trajectory.centres[0]) @ first.T)
    poses[0] = np.eye(4)
    return poses


def recammaster_vectors(trajectory: Trajectory, metres_per_unit: float = 1.0) -> NDArray[np.float32]:
    """ReCamMaster's 12 numbers (n + 1, 12) of every fourth of 4n + 1 frames: relative 3x4 poses by rows, in metres."""
    poses = relative_poses(trajectory)[::4, :3]
    poses[:, :, 3] *= metres_per_unit
    return poses.reshape(-1, 12).astype(np.float32)
