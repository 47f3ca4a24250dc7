"""The unit-depth gauge: Z_0 = 1."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.shot import Points, Shot
from parascale.types import DepthMap


def scale_gauge(shot: Shot, factor: float) -> Shot:
    """Multiply path, depth and points by one factor, new units per old unit, which changes no picture and no P.

    ``metres_per_unit`` is divided by it; the unit is "arbitrary" unless the factor is 1.
    """
    if factor == 1:
        return shot
    poses = np.array(shot.trajectory.camera_to_world)
    poses[:, :3, 3] *= factor
    path = shot.trajectory
    points = shot.points
    if points is not None:
        points = Points((points.positions * factor).astype(np.float32), points.colours)
    return dataclasses.replace(
        shot,
        trajectory=Trajectory(poses, path.intrinsics, path.times, path.width, path.height),
        median_depth=shot.median_depth * factor,
        unit="arbitrary",
        metres_per_unit=None if shot.metres_per_unit is None else shot.metres_per_unit / factor,
        gain=None if shot.gain is None else shot.gain * factor,
        points=points,
    )


def to_unit_depth(shot: Shot) -> Shot:
    """Divide path, depth and points by Z_0.

    Raises
    ------
    InputError
        Where frame 0 saw no surface.
    """
    first = float(shot.median_depth[0])
    if math.isnan(first):
        raise InputError(f"{shot.name!r} has no depth in frame 0, so it cannot be brought to unit depth")
    scaled = scale_gauge(shot, 1 / first)
    depth = scaled.median_depth.copy()
    depth[0] = 1.0
    return dataclasses.replace(scaled, median_depth=depth, unit="unit-depth")


def unit_depth_map(depth_map: DepthMap, shot: Shot | None = None) -> NDArray[np.float32]:
    """Divide the z-depth of a first frame by the median of what it measures, or by Z_0 of its shot.

    A shot counts where it has still a unit of its own, before `to_unit_depth`.
    """
    if shot is not None and shot.unit != "unit-depth":
        unit = float(shot.median_depth[0])
    else:
        unit = float(np.median(depth_map[np.isfinite(depth_map) & (depth_map > 0)]))
    return np.asarray(depth_map / unit, np.float32)
