"""The gate: a solution that cannot be trusted is rejected."""

import numpy as np
from numpy.typing import NDArray

from parascale.solve.reconstruction.triangulation import camera_centres
from parascale.types import Array

MIN_OBSERVATIONS = 30
MAX_REPROJECTION_ERROR = 1.0
MAX_JUMP = 20.0
NEIGHBOURS = 5
MIN_INLIER_RATIO = 0.55
# A path must span this many standard deviations of its steps: paths of rendered clips below it were wrong by 1 to 11 %
# of their length, those of up to half as much again by at most 1.4 %.
MIN_SPAN = 300.0
SMALL_MOVE = "the camera moves less than the uncertainty of its own steps"


def find_rejection_reason(
    world_to_camera: Array,
    observations: NDArray[np.int64],
    error: float,
    inlier_ratio: float,
    noise: Array,
    *,
    ordered: bool = True,
) -> str | None:
    """Return why a solution is rejected; None where it is not.

    Parameters
    ----------
    world_to_camera : (T, 3, 4) float64
        NaN where a frame has no pose.
    observations : (T,) int64
        Inliers of each frame.
    error : float
        Root mean square reprojection error, working pixels.
    inlier_ratio : float
        Share of all observations that are inliers.
    noise : (T - 1,) float64
        Standard deviation of each step, world units.
    ordered : bool
        Whether the frames follow each other: the steps between photos in no order may have any length.
    """
    missing = describe_missing_frames(world_to_camera)
    if missing is not None:
        return missing
    fewest, jump = observations.min(), find_jump(world_to_camera, noise) if ordered else None
    centres = camera_centres(world_to_camera)
    span = float(np.linalg.norm(centres - centres[0], axis=1).max())
    reasons = (
        (fewest < MIN_OBSERVATIONS, f"frame {observations.argmin()} has only {fewest} inliers"),
        (error > MAX_REPROJECTION_ERROR, f"the reprojection error is {error:.2f} pixels"),
        (inlier_ratio < MIN_INLIER_RATIO, f"only {inlier_ratio:.0%} of what was tracked fits one rigid scene"),
        (jump is not None, f"the path jumps at frame {jump}"),
        # The last: what is rejected for this alone has a bound of its Parallax Number.
        (span < MIN_SPAN * pool_noise(noise), SMALL_MOVE),
    )
    return next((reason for holds, reason in reasons if holds), None)


def describe_missing_frames(world_to_camera: Array) -> str | None:
    """Count the frames without a pose; None where all have one."""
    missing = np.flatnonzero(np.isnan(world_to_camera[:, 0, 0]))
    if not len(missing):
        return None
    return f"{len(missing)} of {len(world_to_camera)} frames could not be placed, frame {missing[0]} first"


def pool_noise(noise: Array) -> float:
    """Root mean square of the known standard deviations; 0 where none is known."""
    finite = noise[np.isfinite(noise)]
    return float(np.sqrt((finite**2).mean())) if len(finite) else 0.0


def find_jump(world_to_camera: Array, noise: Array) -> int | None:
    """Find the first step much longer than its neighbours and than the noise of an ordinary step."""
    centres = camera_centres(world_to_camera)
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    finite = noise[np.isfinite(noise)]
    floor = 3 * float(np.median(finite)) if len(finite) else 0.0
    for step in range(len(steps)):
        near = np.r_[steps[max(step - NEIGHBOURS, 0) : step], steps[step + 1 : step + 1 + NEIGHBOURS]]
        if not len(near):
            continue
        if steps[step] > MAX_JUMP * max(float(np.median(near)), floor):
            return step
    return None
