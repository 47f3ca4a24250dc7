"""How small a step the pixels can tell from rest."""

import numpy as np
from numpy.typing import NDArray

from parascale.types import Array

# Working pixels; measured on rendered clips, encoded as h264, whose true path is known.
TOGETHER = 0.015


def step_noise(positions: Array, points: Array, cam_from_world: Array, focal: float, used: NDArray[np.bool_]) -> Array:
    """Estimate the standard deviation of each step of the camera centre, world units.

    The points two neighbouring frames share hold their poses together, so the error of a step comes from how the
    residuals change from one frame to the next. With e that change's variance and J the derivative of a point's
    image by the pose, the step's covariance is e (J^T J)^-1; its trace over the position is what is returned. Added
    to it is what all points of a frame are off together, which no residual shows: compression and resampling move
    whole pictures by some hundredths of a pixel.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Working pixels from the principal point.
    points : (M, 3) float64
    cam_from_world : (T, 3, 4) float64
    focal : float
        Working pixels.
    used : (T, M) bool
        Observations that count.

    Returns
    -------
    (T - 1,) float64
        inf where two frames share too few points.
    """
    noise = np.full(len(positions) - 1, np.inf)
    for step in range(len(noise)):
        shared = np.flatnonzero(used[step] & used[step + 1])
        if len(shared) < 6:
            continue
        before, local = _residuals(positions[step, shared], points[shared], cam_from_world[step], focal)
        after, _ = _residuals(positions[step + 1, shared], points[shared], cam_from_world[step + 1], focal)
        change = after - before
        variance = (1.4826 * np.median(np.abs(change - np.median(change, axis=0)))) ** 2
        jacobian = image_by_pose(local, focal).reshape(-1, 6)
        covariance = variance * np.linalg.pinv(jacobian.T @ jacobian)
        together = TOGETHER / focal * float(np.median(local[:, 2]))
        noise[step] = np.sqrt(np.trace(covariance[3:, 3:]) + together**2)
    return noise


def _residuals(positions: Array, points: Array, pose: Array, focal: float) -> tuple[Array, Array]:
    local = points @ pose[:, :3].T + pose[:, 3]
    return positions - focal * local[:, :2] / local[:, 2:], local


def image_by_pose(local: Array, focal: float) -> Array:
    """(N, 2, 6): image by a turn and a shift of the camera, working pixels."""
    x, y = (local[:, :2] / local[:, 2:]).T
    near = 1 / local[:, 2]
    rows = np.zeros((len(local), 2, 6))
    rows[:, 0, :3] = np.column_stack([-x * y, 1 + x * x, -y])
    rows[:, 1, :3] = np.column_stack([-1 - y * y, x * y, x])
    rows[:, 0, 3], rows[:, 0, 5] = near, -x * near
    rows[:, 1, 4], rows[:, 1, 5] = near, -y * near
    return focal * rows
