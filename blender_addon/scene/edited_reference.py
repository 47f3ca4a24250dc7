"""A reference changed into another: smoothed, levelled, mirrored, held, joined to another, with another's shake."""

import dataclasses
from collections.abc import Callable

import numpy as np

from parascale import retime
from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.types import Choice


@dataclasses.dataclass(frozen=True)
class Edit(Choice):
    """A way to change a reference.

    Attributes
    ----------
    function : callable
        (shot, other shot or None, amount, at) -> shot; the amount is seconds or a factor, ``at`` seconds from start.
    needs_other : bool
        Whether it takes another reference.
    """

    function: Callable[[Shot, Shot | None, float, float], Shot]
    needs_other: bool = False


def mirror(shot: Shot) -> Shot:
    """Swap left and right, as a mirror does: the picture, the path, the points."""
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    path = shot.trajectory
    intrinsics = path.intrinsics.copy()
    intrinsics[:, 2] = path.width - intrinsics[:, 2]
    trajectory = Trajectory(flip @ path.camera_to_world @ flip, intrinsics, path.times, *path.size)
    subjects = tuple(dataclasses.replace(each, centre=each.centre * [-1.0, 1.0]) for each in shot.subjects)
    up = None if shot.up is None else dataclasses.replace(shot.up, direction=shot.up.direction * [-1.0, 1.0, 1.0])
    points = shot.points
    if points is not None:
        points = dataclasses.replace(points, positions=points.positions * np.array([-1, 1, 1], np.float32))
    return dataclasses.replace(shot, trajectory=trajectory, subjects=subjects, up=up, points=points)


def _other(other: Shot | None) -> Shot:
    if other is None:
        raise InputError("no other reference is chosen: choose one under Other")
    return other


EDITS = {
    edit.name: edit
    for edit in (
        Edit("SMOOTH", "Smooth", "Take the shake out", lambda shot, _o, _a, _t: _shaken(shot, 0.0)),
        Edit("SHAKE", "Scale Shake", "Multiply its own shake by Amount", lambda shot, _o, a, _t: _shaken(shot, a)),
        Edit(
            "TAKE_SHAKE",
            "Take Shake",
            "Shake as another reference does, times Amount, in place of its own shake",
            lambda s, o, a, _t: retime.take_shake(s, _other(o), a),
            needs_other=True,
        ),
        Edit("LEVEL", "Level Horizon", "Take the roll out", lambda shot, _o, _a, _t: retime.level(shot)),
        Edit("MIRROR", "Mirror", "Swap left and right", lambda shot, _o, _a, _t: mirror(shot)),
        Edit(
            "HOLD",
            "Hold",
            "Stand still for Amount seconds at the current frame",
            lambda s, _o, a, t: retime.hold(s, t, a),
        ),
        Edit(
            "STITCH",
            "Join",
            "Go on with another reference, blended over Amount seconds",
            lambda s, o, a, _t: retime.stitch(s, _other(o), a),
            needs_other=True,
        ),
    )
}


def _shaken(shot: Shot, amount: float) -> Shot:
    return retime.separate(shot).combine(shake=amount)
