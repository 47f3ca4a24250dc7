"""The horizon: which way is up in a shot, and how turns about one world's vertical become turns about another's."""

import math

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory, View
from parascale.camera.quaternions import from_rotation_vectors
from parascale.camera.rotations import matrices_from_quaternions, orthonormalise
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.parallax.subject import Up
from parascale.types import Array

# Below a pan of about 5 degrees, or less than three times as much pan as roll, the pan does not tell the pitch.
_MIN_PAN = math.sin(math.radians(5.0)) ** 2
_PAN_OVER_ROLL = 9.0

# Cosine between up and the picture's top: a camera that looks down more steeply, and turns, might as well be rolling.
_MIN_TOP = 0.5

# Looking more steeply than this, as the sine of the angle to the vertical, the horizon is let go, bit by bit.
STEEP, STEEPEST = 0.35, 0.1

# Of a path that pans too little to tell: up is then the first picture's top, a guess.
GUESS = 0.1
# From which confidence on turns are carried over about the vertical; less says no more than the anchor itself.
MIN_CONFIDENCE = 0.25


def up_direction(trajectory: Trajectory) -> Array | None:
    """Up of a world in which the camera pans, a unit vector (3,): what its horizontal axis never leans to.

    None where the camera pans too little to tell, or looks so steeply that it may be rolling.
    """
    found = _up_of_pan(trajectory)
    return None if found is None else found[0]


def estimate_up(trajectory: Trajectory) -> Up:
    """Estimate up from the camera's axes over a shot, with a confidence.

    The x axes of a camera that does not roll are perpendicular to up, which is therefore the direction along which
    they spread least. The confidence is 1 - 3 (roll / pan), the two as root mean squares of the x axes along up and
    along the direction they spread to next; `GUESS` where that tells nothing, and the first picture's top is taken.
    """
    found = _up_of_pan(trajectory)
    if found is None:
        top = -trajectory.rotations[0, :, 1]
        return Up(top / np.linalg.norm(top), GUESS, "top of the first picture")
    up, roll_over_pan = found
    return Up(up, max(1 - math.sqrt(_PAN_OVER_ROLL) * roll_over_pan, MIN_CONFIDENCE), "pan of the camera")


def up_of_shot(shot: Shot) -> Up:
    """Return the up that a shot states, else an estimate from its path."""
    return shot.up or estimate_up(shot.trajectory)


def _up_of_pan(trajectory: Trajectory) -> tuple[Array, float] | None:
    """Up and how much the camera rolls in proportion to its pan; None where the pan does not tell."""
    right = trajectory.rotations[:, :, 0]
    spread, axes = np.linalg.eigh(right.T @ right / len(right))
    if spread[1] < max(_MIN_PAN, _PAN_OVER_ROLL * spread[0]):
        return None
    up: Array = axes[:, 0]
    top = float(-np.mean(trajectory.rotations[:, :, 1] @ up))
    if abs(top) < _MIN_TOP:
        return None
    return math.copysign(1.0, top) * up, math.sqrt(max(float(spread[0] / spread[1]), 0.0))


def unit_up(up: ArrayLike) -> Array:
    """Normalise an up direction.

    Raises
    ------
    InputError
        Where it is no direction.
    """
    towards = np.asarray(up, np.float64)
    if towards.shape != (3,) or not np.isfinite(towards).all() or not towards.any():
        raise InputError("up must be a direction of three numbers")
    unit: Array = towards / np.linalg.norm(towards)
    return unit


def heading_axes(up: Array, rotation: Array) -> Array:
    """Axes (3, 3), columns right, up, back, that share the heading of a camera."""
    ahead, top = rotation[:, 2], -rotation[:, 1]
    # Looking steeply up or down, the picture's top says better than its middle where the camera heads.
    tilt = float(ahead @ up)
    heading = ahead - tilt * up if abs(tilt) < math.sqrt(0.5) else -math.copysign(1.0, tilt) * (top - (top @ up) * up)
    heading = heading / np.linalg.norm(heading)
    return np.stack([np.cross(heading, up), up, -heading], axis=1)


def level_rotations(reference: Trajectory, up: Array, anchor: View, target_up: Array, anchor_frame: int = 0) -> Array:
    """Turn the anchor as the reference turns, about the target's vertical where it turns about its own, (T, 3, 3).

    R'_t = A R_t C: A takes the reference's up to the target's and the heading of the camera that the anchor stands for
    to the anchor's; C = R_a^T A^T R_anchor is constant in the camera, so that R'_a is the anchor's own. Where C tilts a
    camera that rolls, it is turned about its axis until it rolls against the horizon, from the anchor's frame on, by as
    much as the reference's.

    Parameters
    ----------
    reference : Trajectory
    up, target_up : (3,) float64
        Unit vectors, of the reference's world and of the target's.
    anchor : View
    anchor_frame : int
    """
    held = orthonormalise(anchor.camera_to_world[:3, :3])
    first = orthonormalise(reference.rotations[anchor_frame])
    turn = heading_axes(target_up, held) @ heading_axes(up, first).T
    rotations = orthonormalise(turn @ reference.rotations @ (first.T @ turn.T @ held))
    own, ours = roll_angles(reference.rotations, up), roll_angles(rotations, target_up)
    missing = np.remainder(own - own[anchor_frame] - (ours - ours[anchor_frame]) + math.pi, math.tau) - math.pi
    missing *= np.minimum(levelness(reference.rotations, up), levelness(rotations, target_up))
    about_axis = np.stack([np.zeros_like(missing), np.zeros_like(missing), missing], axis=1)
    rolled: Array = rotations @ matrices_from_quaternions(from_rotation_vectors(about_axis))
    return rolled


def levelness(rotations: Array, up: Array) -> Array:
    """How much the roll of cameras (..., 3, 3) means: 0 where they look steeply up or down, 1 else, and in between."""
    in_camera = np.swapaxes(rotations, -1, -2) @ up
    steepness = np.hypot(in_camera[..., 0], in_camera[..., 1])
    share: Array = np.clip((steepness - STEEPEST) / (STEEP - STEEPEST), 0.0, 1.0)
    return share


def roll_angles(rotations: Array, up: Array) -> Array:
    """Roll of cameras (T, 3, 3) relative to the horizon, (T,) radians; positive where the camera leans to its right."""
    in_camera = np.swapaxes(rotations, -1, -2) @ up
    roll: Array = np.arctan2(-in_camera[..., 0], -in_camera[..., 1])
    return roll
