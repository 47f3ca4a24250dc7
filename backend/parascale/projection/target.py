"""A calibration's target: its depth, the camera it starts from, and its unit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parascale.camera import View
from parascale.camera.intrinsics import focal_from_fov, scale_intrinsics
from parascale.errors import InputError
from parascale.parallax.depth_source import ConstantDepth, DepthSource
from parascale.parallax.shot import Shot, Unit


@dataclass(frozen=True)
class Target:
    """What a calibration needs to know of the other side.

    Attributes
    ----------
    depth : DepthSource
    anchor : View
        The camera of the first frame.
    unit, metres_per_unit
        What one unit of its depth is.
    warnings : tuple of str
        Sentences a user should read.
    """

    depth: DepthSource
    anchor: View
    unit: Unit = "arbitrary"
    metres_per_unit: float | None = None
    warnings: tuple[str, ...] = ()


def constant_target(depth: float, reference: Shot) -> Target:
    """Describe a target of which only a typical depth is known, seen by the reference's own lens.

    Parameters
    ----------
    depth : float
        In the target's unit.
    reference : Shot
        Whose first camera gives lens and picture size.

    Raises
    ------
    InputError
        Where the depth is not positive.
    """
    if not (np.isfinite(depth) and depth > 0):
        raise InputError(f"a depth of {depth} is not positive: give the target's typical distance")
    first = reference.trajectory
    return Target(ConstantDepth(depth), View(np.eye(4), first.intrinsics[0], first.width, first.height))


def depth_map_target(path: Path, reference: Shot, fov: float | None, scale: float | None = None) -> Target:
    """Describe a target known by a depth map.

    Parameters
    ----------
    path : Path
        As `parascale.media.depth_file.read_depth_map` takes it.
    reference : Shot
        Whose lens is used where no field of view is given.
    fov : float or None
        Horizontal field of view in degrees.
    scale : float or None
        Multiplies what the file holds.

    Raises
    ------
    InputError
        Where the file is not a depth map.
    """
    from parascale.media.depth_file import read_depth_map
    from parascale.projection.depth_map import DepthMapSource

    file = read_depth_map(path, scale)
    height, width = file.depth.shape
    if fov is None:
        lens = scale_intrinsics(reference.trajectory.intrinsics[0], reference.trajectory.size, (width, height))
        focal = float(lens[0])
    else:
        focal = focal_from_fov(np.radians(fov), width)
    anchor = View(np.eye(4), np.array([focal, focal, width / 2, height / 2]), width, height)
    return Target(DepthMapSource(file.depth, anchor), anchor, warnings=file.warnings)
