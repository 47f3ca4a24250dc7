"""Camera poses relative to the first frame, as generators take them."""

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.types import Array


def relative_poses(trajectory: Trajectory) -> Array:
    """Camera-to-world with frame 0 as the world, inv(C_0) C_t: (T, 4, 4), the first the identity.

    Rotations do not depend on the translations, and translations scale exactly with a power of two.
    """
    poses = np.zeros((len(trajectory), 4, 4))
    first = trajectory.rotations[0].T
    poses[:, :3, :3] = first @ trajectory.rotations
    poses[:, :3, 3] = (trajectory.centres - trajectory.centres[0]) @ first.T
    poses[:, 3, 3] = 1
    poses[0] = np.eye(4)
    return poses


def recammaster_vectors(trajectory: Trajectory, metres_per_unit: float = 1.0) -> NDArray[np.float32]:
    """ReCamMaster's 12 numbers for every fourth frame: the 3x4 relative pose row by row, in metres.

    Parameters
    ----------
    trajectory : Trajectory
        T = 4n + 1 cameras.
    metres_per_unit : float

    Returns
    -------
    (n + 1, 12) float32
    """
    poses = relative_poses(trajectory)[::4, :3]
    poses[:, :, 3] *= metres_per_unit
    return poses.reshape(-1, 12).astype(np.float32)
