"""The unit-depth gauge: Z_0 = 1."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError, Notice
from parascale.parallax.shot import Points, Shot
from parascale.parallax.subject import SubjectTrack
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
        subjects=tuple(scale_subject(subject, factor) for subject in shot.subjects),
    )


def scale_subject(subject: SubjectTrack, factor: float) -> SubjectTrack:
    """Multiply the depth of a subject by new units per old unit."""
    return subject if subject.depth is None else dataclasses.replace(subject, depth=subject.depth * factor)


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


SAID, REFUSED = 1.5, 8.0
"""Factors between the median of a depth map and the Z'_0 of the shot it goes with: from the one on it is said, from the
other on refused. What is the middle of a picture, and what a model makes of it, differs by less; feet and metres differ
by 3.3, units of length that a map may be in by mistake by 10, 100 or 1000."""


def compare_depth(depth_map: DepthMap, shot: Shot) -> tuple[Notice, ...]:
    """Hold a depth map against the shot that it goes with: both have to be in one unit.

    Parameters
    ----------
    depth_map : (H, W)
        z-depth of the first frame, in the shot's unit.
    shot : Shot
        Where it has no depth in frame 0, or the map shows none, there is nothing to hold against each other.

    Returns
    -------
    tuple of Notice
        Where they differ by more than ``SAID``.

    Raises
    ------
    InputError
        Where they differ by ``REFUSED`` or more: the map is in another unit, or of another picture.
    """
    measured = depth_map[np.isfinite(depth_map) & (depth_map > 0)]
    first = float(shot.median_depth[0])
    if not (measured.size and first > 0):
        return ()
    factor = float(np.median(measured)) / first
    apart = max(factor, 1 / factor)
    if not apart > SAID:
        return ()
    told = (
        f"the median of the depth map is {factor:.3g} times the depth of the shot {shot.name!r}, "
        f"{np.median(measured):.3g} where that has {first:.3g}"
    )
    if apart >= REFUSED:
        raise InputError(f"{told}: the map is in another unit or of another picture")
    return (Notice(f"{told}: they should have one unit and show one picture"),)


def unit_depth_map(depth_map: DepthMap, shot: Shot | None = None) -> NDArray[np.float32]:
    """Divide the z-depth of a first frame by the median of what it measures, or by Z_0 of its shot.

    A shot counts where it has still a unit of its own, before `to_unit_depth`.
    """
    if shot is not None and shot.unit != "unit-depth":
        unit = float(shot.median_depth[0])
    else:
        unit = float(np.median(depth_map[np.isfinite(depth_map) & (depth_map > 0)]))
    return np.asarray(depth_map / unit, np.float32)
