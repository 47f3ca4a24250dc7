"""Plücker maps: for every pixel the line of sight, as moment o x d and unit direction d.

o is the camera's centre relative to frame 0, d the direction through the pixel's centre (+0.5) in the axes of frame 0's
camera. Every channel is (a x + b y + c) / |(x, y, 1)| over focal-normalised x, y: R (x, y, 1) and [o]x R (x, y, 1).
"""

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.conditioning.relative import relative_poses
from parascale.types import Array

Map = NDArray[np.float32]

CHANNELS = ("moment_x", "moment_y", "moment_z", "direction_x", "direction_y", "direction_z")


class PluckerPlanes:
    """The planes of the Plücker maps of a trajectory of T cameras, one frame and channel at a time."""

    def __init__(self, trajectory: Trajectory) -> None:
        poses = relative_poses(trajectory)
        rotations, centres = poses[:, :3, :3], poses[:, :3, 3]
        moments = np.cross(centres[:, :, None], rotations, axis=1)
        self._forms = np.concatenate([moments, rotations], axis=1)
        self._intrinsics = trajectory.intrinsics
        self._pixels = np.arange(trajectory.width) + 0.5, np.arange(trajectory.height) + 0.5
        self._lens: tuple[bytes, Array, Array, Map] | None = None
        self.shape = trajectory.height, trajectory.width
        self.frames = len(trajectory)

    def fill(self, frame: int, channel: int, out: Map) -> None:
        """Write one plane, (H, W) float32, into ``out``."""
        x, y, shortening = self._rays(frame)
        a, b, c = self._forms[frame, channel].tolist()
        np.add((a * x).astype(np.float32), (b * y + c).astype(np.float32)[:, None], out=out)
        np.multiply(out, shortening, out=out)

    def _rays(self, frame: int) -> tuple[Array, Array, Map]:
        """Focal-normalised coordinates and 1 / |(x, y, 1)|; worked out again where the lens changes."""
        intrinsics = self._intrinsics[frame]
        key = intrinsics.tobytes()
        if self._lens is None or self._lens[0] != key:
            fx, fy, cx, cy = intrinsics.tolist()
            x, y = (self._pixels[0] - cx) / fx, (self._pixels[1] - cy) / fy
            shortening = (1 / np.sqrt(x * x + (y * y + 1)[:, None])).astype(np.float32)
            self._lens = key, x, y, shortening
        return self._lens[1:]


def plucker_maps(trajectory: Trajectory) -> Map:
    """Plücker maps of all frames, (T, 6, H, W): channels as `CHANNELS`, moments in the trajectory's unit.

    Translation times a power of two scales the moments by exactly that and leaves the directions as they are.
    """
    planes = PluckerPlanes(trajectory)
    maps = np.empty((planes.frames, len(CHANNELS), *planes.shape), np.float32)
    for frame in range(planes.frames):
        for channel in range(len(CHANNELS)):
            planes.fill(frame, channel, maps[frame, channel])
    return maps
