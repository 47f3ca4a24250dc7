"""The Parallax Number, the felt parallax, and the median depth both sides share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory
from parascale.parallax.depth_source import DepthSamples
from parascale.types import Array


def parallax_number(trajectory: Trajectory, median_depth: ArrayLike) -> Array:
    """P_t = |b_t| / Z_t (the paper's Π), (T-1,): how far the camera steps, counted in the depth it looks at.

    Z_t is (T,) in the trajectory's unit, NaN where no surface was seen; P_t is 0 where the camera rests, NaN where it
    moves with no surface in view.
    """
    length = np.linalg.norm(trajectory.baselines, axis=1)
    return np.where(length == 0, 0.0, length / np.asarray(median_depth, np.float64)[:-1])


def area_median(values: Array, *, upper: bool = False) -> float:
    """Median as a value that occurs: the lower (or upper) middle one; NaN where there is none.

    The mean of the two middle values would lie where no surface is when half the frame is near and half is far.
    The lower middle depth is the upper middle of inverse depth, so that phi = P holds exactly for sideways moves.
    """
    count = len(values)
    if count == 0:
        return float("nan")
    middle = count // 2 if upper else (count - 1) // 2
    return float(np.partition(values, middle)[middle])


def median_depth(samples: DepthSamples) -> float:
    """Z, the median over image area of the z-depth of the visible surface; NaN where nothing was hit."""
    return area_median(samples.depth[samples.hit])


def surface(samples: DepthSamples, intrinsics: ArrayLike) -> tuple[Array, Array, Array]:
    """Give x and y in focal-normalised image coordinates, and z-depth, of the samples that were hit, (N,) each."""
    fx, fy, cx, cy = np.asarray(intrinsics, np.float64).tolist()
    # Column by column, and by compress: this runs once a frame, and broadcasting over pairs takes ten times as long.
    pixels = samples.pixels.compress(samples.hit, axis=0)
    return (pixels[:, 0] - cx) / fx, (pixels[:, 1] - cy) / fy, samples.depth[samples.hit]


def felt_parallax(trajectory: Trajectory, samples: Sequence[DepthSamples]) -> Array:
    """Felt parallax phi (T - 1,) of each step, from the depth that its first frame sees; NaN where that is nothing."""
    steps = trajectory.baselines
    length = np.linalg.norm(steps, axis=1)
    felt = np.zeros(len(steps))
    for frame in np.flatnonzero(length):
        direction = trajectory.rotations[frame].T @ steps[frame] / length[frame]
        felt[frame] = length[frame] * felt_per_unit_step(direction, samples[frame], trajectory.intrinsics[frame])
    return felt


def felt_per_unit_step(direction: ArrayLike, samples: DepthSamples, intrinsics: ArrayLike) -> float:
    """Median image motion of the surface for a camera step of length 1: |-d_xy + x d_z| / Z(x); NaN without surface.

    phi_t = |b_t| times this, in focal-normalised image units. To first order in the step, the motion field of a
    translating pinhole camera (Longuet-Higgins and Prazdny 1980). The samples are seen from the start of the step; its
    unit direction d is in camera coordinates, OpenCV axes.
    """
    return area_median(motion_per_unit_step(direction, samples, intrinsics), upper=True)


def motion_per_unit_step(direction: ArrayLike, samples: DepthSamples, intrinsics: ArrayLike) -> Array:
    """Image motion (N,) of each sample that was hit for a camera step of length 1; see `felt_per_unit_step`."""
    dx, dy, dz = np.asarray(direction, np.float64).tolist()
    x, y, depth = surface(samples, intrinsics)
    motion: Array = np.sqrt((x * dz - dx) ** 2 + (y * dz - dy) ** 2) / depth
    return motion
