"""Handheld: a path taken apart into the smooth move and the shake, and put together again at other strengths."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.quaternions import conjugate, from_rotation_vectors, product, to_rotation_vectors
from parascale.camera.rotations import matrices_from_quaternions, poses_of, quaternions_from_matrices
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.parallax.subject import seen_through
from parascale.retime.move import with_path
from parascale.retime.smoothing import noise_cutoff, smooth_path
from parascale.types import Array

# Between the slowest shake of a hand and the fastest of planned moves.
HANDHELD_CUTOFF = 1.0


@dataclass(frozen=True, eq=False)
class Separation:
    """A shot as smooth move and shake: c_t = smooth + offset, R_t = smooth turned by ``turns`` in its own axes.

    Attributes
    ----------
    shot : Shot
        The whole.
    cutoff : float
        Hertz between the two.
    smooth_centres : (T, 3) float64
        In the shot's unit.
    offsets : (T, 3) float64
        c_t less the smooth centre, world axes, in the shot's unit.
    turns : (T, 3) float64
        Rotation vectors, radians, in the axes of the smooth camera.
    """

    shot: Shot
    cutoff: float
    smooth_centres: Array
    offsets: Array
    turns: Array

    @property
    def smooth_rotations(self) -> Array:
        """Rotations (T, 3, 3) of the smooth camera."""
        own = self.shot.trajectory.rotations
        return np.asarray(own @ matrices_from_quaternions(from_rotation_vectors(-self.turns)))

    @property
    def move_parallax(self) -> Array:
        """P of the smooth move alone, (T-1,)."""
        return self._in_depths(self.smooth_centres)

    @property
    def shake_parallax(self) -> Array:
        """P of the shake alone, (T-1,)."""
        return self._in_depths(self.offsets)

    def combine(self, move: float = 1.0, shake: float = 1.0) -> Shot:
        """Put move and shake together again.

        Parameters
        ----------
        move : float
            Multiplies the P of the smooth move, from 0; its rotation stays.
        shake : float
            Multiplies the P of the shake and its angles, from 0. At 1 and 1 all cameras come back to the bit.

        Raises
        ------
        InputError
            Where a factor is negative or not finite.
        """
        for factor in (move, shake):
            if not 0 <= factor < math.inf:
                raise InputError(f"{factor} is no strength for a move or a shake: give a number from 0")
        path = self.shot.trajectory
        # Written as what changes, so that nothing does at 1.
        centres = path.centres + (move - 1) * (self.smooth_centres - self.smooth_centres[0])
        centres += (shake - 1) * self.offsets
        rotations = path.rotations
        if shake != 1:
            rotations = rotations @ matrices_from_quaternions(from_rotation_vectors((shake - 1) * self.turns))
        trajectory = Trajectory(poses_of(rotations, centres), path.intrinsics, path.times, path.width, path.height)
        record = {"operation": "shake", "cutoff": self.cutoff, "move": move, "shake": shake}
        shot = dataclasses.replace(self.shot, subjects=seen_through(self.shot.subjects, path, trajectory))
        return with_path(shot, path.times, trajectory, shot.median_depth, fps=shot.fps, record=record)

    def _in_depths(self, centres: Array) -> Array:
        steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        parallax: Array = steps / self.shot.bridged_depth[:-1]
        return parallax


def separate(shot: Shot, cutoff: float = HANDHELD_CUTOFF) -> Separation:
    """Take a path apart into the smooth move and the shake around it: slower than the cut-off, in hertz, and faster.

    Raises
    ------
    InputError
        Where the cut-off cannot be.
    """
    centres, smooth = smooth_path(shot, cutoff)
    own = quaternions_from_matrices(shot.trajectory.rotations)
    turns = to_rotation_vectors(product(conjugate(smooth), own))
    return Separation(shot, cutoff, centres, shot.trajectory.centres - centres, turns)


def take_shake(shot: Shot, other: Shot, amount: float = 1.0, cutoff: float = HANDHELD_CUTOFF) -> Shot:
    """Give a shot the shake of another one in place of its own.

    The shake is carried over in the axes of the smooth camera and in shares of the depth: it has the same P and angles.
    One that is shorter goes to and fro, without a jump.

    Parameters
    ----------
    shot, other : Shot
        What moves, and what shakes.
    amount : float
        Multiplies the shake, from 0.

    Raises
    ------
    InputError
        Where the amount is negative or not finite, the cut-off cannot be, or the other shot has one frame.
    """
    if not 0 <= amount < math.inf:
        raise InputError(f"{amount} is no strength for a shake: give a number from 0")
    if len(other) < 2:
        raise InputError(f"{other.name!r} has one frame, and no shake to take")
    own, shaken = separate(shot, cutoff), separate(other, cutoff)
    path, times = shot.trajectory, other.trajectory.times
    at = (path.times - path.times[0]) % (2 * (times[-1] - times[0]))
    at = times[-1] - np.abs(times[-1] - times[0] - at)
    local = np.einsum("tji,tj->ti", shaken.smooth_rotations, shaken.offsets) / other.bridged_depth[:, None]
    offset, turn = (
        amount * np.stack([np.interp(at, times, column) for column in values.T], axis=1)
        for values in (local, shaken.turns)
    )
    smooth_rotations = own.smooth_rotations
    centres = own.smooth_centres + np.einsum("tij,tj->ti", smooth_rotations, offset * shot.bridged_depth[:, None])
    rotations = smooth_rotations @ matrices_from_quaternions(from_rotation_vectors(turn))
    trajectory = Trajectory(poses_of(rotations, centres), path.intrinsics, path.times, path.width, path.height)
    record = {"operation": "take shake", "cutoff": cutoff, "of": other.name, "shake": amount}
    held = dataclasses.replace(shot, subjects=seen_through(shot.subjects, path, trajectory))
    return with_path(held, path.times, trajectory, shot.median_depth, fps=shot.fps, record=record)


def smooth(shot: Shot, cutoff: float | None = None) -> Shot:
    """Take the shake out of a path: what is faster than a cut-off in hertz.

    Without a cut-off as much is taken out as the noise floor of the shot explains, and no more.

    Raises
    ------
    InputError
        Where the cut-off cannot be, or is None and the shot states no noise floor.
    """
    return separate(shot, noise_cutoff(shot) if cutoff is None else cutoff).combine(shake=0.0)
