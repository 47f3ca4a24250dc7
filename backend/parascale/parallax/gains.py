"""Gains: by how much each step of the reference is multiplied, before strength and lens."""

import math
from dataclasses import dataclass

import numpy as np

from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.types import Array


@dataclass(frozen=True)
class TargetStart:
    """What an open-loop gain knows of the target: Z'_0, and metres per unit where they are known."""

    depth: float
    metres_per_unit: float | None = None


def static_gain(shot: Shot, target: TargetStart) -> Array:
    """Z'_0 / Z_t: the paper's calibration, where only one frame of the target is known."""
    return target.depth / shot.median_depth[:-1]


def global_gain(shot: Shot, target: TargetStart) -> Array:
    """exp(median ln(Z'_0 / Z_t)), one number: keeps the path's shape."""
    depth = shot.median_depth[:-1]
    known = depth[~np.isnan(depth)]
    gain = math.exp(float(np.median(np.log(target.depth / known)))) if len(known) else math.nan
    return np.full(len(depth), gain)


def global_norm_gain(shot: Shot, target: TargetStart) -> Array:
    """Z'_0 / D, D the path's largest displacement from frame 0; NaN where it does not move."""
    centres = shot.trajectory.centres
    reach = float(np.linalg.norm(centres - centres[0], axis=1).max())
    return np.full(len(shot) - 1, target.depth / reach if reach > 0 else math.nan)


def metric_gain(shot: Shot, target: TargetStart) -> Array:
    """Metres of the reference's unit over metres of the target's: the path replayed at its true size.

    Raises
    ------
    InputError
        Where either side does not know its metres.
    """
    for side, scale in (("reference", shot.metres_per_unit), ("target", target.metres_per_unit)):
        if scale is None:
            raise InputError(f"the method metric needs metres on both sides, and the {side} does not know its own")
    assert shot.metres_per_unit is not None
    assert target.metres_per_unit is not None
    return np.full(len(shot) - 1, shot.metres_per_unit / target.metres_per_unit)


def raw_gain(shot: Shot, _: TargetStart) -> Array:
    """1: uncalibrated transfer, unit for unit."""
    return np.ones(len(shot) - 1)


def fill_gaps(gain: Array, first: float) -> Array:
    """Let the last known gain stand where one is unknown (NaN), starting from ``first``."""
    known = ~np.isnan(gain)
    index = np.maximum.accumulate(np.where(known, np.arange(1, len(gain) + 1), 0))
    standing: Array = np.concatenate([[first], gain])[index]
    return standing


def smooth_gain(log_gain: Array, frames: float) -> Array:
    """Gaussian filter of standard deviation ``frames`` over ln s; at the ends over what there is."""
    if frames <= 0 or len(log_gain) < 2:
        return log_gain
    reach = min(math.ceil(4 * frames), len(log_gain) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / frames) ** 2)
    middle = slice(reach, reach + len(log_gain))
    weight = np.convolve(np.ones(len(log_gain)), kernel)[middle]
    filtered: Array = np.convolve(log_gain, kernel)[middle] / weight
    return filtered


def limit_log_gain(
    log_gain: float, first: float, last: float, max_change: float | None, max_step: float | None
) -> float:
    """Hold ln s within ``max_change`` of the first and ``max_step`` of the last.

    Only differences of ln s are limited: a limit on s itself would depend on the units of the two sides.
    """
    if max_step is not None:
        log_gain = min(max(log_gain, last - max_step), last + max_step)
    if max_change is not None:
        log_gain = min(max(log_gain, first - max_change), first + max_change)
    return log_gain


def limit_gains(gain: Array, max_change: float | None, max_step: Array | None) -> Array:
    """Gains with every step held within the limits, see `limit_log_gain`; ``max_step`` is (T-1,)."""
    if max_change is None and max_step is None:
        return gain
    logs: list[float] = []
    for step, value in enumerate(np.log(gain).tolist()):
        most = None if max_step is None else float(max_step[step])
        logs.append(limit_log_gain(value, logs[0], logs[-1], max_change, most) if logs else value)
    limited_gain: Array = np.exp(np.array(logs))
    return limited_gain
