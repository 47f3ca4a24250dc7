"""The gate: what looks solved and is not never leaves as a shot."""

import numpy as np
from numpy.typing import NDArray

from parascale.solve.reconstruction.triangulation import camera_centres
from parascale.types import Array

MIN_OBSERVATIONS = 30
MAX_ERROR = 1.0
MAX_JUMP = 20.0
NEIGHBOURS = 5
MIN_USED = 0.55
# Standard deviations of a step that a path must span at least: of made clips the paths below were off by 1 to 11 % of
# their length, those of up to half as much again by at most 1.4 %.
LEAST_SPAN = 300.0


def complaint(
    cam_from_world: Array, observations: NDArray[np.int64], error: float, used_share: float, noise: Array
) -> str | None:
    """Say what speaks against a solution, or None.

    Parameters
    ----------
    cam_from_world : (T, 3, 4) float64
        NaN where a frame was not placed.
    observations : (T,) int64
        Points that hold each frame.
    error : float
        Root mean square reprojection error, working pixels.
    used_share : float
        Share of all sightings that fit the solution.
    noise : (T - 1,) float64
        Standard deviation of each step, world units.
    """
    placed = np.isfinite(cam_from_world[:, 0, 0])
    if not placed.all():
        lost = np.flatnonzero(~placed)
        return f"{len(lost)} of {len(placed)} frames could not be placed, frame {lost[0]} first"
    fewest, jump = observations.min(), largest_jump(cam_from_world, noise)
    against = (
        (fewest < MIN_OBSERVATIONS, f"frame {observations.argmin()} is held by {fewest} points only"),
        (error > MAX_ERROR, f"the reprojection error is {error:.2f} pixels"),
        (used_share < MIN_USED, f"only {used_share:.0%} of what was tracked fits one rigid scene"),
        (
            span(cam_from_world) < LEAST_SPAN * pooled(noise),
            "the camera moves too little beside what its steps are unsure of",
        ),
        (jump is not None, f"the path jumps at frame {jump}"),
    )
    return next((reason for holds, reason in against if holds), None)


def span(cam_from_world: Array) -> float:
    """Give how far the camera gets from where it starts, world units."""
    centres = camera_centres(cam_from_world)
    return float(np.linalg.norm(centres - centres[0], axis=1).max())


def pooled(noise: Array) -> float:
    """Root mean square of the standard deviations that are known; 0 where none is."""
    finite = noise[np.isfinite(noise)]
    return float(np.sqrt((finite**2).mean())) if len(finite) else 0.0


def largest_jump(cam_from_world: Array, noise: Array) -> int | None:
    """Find the first step far beyond its neighbours and beyond the noise of an ordinary step."""
    centres = camera_centres(cam_from_world)
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
