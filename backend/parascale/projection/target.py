"""A calibration's target: its depth, the camera it starts from, and its unit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    """

    depth: DepthSource
    anchor: View
    unit: Unit = "arbitrary"
    metres_per_unit: float | None = None


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


def depth_map_target(path: Path, reference: Shot, fov: float | None) -> Target:
    """Describe a target known by a depth map.

    Parameters
    ----------
    path : Path
        ``.npy`` or ``.npz`` of one (H, W) array of z-depth; not finite or not positive where there is no surface.
    reference : Shot
        Whose lens is used where no field of view is given.
    fov : float or None
        Horizontal field of view in degrees.

    Raises
    ------
    InputError
        Where the file is not a depth map.
    """
    from parascale.projection.depth_map import DepthMapSource

    depth = read_depth_map(path)
    height, width = depth.shape
    if fov is None:
        lens = scale_intrinsics(reference.trajectory.intrinsics[0], reference.trajectory.size, (width, height))
        focal = float(lens[0])
    else:
        focal = focal_from_fov(np.radians(fov), width)
    anchor = View(np.eye(4), np.array([focal, focal, width / 2, height / 2]), width, height)
    return Target(DepthMapSource(depth, anchor), anchor)


def read_depth_map(path: Path) -> NDArray[np.float32]:
    """Read a depth map, (H, W) float32, from ``.npy`` or ``.npz``.

    Raises
    ------
    InputError
        Where the file cannot be read, does not hold one 2-D array, or holds no positive depth.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = [loaded[name] for name in loaded.files] if isinstance(loaded, np.lib.npyio.NpzFile) else [loaded]
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is not a depth map in .npy or .npz form: {error}") from error
    if len(arrays) != 1 or arrays[0].ndim != 2 or not np.issubdtype(arrays[0].dtype, np.number):
        raise InputError(f"{path} does not hold one array of height x width numbers")
    depth = arrays[0].astype(np.float32)
    if not np.any(np.isfinite(depth) & (depth > 0)):
        raise InputError(f"{path} has no positive depth")
    return depth
