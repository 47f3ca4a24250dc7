"""A level horizon: an anchor that starts a shot level, and the shot itself turned so."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory, View
from parascale.camera.rotations import orthonormalise, poses_of
from parascale.errors import InputError
from parascale.parallax.horizon import heading_axes, unit_up, up_direction
from parascale.parallax.realise import anchor_rotation
from parascale.parallax.shot import Points, Shot
from parascale.retime.move import append_record
from parascale.types import Array

# Up in a world of OpenCV axes, y down.
UP = (0.0, -1.0, 0.0)


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
    towards = unit_up(up)
    own_up = up_direction(trajectory)
    first, held = trajectory.rotations[0], anchor.camera_to_world[:3, :3]
    if own_up is None:
        rotation = _roll(trajectory, held, towards)
    else:
        rotation = heading_axes(towards, held) @ heading_axes(own_up, first).T @ first
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
