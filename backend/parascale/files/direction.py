"""Matrices that a file does not say the direction of: camera-to-world, or the inverse, world-to-camera.

Both readings are rigid paths of the same length of turns. An orbit is one in either, and of 3,000 made paths some were
35 times smoother in the wrong one: the path never decides. So it is said how the matrices were read.
"""

import numpy as np

from parascale.errors import Notice
from parascale.files.matrices import invert
from parascale.files.quaternion_order import roughness
from parascale.types import Array

INVERSE = "world-to-camera"
"""The format by which the same files are read the other way."""
# How much smoother the inverse has to be, seen from its camera, and which share of its way it has to go where it looks
# while the path that was read goes backwards, to give doubt.
_DOUBT, _AHEAD = 8.0, 0.8
# Turns and steps below these say nothing: a camera that rests is the same in both readings.
_STILL = 1e-9


def describe_direction(poses: Array) -> tuple[Notice, ...]:
    """Say that matrices (T, 4, 4) were read as camera-to-world, and what tells for the other direction.

    Nothing is said of a path that is the same in both.
    """
    inverse = invert(poses)
    if np.abs(poses - inverse).max() <= _STILL * max(float(np.abs(poses).max()), 1.0):
        return ()
    told = "the matrices are read as camera-to-world with z ahead and y down, which the file does not say"
    smoother = _roughness(poses) / _roughness(inverse)
    if smoother > _DOUBT:
        told += f": as world-to-camera the path would be {smoother:.0f} times smoother"
    elif _share_ahead(inverse) > _AHEAD and _share_ahead(poses) < -_AHEAD:
        told += ": as world-to-camera the camera would go where it looks, and not backwards"
    return (Notice(told, "other-format", (INVERSE,)),)


def _roughness(poses: Array) -> float:
    return roughness(poses[:, :3, :3], poses[:, :3, 3])


def _share_ahead(poses: Array) -> float:
    """Way along the viewing direction as a share of the whole way; negative backwards."""
    steps = np.diff(poses[:, :3, 3], axis=0)
    length = float(np.linalg.norm(steps, axis=1).sum())
    return float((steps * poses[:-1, :3, 2]).sum()) / length if length > 0 else 0.0
