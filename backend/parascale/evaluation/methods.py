"""What a calibration is held against: the product's methods and settings, the paper's ablations, and other systems."""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory, View
from parascale.camera.rotations import poses_of
from parascale.errors import InputError
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.calibration_report import CalibrationReport
from parascale.parallax.composition import TargetFacts
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.methods import METHODS as PRODUCT_METHODS
from parascale.parallax.metrics import pce_above_noise
from parascale.parallax.shot import Shot

# How far from `global` the best single gain is looked for, as ln s, and how finely.
ORACLE_REACH, ORACLE_STEP = 2.0, 0.01
# Train-time scale calibration knows a clip's metres as well as a metric depth model does: ln of its scale error is
# drawn once a clip from a normal distribution of this standard deviation.
METRIC_SIGMA = 0.2
# The paper's ablation multiplies rotations by the gain over its median, within these.
ROTATION_FACTORS = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class Carried:
    """A shot carried over, and the report on it where the product made it."""

    shot: Shot
    report: CalibrationReport | None = None


def carry_over(method: str, shot: Shot, target: DepthSource, anchor: View) -> Carried:
    """Carry a shot, in metres, over to a target in metres by one of `METHODS`, from the camera where the path starts.

    The target's z axis is up.

    Raises
    ------
    InputError
        As `parascale.parallax.calibrate.calibrate` does, and where a method cannot be asked.
    """
    if method in CANNOT_BE_ASKED:
        raise InputError(CANNOT_BE_ASKED[method])
    if method in PRODUCT_METHODS:
        return _calibrate(shot, target, anchor, Settings.verbatim(method))
    return _OWN[method](shot, target, anchor)


def _calibrate(shot: Shot, target: DepthSource, anchor: View, settings: Settings) -> Carried:
    result = calibrate(shot, target, anchor, settings, unit="m", facts=TargetFacts((0, 0, 1)))
    return Carried(result.shot, result.report)


def _one_gain(shot: Shot, target: DepthSource, anchor: View, gain: float) -> Carried:
    return _calibrate(shot, target, anchor, Settings.verbatim("raw", strength=gain))


def _framed(shot: Shot, target: DepthSource, anchor: View) -> Carried:
    """Keep subject, horizon and clearance beside closed loop: what the command line does."""
    return _calibrate(shot, target, anchor, Settings.preset("shot"))


def _global_oracle(shot: Shot, target: DepthSource, anchor: View) -> Carried:
    """One gain, that which leaves the smallest PCE: no single one does better."""
    start = _calibrate(shot, target, anchor, Settings.verbatim("global"))
    assert start.shot.gain is not None
    middle = math.log(start.shot.gain[0])
    found = minimize_scalar(
        lambda log_gain: _error(_one_gain(shot, target, anchor, math.exp(log_gain)), shot),
        bounds=(middle - ORACLE_REACH, middle + ORACLE_REACH),
        method="bounded",
        options={"xatol": ORACLE_STEP},
    )
    best = _one_gain(shot, target, anchor, math.exp(float(found.x)))
    return min((start, best), key=lambda result: _error(result, shot))


def _error(result: Carried, shot: Shot) -> float:
    return pce_above_noise(result.shot.parallax_number, shot.parallax_number, shot.noise_floor)


def _norm_only(shot: Shot, target: DepthSource, anchor: View) -> Carried:
    """1 / D, D the path's largest displacement: our reading of the paper's transfer without depth."""
    centres = shot.trajectory.centres
    reach = float(np.linalg.norm(centres - centres[0], axis=1).max())
    return _one_gain(shot, target, anchor, 1 / reach if reach > 0 else 1.0)


def _no_rotation(shot: Shot, target: DepthSource, anchor: View) -> Carried:
    """Carry over the steps alone, by closed loop: the camera never turns."""
    path = shot.trajectory
    poses = np.array(path.camera_to_world)
    poses[:, :3, :3] = poses[0, :3, :3]
    still = replace(shot, trajectory=Trajectory(poses, path.intrinsics, path.times, *path.size))
    return _calibrate(still, target, anchor, Settings.verbatim())


def _rotation_rescaled(shot: Shot, target: DepthSource, anchor: View) -> Carried:
    """Turn each step's rotation vector by clip(s_t / median s, 0.5, 2) too, along the centres of closed loop."""
    result = _calibrate(shot, target, anchor, Settings.verbatim()).shot
    assert result.gain is not None
    factor = np.clip(result.gain / np.median(result.gain), *ROTATION_FACTORS)
    path, turns = result.trajectory, shot.trajectory.rotations
    steps = Rotation.from_matrix(turns[:-1].transpose(0, 2, 1) @ turns[1:]).as_rotvec() * factor[:, None]
    rotations = [path.rotations[0]]
    for step in Rotation.from_rotvec(steps).as_matrix():
        rotations.append(rotations[-1] @ step)
    poses = poses_of(np.array(rotations), path.centres)
    # What is felt on the way is no longer what closed loop measured.
    return Carried(
        replace(
            result,
            trajectory=Trajectory(poses, path.intrinsics, path.times, *path.size),
            felt_parallax=None,
            subjects=(),
        )
    )


def _scale_calibrated(shot: Shot, target: DepthSource, anchor: View) -> Carried:
    """Replay the path 1:1 in a depth model's metres: what scale calibration at training time amounts to."""
    error = METRIC_SIGMA * np.random.default_rng(zlib.crc32(shot.name.encode())).standard_normal()
    believed = replace(scale_gauge(shot, math.exp(error)), unit="m", metres_per_unit=1.0)
    return _calibrate(believed, target, anchor, Settings.verbatim("metric"))


_OWN: dict[str, Callable[[Shot, DepthSource, View], Carried]] = {
    "shot": _framed,
    "scale-calib": _scale_calibrated,
    "norm-only": _norm_only,
    "rotation-rescaled": _rotation_rescaled,
    "no-rotation": _no_rotation,
    "global-oracle": _global_oracle,
}

# Generators that take no camera path, and why.
CANNOT_BE_ASKED = {
    "motionmaster": "cannot be asked for a path: class C, it takes the reference clip itself; "
    "as a generator its video is measured, where its weights are",
}

METHODS = (*PRODUCT_METHODS, *_OWN, *CANNOT_BE_ASKED)
