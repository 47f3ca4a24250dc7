"""A camera path, and one camera of it.

Conventions (everywhere in ParaScale but where Blender is met): OpenCV camera axes, x right, y down, z forward;
``camera_to_world`` maps camera coordinates to world coordinates; intrinsics are fx, fy, cx, cy in pixels with the
centre of the top left pixel at (0.5, 0.5); times are seconds.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from parascale.errors import InputError
from parascale.types import Array

# Above the rounding of text files with six decimals, below any error that one would see in a picture.
ROTATION_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class View:
    """One camera: where it stands, how it sees, and the size of its picture.

    Attributes
    ----------
    camera_to_world : (4, 4) float64
        Rigid transform from camera to world, OpenCV axes.
    intrinsics : (4,) float64
        fx, fy, cx, cy in pixels.
    width, height : int
        Size of the picture in pixels.
    """

    camera_to_world: Array
    intrinsics: Array
    width: int
    height: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "camera_to_world", _freeze(self.camera_to_world, (4, 4), "camera_to_world"))
        object.__setattr__(self, "intrinsics", _freeze(self.intrinsics, (4,), "intrinsics"))
        _check_poses(self.camera_to_world[None])
        _check_intrinsics(self.intrinsics[None], self.width, self.height)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """A camera path of T frames.

    Attributes
    ----------
    camera_to_world : (T, 4, 4) float64
        Rigid transforms from camera to world, OpenCV axes.
    intrinsics : (T, 4) float64
        fx, fy, cx, cy in pixels; a single row given is used for every frame.
    times : (T,) float64
        Seconds, strictly increasing.
    width, height : int
        Size of the picture in pixels.

    Raises
    ------
    InputError
        Where a pose is not finite or not rigid, a focal length is not positive, or the times do not increase.
    """

    camera_to_world: Array
    intrinsics: Array
    times: Array
    width: int
    height: int

    def __post_init__(self) -> None:
        poses = np.asarray(self.camera_to_world, np.float64)
        if poses.ndim != 3 or len(poses) == 0:
            raise InputError(f"a trajectory needs poses of shape (T, 4, 4) with T of at least 1, not {poses.shape}")
        count = len(poses)
        intrinsics = np.asarray(self.intrinsics, np.float64)
        if intrinsics.shape == (4,):
            intrinsics = np.broadcast_to(intrinsics, (count, 4))
        object.__setattr__(self, "camera_to_world", _freeze(poses, (count, 4, 4), "camera_to_world"))
        object.__setattr__(self, "intrinsics", _freeze(intrinsics, (count, 4), "intrinsics"))
        object.__setattr__(self, "times", _freeze(self.times, (count,), "times"))
        _check_poses(self.camera_to_world)
        _check_intrinsics(self.intrinsics, self.width, self.height)
        for frame in np.flatnonzero(~np.isfinite(self.times)):
            raise InputError(f"the time of frame {frame} is not finite")
        if np.any(np.diff(self.times) <= 0):
            raise InputError(f"times do not increase at frame {int(np.argmax(np.diff(self.times) <= 0)) + 1}")

    def __len__(self) -> int:
        return len(self.camera_to_world)

    def __repr__(self) -> str:
        seconds = self.times[-1] - self.times[0]
        return f"<Trajectory: {len(self)} frames of {self.width}x{self.height}, {seconds:.3g} s>"

    def __getitem__(self, frames: slice) -> "Trajectory":
        """Take some frames in a row; their times stay."""
        return replace(
            self,
            camera_to_world=self.camera_to_world[frames],
            intrinsics=self.intrinsics[frames],
            times=self.times[frames],
        )

    @property
    def centres(self) -> Array:
        """Camera centres c_t, (T, 3), in world units."""
        return self.camera_to_world[:, :3, 3]

    @property
    def rotations(self) -> Array:
        """Camera-to-world rotations R_t, (T, 3, 3)."""
        return self.camera_to_world[:, :3, :3]

    @property
    def baselines(self) -> Array:
        """Steps of the camera centre b_t = c_{t+1} - c_t, (T - 1, 3), in world units."""
        return np.diff(self.centres, axis=0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def view(self, frame: int) -> View:
        """Return the camera of one frame."""
        return View(self.camera_to_world[frame], self.intrinsics[frame], self.width, self.height)


def _freeze(values: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    array = np.array(values, np.float64)
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape} where {shape} is needed")
    array.flags.writeable = False
    return array


def _check_poses(poses: Array) -> None:
    for frame in np.flatnonzero(~np.isfinite(poses).all(axis=(1, 2))):
        raise InputError(f"the pose of frame {frame} is not finite")
    x, y, z = poses[:, 0, :3], poses[:, 1, :3], poses[:, 2, :3]
    # Row by row: products of many small matrices take ten times as long.
    length = np.stack([_dot(x, x), _dot(y, y), _dot(z, z)]) - 1
    angle = np.stack([_dot(x, y), _dot(y, z), _dot(z, x)])
    rigid = (np.abs(length).max(axis=0) < ROTATION_TOLERANCE) & (np.abs(angle).max(axis=0) < ROTATION_TOLERANCE)
    rigid &= _dot(np.cross(x, y), z) > 0
    rigid &= np.abs(poses[:, 3] - [0, 0, 0, 1]).max(axis=1) < ROTATION_TOLERANCE
    for frame in np.flatnonzero(~rigid):
        raise InputError(f"the pose of frame {frame} is not a rotation and a translation")


def _dot(a: Array, b: Array) -> Array:
    product: Array = np.einsum("ni,ni->n", a, b)
    return product


def _check_intrinsics(intrinsics: Array, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise InputError(f"the picture size {width}x{height} is not positive")
    for frame in np.flatnonzero(~np.isfinite(intrinsics).all(axis=1) | (intrinsics[:, :2] <= 0).any(axis=1)):
        raise InputError(f"the intrinsics of frame {frame} are not finite with a positive focal length")
