"""What a calibration is held against: the product's methods, and three that are of use in an evaluation alone."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from parascale.camera import Trajectory, View
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.methods import METHODS as PRODUCT_METHODS
from parascale.parallax.metrics import pce_above_noise
from parascale.parallax.shot import Shot

# How far from `global` the best single gain is looked for, as ln s, and how finely.
ORACLE_REACH, ORACLE_STEP = 2.0, 0.01


def carry_over(method: str, shot: Shot, target: DepthSource, anchor: View) -> Shot:
    """Carry a shot, in metres, over to a target in metres by one of `METHODS`, from the camera where the path starts.

    Raises
    ------
    InputError
        As `parascale.parallax.calibrate.calibrate` does.
    """
    if method in PRODUCT_METHODS:
        return calibrate(shot, target, anchor, Settings.verbatim(method), unit="m").shot
    return _OWN[method](shot, target, anchor)


def _one_gain(shot: Shot, target: DepthSource, anchor: View, gain: float) -> Shot:
    return calibrate(shot, target, anchor, Settings.verbatim("raw", strength=gain), unit="m").shot


def _global_oracle(shot: Shot, target: DepthSource, anchor: View) -> Shot:
    """One gain, that which leaves the smallest PCE: no single one does better."""
    start = calibrate(shot, target, anchor, Settings.verbatim("global"), unit="m").shot
    assert start.gain is not None
    middle = math.log(start.gain[0])
    found = minimize_scalar(
        lambda log_gain: _error(_one_gain(shot, target, anchor, math.exp(log_gain)), shot),
        bounds=(middle - ORACLE_REACH, middle + ORACLE_REACH),
        method="bounded",
        options={"xatol": ORACLE_STEP},
    )
    best = _one_gain(shot, target, anchor, math.exp(float(found.x)))
    return min((start, best), key=lambda result: _error(result, shot))


def _error(result: Shot, shot: Shot) -> float:
    return pce_above_noise(result.parallax_number, shot.parallax_number, shot.noise_floor)


def _norm_only(shot: Shot, target: DepthSource, anchor: View) -> Shot:
    """1 / D, D the path's largest displacement: our reading of the paper's transfer without depth."""
    centres = shot.trajectory.centres
    reach = float(np.linalg.norm(centres - centres[0], axis=1).max())
    return _one_gain(shot, target, anchor, 1 / reach if reach > 0 else 1.0)


def _no_rotation(shot: Shot, target: DepthSource, anchor: View) -> Shot:
    """Carry over the steps alone, by closed loop: the camera never turns."""
    path = shot.trajectory
    poses = np.array(path.camera_to_world)
    poses[:, :3, :3] = poses[0, :3, :3]
    still = replace(shot, trajectory=Trajectory(poses, path.intrinsics, path.times, *path.size))
    return calibrate(still, target, anchor, Settings.verbatim(), unit="m").shot


_OWN: dict[str, Callable[[Shot, DepthSource, View], Shot]] = {
    "global-oracle": _global_oracle,
    "norm-only": _norm_only,
    "no-rotation": _no_rotation,
}

METHODS = (*PRODUCT_METHODS, *_OWN)
