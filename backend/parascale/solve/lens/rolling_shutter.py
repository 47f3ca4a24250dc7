"""Rolling shutter, where the reprojection errors show it."""

import numpy as np

from parascale.solve.lens.focal import CORRELATED_OBSERVATIONS
from parascale.solve.reconstruction.noise import projection_jacobian
from parascale.types import Array, Mask

# Share of the time between frames over which the rows are read, and standard deviations: both must be exceeded.
MIN_READOUT, MIN_SIGMAS = 0.1, 5.0


def estimate_readout(
    positions: Array, points: Array, world_to_camera: Array, focal: float, inliers: Mask, height: float
) -> float | None:
    """Estimate the share of the time between frames over which the rows are read, from top to bottom.

    A row y below the middle is read later by r y / height, so that a point moving by v per frame is observed
    r v y / height further on. The part that a pose can absorb is removed first. A move at constant speed bends the
    points instead and cannot be detected.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Working pixels from the principal point.
    points : (M, 3) float64
    world_to_camera : (T, 3, 4) float64
    focal, height : float
        Working pixels.
    inliers : (T, M) bool
        Observations that take part.

    Returns
    -------
    float or None
        None where it is not detected.
    """
    product = square = error = 0.0
    count = 0
    for frame in range(1, len(positions) - 1):
        there = np.flatnonzero(inliers[frame - 1 : frame + 2].all(axis=0))
        if len(there) < 12:
            continue
        # Three frames at a time: of a long clip an array of all frames and tracks is larger than all else.
        around = world_to_camera[frame - 1 : frame + 2]
        local = np.einsum("tij,mj->tmi", around[:, :, :3], points[there]) + around[:, None, :, 3]
        before, here, after = focal * local[:, :, :2] / local[:, :, 2:]
        later = ((after - before) / 2 * positions[frame, there, 1:] / height).ravel()
        jacobian = projection_jacobian(local[1], focal).reshape(-1, 6)
        later = later - jacobian @ np.linalg.lstsq(jacobian, later, rcond=None)[0]
        residual = (positions[frame, there] - here).ravel()
        product += float(later @ residual)
        square += float(later @ later)
        error += float(residual @ residual)
        count += len(residual)
    if square == 0:
        return None
    share = product / square
    sigma = np.sqrt(CORRELATED_OBSERVATIONS * error / count / square)
    return share if abs(share) > max(MIN_READOUT, MIN_SIGMAS * sigma) else None
