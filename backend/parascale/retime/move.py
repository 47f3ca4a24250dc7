"""A shot as a continuous move, seen at any of its times in any order."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.rotations import matrices_from_quaternions, poses_of
from parascale.parallax.distortion import choose_frames
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import parallax_number
from parascale.parallax.shot import Shot
from parascale.retime.curves import PathCurve, RotationCurve
from parascale.types import Array, to_json_values


class Move:
    """A shot between its frames: centres and rotations along smooth curves, intrinsics and ln Z linearly."""

    def __init__(self, shot: Shot) -> None:
        """Lay the curves through a shot of T frames."""
        self.shot = shot
        self.times = shot.trajectory.times
        self._path = PathCurve(shot.trajectory.centres, self.times)
        self._rotations = RotationCurve(shot.trajectory.rotations, self.times)

    def centres(self, at: Array) -> Array:
        """Camera centres at times within the shot, (N, 3)."""
        return self._path.at(at)

    def quaternions(self, at: Array) -> Array:
        """Camera-to-world rotations at times within the shot, (N, 4) w, x, y, z."""
        return self._rotations.at(at)

    def rotations(self, at: Array) -> Array:
        """Camera-to-world rotations, (N, 3, 3): at the shot's own times its own, to the bit."""
        rotations = matrices_from_quaternions(self.quaternions(at))
        frame = np.searchsorted(self.times, at, side="right") - 1
        own = self.times[frame] == at
        rotations[own] = self.shot.trajectory.rotations[frame[own]]
        return rotations

    def poses(self, at: Array) -> Array:
        """Camera-to-world poses, (N, 4, 4)."""
        return poses_of(self.rotations(at), self.centres(at))

    def intrinsics(self, at: Array) -> Array:
        """Intrinsics, (N, 4), in pixels."""
        own = self.shot.trajectory.intrinsics
        return np.stack([np.interp(at, self.times, own[:, column]) for column in range(4)], axis=1)

    def depth(self, at: Array) -> Array:
        """Z, (N,): NaN where a frame that counts has none."""
        before = np.searchsorted(self.times, at, side="right") - 1
        after = np.minimum(before + 1, len(self.times) - 1)
        span = np.where(after > before, self.times[after] - self.times[before], 1.0)
        fraction = (at - self.times[before]) / span
        own = self.shot.median_depth
        log_depth = np.log(own)
        left = np.where(fraction < 1, (1 - fraction) * log_depth[before], 0.0)
        right = np.where(fraction > 0, fraction * log_depth[after], 0.0)
        depth: Array = np.where(fraction == 0, own[before], np.exp(left + right))
        return depth


def sample_move(move: Move, at: Array, times: Array, *, fps: float, record: Mapping[str, object]) -> Shot:
    """Give the frames of a move at any of its times a new place in time, numbered from 0.

    Parameters
    ----------
    move : Move
    at : (N,) float64
        Times of the move, in any order.
    times : (N,) float64
        Seconds at which they are seen now, strictly increasing.
    fps : float
    record : dict
        The operation, for the provenance.
    """
    path = move.shot.trajectory
    trajectory = Trajectory(move.poses(at), move.intrinsics(at), times, path.width, path.height)
    return with_path(move.shot, at, trajectory, move.depth(at), fps=fps, record=record)


def with_path(
    shot: Shot, at: Array, trajectory: Trajectory, depth: Array, *, fps: float, record: Mapping[str, object]
) -> Shot:
    """Make a shot of new cameras, with what is known of the old steps carried over to the new ones.

    phi keeps its ratio to P, gain and noise floor their values, all as they were at the earlier end of the step; the
    standard deviation of P keeps ratio or value, whichever is larger; subjects keep their places in the picture. The
    result is in the shot's unit; at unit depth again where it was.

    Parameters
    ----------
    shot : Shot
        Where it comes from.
    at : (N,) float64
        Times of ``shot`` that the new frames stand for.
    trajectory : Trajectory
        N cameras in the world of ``shot``.
    depth : (N,) float64
        Z of the new frames.
    fps : float
    record : dict
        The operation, for the provenance.
    """
    start = np.minimum(at[:-1], at[1:])
    known_from = shot.trajectory.times[:-1]
    quality = dict(shot.quality)
    noise = noise_per_step(shot)
    if noise is not None:
        quality["noise_floor_per_step"] = to_json_values(_at_steps(noise, known_from, start))
    else:
        quality.pop("noise_floor_per_step", None)
    p, p_new = shot.parallax_number, parallax_number(trajectory, depth)

    def beside_p(values: Array) -> Array:
        ratio = np.divide(values, p, out=np.full(len(p), math.nan), where=p > 0)
        return np.where(p_new == 0, 0.0, p_new * _at_steps(ratio, known_from, start))

    sigma = shot.parallax_sigma
    if sigma is not None:
        sigma = np.fmax(beside_p(sigma), _at_steps(sigma, known_from, start))
    result = dataclasses.replace(
        shot,
        fps=float(fps),
        trajectory=trajectory,
        median_depth=depth,
        frames=None,
        felt_parallax=None if shot.felt_parallax is None else beside_p(shot.felt_parallax),
        gain=None if shot.gain is None else _at_steps(shot.gain, known_from, start),
        distortion=choose_frames(shot.distortion, lambda values: np.interp(at, shot.trajectory.times, values)),
        parallax_sigma=sigma,
        subjects=tuple(subject.at(shot.trajectory.times, at) for subject in shot.subjects),
        quality=quality,
        provenance=append_record(shot, record),
    )
    if shot.unit == "unit-depth" and not math.isnan(depth[0]):
        return to_unit_depth(result)
    return result


def append_record(shot: Shot, record: Mapping[str, object]) -> dict[str, object]:
    """Give the shot's provenance with one more operation in its list ``retiming``."""
    before = shot.provenance.get("retiming", [])
    return {**shot.provenance, "retiming": [*(before if isinstance(before, list) else [before]), record]}


def known_parallax(shot: Shot) -> Array:
    """P_t over the bridged depth, (T-1,): path over depth, or path alone where no frame knows its depth."""
    return parallax_number(shot.trajectory, shot.bridged_depth)


def noise_per_step(shot: Shot) -> Array | None:
    """Give the noise floor of every step, (T-1,), NaN where unknown; None where the shot does not list it."""
    stated = shot.quality.get("noise_floor_per_step")
    if not isinstance(stated, list) or len(stated) != len(shot) - 1:
        return None
    return np.array([value if isinstance(value, int | float) and value > 0 else math.nan for value in stated])


def _at_steps(values: Array, times: Array, wanted: Array) -> Array:
    """Values of steps, taken as known at the frame each step starts from; gaps are bridged."""
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(wanted), math.nan)
    return np.interp(wanted, times[known], values[known])
