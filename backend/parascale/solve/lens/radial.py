"""Radial distortion of one parameter, where the reprojection errors show it.

x_d = x_u (1 + k1 |x_u|^2) in focal-normalised image coordinates, COLMAP's SIMPLE_RADIAL.
"""

from dataclasses import replace

import numpy as np

from parascale.solve.lens.focal import triangulate_inliers
from parascale.solve.reconstruction.adjustment import Adjustment, adjust_bundle
from parascale.solve.tracking.tracks import Tracks, sample_tracks
from parascale.types import Array

# Observations a keyframe: first to detect distortion, then to measure it.
FEW_OBSERVATIONS, MANY_OBSERVATIONS = 150, 600
ITERATIONS = 8
# Distortion is detected where its parameter reduces the robust cost by this share and moves a corner by these working
# pixels. Clips without distortion reduced it by up to 0.013, moving objects by up to 0.16: hence the inlier ratio.
MIN_COST_REDUCTION, MIN_CORNER_SHIFT, MIN_INLIER_RATIO = 0.02, 1.0, 0.85
INVERSION_STEPS = 12


def estimate_radial_distortion(
    positions: Array, world_to_camera: Array, focal: float, *, seed: int, threads: int
) -> float | None:
    """Estimate the radial distortion of a clip from keyframes that were mapped without it.

    Parameters
    ----------
    positions : (K, M, 2) float64
        Working pixels from the principal point, NaN where not observed.
    world_to_camera : (K, 3, 4) float64
    focal : float
        Working pixels.

    Returns
    -------
    float or None
        k1; None where no distortion is detected.
    """
    seen = np.isfinite(positions[:, :, 0])
    few, many = (positions[:, sample_tracks(seen, count, seed)] for count in (FEW_OBSERVATIONS, MANY_OBSERVATIONS))

    def fit(sample: Array, k1: float | None) -> Adjustment:
        points, inliers = triangulate_inliers(sample, world_to_camera, focal)
        found = (sample, world_to_camera, points, inliers, focal)
        return adjust_bundle(*found, k1=k1, max_iterations=ITERATIONS, threads=threads)

    pinhole, radial = fit(few, None), fit(few, 0.0)
    corner = float(np.nanmax(np.abs(few), initial=0.0)) / focal
    shift = abs(radial.k1) * corner**3 * focal
    if radial.cost >= (1 - MIN_COST_REDUCTION) * pinhole.cost or shift <= MIN_CORNER_SHIFT:
        return None
    return fit(many, radial.k1).k1


def undistort(tracks: Tracks, focal: float, k1: float) -> Tracks:
    """Move tracks, working pixels from the principal point, to where a lens without distortion would show them."""
    positions, seen = tracks.positions.copy(), tracks.seen
    bent = positions[seen] / focal
    straight = bent
    for _ in range(INVERSION_STEPS):
        straight = bent / (1 + k1 * (straight**2).sum(axis=1, keepdims=True))
    positions[seen] = straight * focal
    return replace(tracks, positions=positions)
