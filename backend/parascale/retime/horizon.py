"""A level horizon: which way is up in a shot, and an anchor that starts it level."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory, View
from parascale.camera.rotations import orthonormalise, poses_of
from parascale.errors import InputError
from parascale.parallax.realise import anchor_rotation
from parascale.parallax.shot import Points, Shot
from parascale.retime.move import append_record
from parascale.types import Array

# Up in a world of OpenCV axes, y down.
UP = (0.0, -1.0, 0.0)

# Below a pan of about 5 degrees, or less than three times as much pan as roll, the pan does not tell the pitch.
_MIN_PAN = math.sin(math.radians(5.0)) ** 2
_PAN_OVER_ROLL = 9.0

# Cosine between up and the picture's top: a camera that looks down more steeply, and turns, might as well be rolling.
_MIN_TOP = 0.5


def up_direction(trajectory: Trajectory) -> Array | None:
    """Up of a world in which the camera pans, a unit vector (3,): what its horizontal axis never leans to.

    None where the camera pans too little to tell, or looks so steeply that it may be rolling.
    """
    right = trajectory.rotations[:, :, 0]
    spread, axes = np.linalg.eigh(right.T @ right / len(right))
    if spread[1] < max(_MIN_PAN, _PAN_OVER_ROLL * spread[0]):
        return None
    up: Array = axes[:, 0]
    top = float(-np.mean(trajectory.rotations[:, :, 1] @ up))
    if abs(top) < _MIN_TOP:
        return None
    return math.copysign(1.0, top) * up


def level_anchor(trajectory: Trajectory, anchor: View, up: ArrayLike = UP) -> View:
    """Turn an anchor, in the target's world, so that a path realised from it has a level horizon.

    Where the path pans, its own up becomes the target's, and the anchor keeps its heading; where it does not, its
    pitch is unknown: the anchor keeps heading and pitch, and rolls until the cameras are level in the mean.

    Parameters
    ----------
    trajectory : Trajectory
        The reference.
    anchor : View
        Its centre and lens stay.
    up : (3,) float64
        Up of the target's world: 0, -1, 0 in OpenCV axes, 0, 0, 1 in Blender's world.

    Raises
    ------
    InputError
        Where ``up`` is no direction, or a camera that does not pan looks straight along it.
    """
    towards = np.asarray(up, np.float64)
    if towards.shape != (3,) or not np.isfinite(towards).all() or not towards.any():
        raise InputError("up must be a direction of three numbers")
    towards = towards / np.linalg.norm(towards)
    own_up = up_direction(trajectory)
    first, held = trajectory.rotations[0], anchor.camera_to_world[:3, :3]
    if own_up is None:
        rotation = _roll(trajectory, held, towards)
    else:
        rotation = _frame(towards, held) @ _frame(own_up, first).T @ first
    pose = poses_of(orthonormalise(rotation)[None], anchor.camera_to_world[None, :3, 3])[0]
    return dataclasses.replace(anchor, camera_to_world=pose)


def level(shot: Shot) -> Shot:
    """Turn a shot as a whole about its first camera, so that its up is that of OpenCV's world, 0, -1, 0.

    It is the same move: P, depth and turning are untouched.
    """
    path = shot.trajectory
    anchor = level_anchor(path, path.view(0))
    turn = anchor_rotation(path, anchor)
    centre = path.centres[0]
    poses = poses_of(turn @ path.rotations, centre + (path.centres - centre) @ turn.T)
    points = shot.points
    if points is not None:
        turned = centre + (points.positions - centre) @ turn.T
        points = Points(turned.astype(np.float32), points.colours)
    return dataclasses.replace(
        shot,
        trajectory=Trajectory(poses, path.intrinsics, path.times, path.width, path.height),
        points=points,
        up=None if shot.up is None else dataclasses.replace(shot.up, direction=turn @ shot.up.direction),
        provenance=append_record(shot, {"operation": "level"}),
    )


def _frame(up: Array, rotation: Array) -> Array:
    """Axes (3, 3), columns right, up, back, that share the heading of a camera."""
    ahead, top = rotation[:, 2], -rotation[:, 1]
    # Looking steeply up or down, the picture's top says better than its middle where the camera heads.
    tilt = float(ahead @ up)
    heading = ahead - tilt * up if abs(tilt) < math.sqrt(0.5) else -math.copysign(1.0, tilt) * (top - (top @ up) * up)
    heading = heading / np.linalg.norm(heading)
    return np.stack([np.cross(heading, up), up, -heading], axis=1)


def _roll(trajectory: Trajectory, held: Array, up: Array) -> Array:
    ahead = held[:, 2]
    right = np.cross(ahead, up)
    if np.linalg.norm(right) < 1e-6:
        raise InputError("the anchor looks straight up or down, so that it has no horizon to level: tilt it")
    right = right / np.linalg.norm(right)
    unrolled = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    mean = trajectory.rotations[0].T @ trajectory.rotations[:, :, 0].mean(axis=0)
    roll = -math.atan2(mean[1], mean[0])
    cosine, sine = math.cos(roll), math.sin(roll)
    rolled: Array = unrolled @ np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return rolled
