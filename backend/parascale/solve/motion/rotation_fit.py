"""Rotations of a camera that does not move, fitted to the matches of two frames or to all tracks."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import least_squares

from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

ITERATIONS = 12
# Relative change of the cost and of the parameters that ends the refinement.
TOLERANCE = 1e-4
MAX_ZOOM = 5.0
# Bound of the ratio between the guessed focal length and the one a zoom started with.
MAX_FOCAL_RATIO = 3.0
# An anchor is kept while a frame shares at least this many of its points, and this share of them.
MIN_SHARED = 40
MIN_SHARED_RATIO = 0.5


@dataclass(frozen=True, eq=False)
class RotationFit:
    """A rotation between two frames.

    Attributes
    ----------
    rotation : (3, 3) float64
        Second camera from first.
    zoom : float
        Focal length of the second frame over that of the first.
    error : (N, 2) float64
        Observed less predicted positions in the second frame, working pixels.
    """

    rotation: Array
    zoom: float
    error: Array


def estimate_homography(first: Array, second: Array) -> Array | None:
    """Estimate the homography (3, 3) of most points by RANSAC; None where there is none."""
    homography = cv2.findHomography(first, second, cv2.RANSAC, 3.0, maxIters=500)[0]
    if homography is None or not np.isfinite(homography).all():
        return None
    return np.asarray(homography, np.float64)


def fit_rotation(
    first: Array,
    second: Array,
    focal: float,
    *,
    zooms: bool = False,
    scale: float = 1.0,
    start: Array | None = None,
) -> RotationFit:
    """Fit a rotation (and a zoom) to matched points, robust to outliers.

    Gauss-Newton with Cauchy weights, started from a robust homography.

    Parameters
    ----------
    first, second : (N, 2) float64
        Working pixels from the principal point.
    focal : float
        Of the first frame, working pixels.
    zooms : bool
        Whether the focal length may change; then that of the first frame is estimated too.
    scale : float
        Working pixels: the scale of the Cauchy loss.
    start : (3, 3) float64 or None
        `estimate_homography` of the points, where it is known already: it does not depend on the focal length.
    """
    homography = estimate_homography(first, second) if start is None else start
    rotation, zoom = _decompose(homography, focal, zooms)
    for step in range(ITERATIONS):
        cauchy_scale = scale * max(1.0, 8.0 / 2**step)
        flat = _rotate(first, focal, rotation)
        error = second - focal * zoom * flat
        weight = 1 / (1 + (error**2).sum(axis=1) / cauchy_scale**2)
        jacobian = _jacobian(flat, focal * zoom, zooms)
        left = (jacobian * np.repeat(weight, 2)[:, None]).T
        normal = left @ jacobian
        update = np.linalg.solve(normal + 1e-9 * np.eye(len(normal)), left @ error.ravel())
        rotation = cv2.Rodrigues(update[:3])[0] @ rotation
        if zooms:
            zoom = float(np.clip(zoom * np.exp(np.clip(update[3], -0.5, 0.5)), 1 / MAX_ZOOM, MAX_ZOOM))
    if zooms:
        return _refine_with_focal(first, second, focal, rotation, zoom, scale)
    return RotationFit(rotation, zoom, second - focal * zoom * _rotate(first, focal, rotation))


def estimate_rotation_path(tracks: Tracks, focal: float) -> tuple[Array, float] | None:
    """Estimate the rotation of every frame, camera-to-world, and the root mean square error in working pixels.

    Each frame is compared with an anchor frame, which moves on where too few of its points are still in view.

    Returns
    -------
    ((T, 3, 3), float) or None
        None where the points of two neighbouring frames do not suffice.
    """
    count = len(tracks.positions)
    seen = tracks.seen
    rotations = np.tile(np.eye(3), (count, 1, 1))
    anchor = 0
    errors = []
    for frame in range(1, count):
        if (seen[anchor] & seen[frame]).sum() < max(MIN_SHARED, MIN_SHARED_RATIO * seen[anchor].sum()):
            anchor = frame - 1
        first, second, both = tracks.pair(anchor, frame)
        if len(both) < 8:
            return None
        fit = fit_rotation(first, second, focal)
        rotations[frame] = rotations[anchor] @ fit.rotation.T
        length = np.hypot(*fit.error.T)
        errors.append(length[length < 3 * max(np.median(length), 0.1)])
    return rotations, float(np.sqrt((np.concatenate(errors) ** 2).mean())) if errors else 0.0


def _refine_with_focal(
    first: Array, second: Array, focal: float, rotation: Array, zoom: float, scale: float
) -> RotationFit:
    """Refine a rotation with a zoom together with the focal length of the first frame."""

    def fit_of(values: Array) -> RotationFit:
        turned, began = cv2.Rodrigues(values[:3])[0] @ rotation, focal * np.exp(values[4])
        end = began * zoom * np.exp(values[3])
        return RotationFit(turned, float(end / began), second - end * _rotate(first, began, turned))

    bounds = np.array([1.0, 1.0, 1.0, 0.5, np.log(MAX_FOCAL_RATIO)])
    found = least_squares(
        lambda values: fit_of(values).error.ravel(),
        np.zeros(5),
        bounds=(-bounds, bounds),
        loss="cauchy",
        f_scale=scale,
        ftol=TOLERANCE,
        xtol=TOLERANCE,
    )
    return fit_of(found.x)


def _rotate(first: Array, focal: float, rotation: Array) -> Array:
    local = np.column_stack([first / focal, np.ones(len(first))]) @ rotation.T
    return np.asarray(local[:, :2] / local[:, 2:])


def _decompose(homography: Array | None, focal: float, zooms: bool) -> tuple[Array, float]:
    if homography is None:
        return np.eye(3), 1.0
    k = np.diag([focal, focal, 1.0])
    turned = np.linalg.inv(k) @ homography @ k
    u, _, vt = np.linalg.svd(turned)
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    if np.linalg.norm(turned[2]) < 1e-9 or abs(cv2.Rodrigues(rotation)[0]).max() > 2:
        return np.eye(3), 1.0
    zoom = np.linalg.norm(turned[:2], axis=1).mean() / np.linalg.norm(turned[2]) if zooms else 1.0
    return rotation, float(np.clip(zoom, 1 / MAX_ZOOM, MAX_ZOOM))


def _jacobian(flat: Array, focal: float, zooms: bool) -> Array:
    x, y = flat.T
    # d/dw of the projection of exp(w) X: X + w x X.
    columns = [[-x * y, -1 - y * y], [1 + x * x, x * y], [-y, x]] + ([[x, y]] if zooms else [])
    return focal * np.array(columns).transpose(2, 1, 0).reshape(2 * len(flat), -1)
