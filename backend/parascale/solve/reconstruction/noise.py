"""The noise of a solved path: how small a step can be told from rest."""

import numpy as np

from parascale.types import Array, Mask

# Working pixels; measured on rendered clips, encoded as h264, whose true path is known.
COMMON_NOISE = 0.015


def estimate_step_noise(positions: Array, points: Array, world_to_camera: Array, focal: float, inliers: Mask) -> Array:
    """Estimate the standard deviation of each step of the camera centre, world units.

    Two neighbouring frames are linked by the points they share, so the error of a step comes from the change of the
    residuals between them. With e the variance of that change and J the derivative of a point's image by the pose, the
    covariance of the step is e (J^T J)^-1; the trace of its position part is returned. The common error of all points
    of a frame, which no residual shows, is added: compression and resampling move whole pictures by some hundredths of
    a pixel.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Working pixels from the principal point.
    points : (M, 3) float64
    world_to_camera : (T, 3, 4) float64
    focal : float
        Working pixels.
    inliers : (T, M) bool
        Observations that take part.

    Returns
    -------
    (T - 1,) float64
        inf where two frames share too few points.
    """
    noise = np.full(len(positions) - 1, np.inf)
    for step in range(len(noise)):
        shared = np.flatnonzero(inliers[step] & inliers[step + 1])
        if len(shared) < 6:
            continue
        before, local = _residuals(positions[step, shared], points[shared], world_to_camera[step], focal)
        after, _ = _residuals(positions[step + 1, shared], points[shared], world_to_camera[step + 1], focal)
        change = after - before
        variance = (1.4826 * np.median(np.abs(change - np.median(change, axis=0)))) ** 2
        jacobian = projection_jacobian(local, focal).reshape(-1, 6)
        covariance = variance * np.linalg.pinv(jacobian.T @ jacobian)
        common = COMMON_NOISE / focal * float(np.median(local[:, 2]))
        noise[step] = np.sqrt(np.trace(covariance[3:, 3:]) + common**2)
    return noise


def _residuals(positions: Array, points: Array, pose: Array, focal: float) -> tuple[Array, Array]:
    local = points @ pose[:, :3].T + pose[:, 3]
    return positions - focal * local[:, :2] / local[:, 2:], local


def projection_jacobian(local: Array, focal: float) -> Array:
    """Differentiate image points (N, 2) by a rotation and a translation of the camera: (N, 2, 6), working pixels."""
    x, y = (local[:, :2] / local[:, 2:]).T
    near = 1 / local[:, 2]
    rows = np.zeros((len(local), 2, 6))
    rows[:, 0, :3] = np.column_stack([-x * y, 1 + x * x, -y])
    rows[:, 1, :3] = np.column_stack([-1 - y * y, x * y, x])
    rows[:, 0, 3], rows[:, 0, 5] = near, -x * near
    rows[:, 1, 4], rows[:, 1, 5] = near, -y * near
    return focal * rows
