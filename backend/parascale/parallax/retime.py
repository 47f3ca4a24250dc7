"""The same path at other times: frame rates matched without a change of P per second."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parascale.camera import Trajectory
from parascale.camera.rotations import matrices_from_quaternions, quaternions_from_matrices, slerp
from parascale.errors import InputError
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import parallax_number
from parascale.parallax.path_curve import curve_at
from parascale.parallax.shot import Shot

Array = NDArray[np.float64]

# Times that miss the first or last frame by less than this share of the duration are rounding.
_SLACK = 1e-9


def resample(shot: Shot, times: ArrayLike) -> Shot:
    """Give the same camera move seen at other times.

    Centres run along a smooth curve through the shot's own, by an arc length that follows time by monotone cubic
    interpolation (a rest stays a rest); rotations by slerp; intrinsics linearly; ln Z linearly. P, phi and gain
    belong to the new steps; phi keeps its ratio to P.

    Parameters
    ----------
    shot : Shot
        At least 2 frames, unless ``times`` is its own one time.
    times : (N,) float64
        Seconds on the shot's own clock, strictly increasing, within the shot.

    Returns
    -------
    Shot
        N frames, numbered from 0, in the shot's unit.

    Raises
    ------
    InputError
        Where a time lies outside the shot, or the times do not increase.
    """
    source = shot.trajectory
    wanted = _checked(source.times, times)
    before = np.clip(np.searchsorted(source.times, wanted, side="right") - 1, 0, max(len(source) - 2, 0))
    after = np.minimum(before + 1, len(source) - 1)
    span = np.where(after > before, source.times[after] - source.times[before], 1.0)
    fraction = (wanted - source.times[before]) / span
    poses = np.zeros((len(wanted), 4, 4))
    poses[:, :3, :3] = _rotations(source, before, after, fraction)
    poses[:, :3, 3] = curve_at(source.centres, source.times, wanted)
    poses[:, 3, 3] = 1
    weight = fraction[:, None]
    intrinsics = (1 - weight) * source.intrinsics[before] + weight * source.intrinsics[after]
    trajectory = Trajectory(poses, intrinsics, wanted, source.width, source.height)
    depth = _between(np.log(shot.median_depth), before, after, fraction)
    resampled = dataclasses.replace(
        shot,
        fps=float(1 / np.median(np.diff(wanted))) if len(wanted) > 1 else shot.fps,
        trajectory=trajectory,
        median_depth=np.exp(depth),
        frames=None,
        felt_parallax=_felt(shot, trajectory, np.exp(depth)),
        gain=None if shot.gain is None else _at_steps(shot.gain, source.times, wanted),
    )
    if shot.unit == "unit-depth" and not math.isnan(resampled.median_depth[0]):
        return to_unit_depth(resampled)
    return resampled


def match_rate(shot: Shot, fps: float) -> Shot:
    """Give the shot at another frame rate over the same duration.

    Parameters
    ----------
    shot : Shot
    fps : float
        Frames a second, above 0; the last frame falls on the last whole interval within the shot.

    Raises
    ------
    InputError
        Where the rate is not positive.
    """
    if not 0 < fps < math.inf:
        raise InputError(f"a frame rate of {fps} is not positive")
    times = shot.trajectory.times
    count = math.floor((times[-1] - times[0]) * fps + 1e-6) + 1
    return dataclasses.replace(resample(shot, np.minimum(times[0] + np.arange(count) / fps, times[-1])), fps=float(fps))


def _checked(own: Array, times: ArrayLike) -> Array:
    wanted = np.array(times, np.float64)
    if wanted.ndim != 1 or len(wanted) == 0:
        raise InputError("resampling needs a list of at least one time")
    slack = _SLACK * (own[-1] - own[0])
    outside = ~((wanted >= own[0] - slack) & (wanted <= own[-1] + slack))
    if outside.any():
        raise InputError(
            f"the time {wanted[np.argmax(outside)]:.6g} s lies outside the shot, {own[0]:.6g} to {own[-1]:.6g} s"
        )
    return np.clip(wanted, own[0], own[-1])


def _rotations(source: Trajectory, before: NDArray[np.intp], after: NDArray[np.intp], fraction: Array) -> Array:
    quaternions = quaternions_from_matrices(source.rotations)
    return matrices_from_quaternions(slerp(quaternions[before], quaternions[after], fraction))


def _between(values: Array, before: NDArray[np.intp], after: NDArray[np.intp], fraction: Array) -> Array:
    """Interpolate linearly; NaN only where a neighbour that counts is NaN."""
    left = np.where(fraction < 1, (1 - fraction) * values[before], 0.0)
    right = np.where(fraction > 0, fraction * values[after], 0.0)
    blend: Array = left + right
    return blend


def _at_steps(values: Array, times: Array, wanted: Array) -> Array:
    """Values of steps, taken as known at the frame each step starts from; gaps are bridged."""
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(wanted) - 1, math.nan)
    return np.interp(wanted[:-1], times[:-1][known], values[known])


def _felt(shot: Shot, trajectory: Trajectory, depth: Array) -> Array | None:
    if shot.felt_parallax is None:
        return None
    p = shot.parallax_number
    ratio = np.divide(shot.felt_parallax, p, out=np.full(len(p), math.nan), where=p > 0)
    p_new = parallax_number(trajectory, depth)
    return np.where(p_new == 0, 0.0, p_new * _at_steps(ratio, shot.trajectory.times, trajectory.times))
