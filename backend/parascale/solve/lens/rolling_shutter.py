"""Whether the rows of a picture were read one after another: what that does to residuals."""

import numpy as np
from numpy.typing import NDArray

from parascale.solve.lens.focal import CORRELATED
from parascale.solve.reconstruction.noise import image_by_pose
from parascale.types import Array

# Share of the time between frames over which the rows are read, and standard deviations: beyond both it is told.
LEAST_READOUT, SURE = 0.1, 5.0


def readout(
    positions: Array, points: Array, cam_from_world: Array, focal: float, used: NDArray[np.bool_], height: float
) -> float | None:
    """Estimate the share of the time between frames over which the rows are read, from top to bottom.

    A row y below the middle is seen later by r y / height, so that a point moving by v a frame is found r v y / height
    further on. What a pose can take up of that is taken out first. A move at constant speed bends the points instead,
    and shows nothing.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Working pixels from the principal point.
    points : (M, 3) float64
    cam_from_world : (T, 3, 4) float64
    focal, height : float
        Working pixels.
    used : (T, M) bool
        Sightings that count.

    Returns
    -------
    float or None
        None where it does not show.
    """
    local = np.einsum("tij,mj->tmi", cam_from_world[:, :, :3], points) + cam_from_world[:, None, :, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        projected = focal * local[:, :, :2] / local[:, :, 2:]
    product = square = error = 0.0
    count = 0
    for frame in range(1, len(positions) - 1):
        there = np.flatnonzero(used[frame - 1 : frame + 2].all(axis=0))
        if len(there) < 12:
            continue
        velocity = (projected[frame + 1, there] - projected[frame - 1, there]) / 2
        later = (velocity * positions[frame, there, 1:] / height).ravel()
        jacobian = image_by_pose(local[frame, there], focal).reshape(-1, 6)
        later = later - jacobian @ np.linalg.lstsq(jacobian, later, rcond=None)[0]
        residual = (positions[frame, there] - projected[frame, there]).ravel()
        product += float(later @ residual)
        square += float(later @ later)
        error += float(residual @ residual)
        count += len(residual)
    if square == 0:
        return None
    share = product / square
    sigma = np.sqrt(CORRELATED * error / count / square)
    return share if abs(share) > max(LEAST_READOUT, SURE * sigma) else None
