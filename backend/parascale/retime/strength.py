"""How strongly a move is felt: its steps scaled, its directions and rotations left alone."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory
from parascale.camera.rotations import poses_of
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.retime.move import append_record, noise_per_step
from parascale.types import Array, to_json_values


def felt_speed(shot: Shot) -> Array:
    """Felt parallax per second of every step, (T-1,): phi where the shot holds it, else P; NaN where unknown."""
    felt = shot.parallax_number if shot.felt_parallax is None else shot.felt_parallax
    speed: Array = felt / np.diff(shot.trajectory.times)
    return speed


def typical_speed(shot: Shot) -> float:
    """Median felt parallax per second over the steps that move; 0 where none does."""
    speed = felt_speed(shot)
    moving = speed[shot.parallax_number > shot.noise_floor]
    moving = moving[~np.isnan(moving)]
    return float(np.median(moving)) if len(moving) else 0.0


def strengthen(shot: Shot, factor: ArrayLike) -> Shot:
    """Multiply the P of every step by k, one or (T-1,), from 0: half as strong is half the path in the same time.

    c_0 stays, c'_{t+1} = c'_t + k_t b_t, rotations and depth stay; measure the depth again where the path leaves the
    world it was seen in. Points are left out.

    Raises
    ------
    InputError
        Where a factor is negative or not finite.
    """
    result = scale_steps(shot, factor)
    record = {"operation": "strengthen", "factor": float(np.asarray(factor)) if np.ndim(factor) == 0 else "by step"}
    return dataclasses.replace(result, provenance=append_record(shot, record))


def at_speed(shot: Shot, per_second: float) -> Shot:
    """Multiply all steps by one factor, so that the move is felt at a given `typical_speed`.

    Raises
    ------
    InputError
        Where the speed is not positive, or the shot does not move.
    """
    if not 0 < per_second < math.inf:
        raise InputError(f"a speed of {per_second} a second is not positive")
    typical = typical_speed(shot)
    if typical == 0:
        raise InputError(f"{shot.name!r} shows no parallax, so that it cannot be brought to a speed")
    return strengthen(shot, per_second / typical)


def scale_steps(shot: Shot, factor: ArrayLike) -> Shot:
    """Scale the steps as `strengthen` does, without a word in the provenance."""
    steps = np.asarray(factor, np.float64)
    if steps.shape not in ((), (len(shot) - 1,)):
        raise InputError(f"the strength has shape {steps.shape} where one number or {len(shot) - 1} are needed")
    if not (np.isfinite(steps) & (steps >= 0)).all():
        raise InputError("a strength is a number from 0")
    path = shot.trajectory
    steps = np.broadcast_to(steps, (len(shot) - 1,))
    # What a step gains or loses, so that a factor of 1 leaves the path as it is to the bit.
    change = np.cumsum((steps - 1)[:, None] * path.baselines, axis=0)
    poses = poses_of(path.rotations, path.centres + np.concatenate([np.zeros((1, 3)), change]))
    return dataclasses.replace(
        shot,
        trajectory=Trajectory(poses, path.intrinsics, path.times, path.width, path.height),
        felt_parallax=None if shot.felt_parallax is None else shot.felt_parallax * steps,
        gain=None if shot.gain is None else shot.gain * steps,
        parallax_sigma=None if shot.parallax_sigma is None else shot.parallax_sigma * steps,
        points=None,
        quality=_scaled_noise(shot, steps),
    )


def _scaled_noise(shot: Shot, factor: Array) -> dict[str, object]:
    """Noise floors of P follow P; the pooled one as far as the strongest step."""
    quality = dict(shot.quality)
    if "noise_floor" in quality and len(factor):
        quality["noise_floor"] = shot.noise_floor * float(factor.max())
    noise = noise_per_step(shot)
    if noise is not None:
        quality["noise_floor_per_step"] = to_json_values(noise * factor)
    return quality
