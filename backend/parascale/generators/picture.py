"""Sizes, lengths and pictures brought to what a generator takes."""

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError

# Shapes further apart than this would visibly stretch the picture.
ASPECT_TOLERANCE = 0.02


def check_aspect(name: str, picture: NDArray[np.generic], trajectory: Trajectory) -> None:
    """Check that a picture has the shape of the shot's.

    Raises
    ------
    InputError
        Where it would have to be stretched.
    """
    height, width = picture.shape[:2]
    if abs(np.log(width / height * trajectory.height / trajectory.width)) > ASPECT_TOLERANCE:
        raise InputError(
            f"the {name} is {width}x{height} but the shot {trajectory.width}x{trajectory.height}: "
            f"give one of the shot's shape, as seen by its first camera"
        )


def fit_trajectory(trajectory: Trajectory, multiple: int, long_side: int, group: int = 4) -> Trajectory:
    """Give a path the size and length a video model takes: multiples of so many pixels, and group n + 1 frames.

    Parameters
    ----------
    trajectory : Trajectory
    multiple : int
        What width and height are rounded to, in pixels.
    long_side : int
        The longer side is brought down to this; a smaller picture stays as it is.
    group : int
        Frames the model takes together, the first apart.

    Returns
    -------
    Trajectory
        The same field of view. The last camera is held for up to ``group`` - 1 frames more.
    """
    scale = min(1.0, long_side / max(trajectory.size))
    width, height = (max(multiple, round(side * scale / multiple) * multiple) for side in trajectory.size)
    factors = np.array([width / trajectory.width, height / trajectory.height] * 2)
    extra = -(len(trajectory) - 1) % group
    kept = np.minimum(np.arange(len(trajectory) + extra), len(trajectory) - 1)
    step = float(np.diff(trajectory.times).mean()) if len(trajectory) > 1 else 1.0
    times = np.append(trajectory.times, trajectory.times[-1] + step * np.arange(1, extra + 1))
    return Trajectory(trajectory.camera_to_world[kept], trajectory.intrinsics[kept] * factors, times, width, height)


def scale_path(trajectory: Trajectory, factor: float) -> Trajectory:
    """Multiply the camera's centres, seen from frame 0, by a factor; rotations stay as they are."""
    poses = np.array(trajectory.camera_to_world)
    poses[:, :3, 3] = (poses[:, :3, 3] - poses[0, :3, 3]) * factor
    return Trajectory(poses, trajectory.intrinsics, trajectory.times, trajectory.width, trajectory.height)


def fit_image(image: NDArray[np.uint8], trajectory: Trajectory) -> NDArray[np.uint8]:
    """Resize a picture, (H, W, 3) uint8, to that of a trajectory."""
    from PIL import Image

    resized = Image.fromarray(image).resize(trajectory.size, Image.Resampling.LANCZOS)
    return np.asarray(resized, np.uint8)
