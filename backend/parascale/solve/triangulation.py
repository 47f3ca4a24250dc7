"""World points from tracks and known cameras, all tracks at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROBUST_SCALE = 0.7
PASSES = 5


@dataclass(frozen=True, eq=False)
class Structure:
    """Triangulated tracks.

    Attributes
    ----------
    points : (M, 3) float64
        World positions; NaN where a track could not be triangulated.
    residuals : (T, M) float64
        Reprojection error in working pixels; inf where not seen or behind the camera.
    angle : (M,) float64
        Largest angle between two rays of a track, radians.
    uncertainty : (M,) float64
        Standard deviation of a point along its mean ray over its distance, for sightings a working pixel off each.
    """

    points: Array
    residuals: Array
    angle: Array
    uncertainty: Array


def triangulate(rays: Array, cam_from_world: Array, focal: float, used: Mask | None = None) -> Structure:
    """Triangulate every track from all frames that saw it.

    Linear least squares on x (r3 X + t3) = r1 X + t1, re-weighted by depth (so that it minimises reprojection error)
    and by a Cauchy weight on the residual.

    Parameters
    ----------
    rays : (T, M, 2) float64
        Focal-normalised image coordinates; NaN where not seen.
    cam_from_world : (T, 3, 4) float64
    focal : float
        Working pixels per unit of ``rays``: what residuals are measured in.
    used : (T, M) bool or None
        Which observations count; all that are seen where None.
    """
    seen = np.isfinite(rays[:, :, 0])
    if used is not None:
        seen = seen & used
    track, frame = np.nonzero(seen.T)
    count = rays.shape[1]
    xy = rays[frame, track]
    pose = cam_from_world[frame]
    rows = pose[:, :2] - xy[:, :, None] * pose[:, 2:3]  # (N, 2, 4)
    weight = np.ones(len(track))
    points, covariance = np.full((count, 3), np.nan), np.zeros((count, 3, 3))
    for number in range(PASSES):
        points, covariance = _solve(rows, weight, track, count)
        camera = np.einsum("nij,nj->ni", pose[:, :, :3], points[track]) + pose[:, :, 3]
        depth = camera[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = focal * np.hypot(*(camera[:, :2] / depth[:, None] - xy).T)
        in_front = depth > 0
        robust = 1 / (1 + (residual / ROBUST_SCALE) ** 2) if number else 1.0
        weight = np.where(in_front, robust / np.maximum(np.abs(depth), 1e-9) ** 2, 1e-6)
        weight = np.nan_to_num(weight)
    # Residuals of every sighting, those that did not count among them.
    everywhere = np.full(rays.shape[:2], np.inf)
    camera = np.einsum("tij,mj->tmi", cam_from_world[:, :, :3], points) + cam_from_world[:, None, :, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = focal * np.hypot(*np.moveaxis(camera[:, :, :2] / camera[:, :, 2:] - rays, -1, 0))
    valid = np.isfinite(error) & (camera[:, :, 2] > 0)
    everywhere[valid] = error[valid]
    angle, mean, distance = _spread(points, cam_from_world, track, frame, count)
    return Structure(points, everywhere, angle, _uncertainty(covariance, mean, distance, focal))


def camera_centres(cam_from_world: Array) -> Array:
    """(T, 3) centres in the world of cameras (T, 3, 4)."""
    return np.asarray(-np.einsum("tji,tj->ti", cam_from_world[:, :, :3], cam_from_world[:, :, 3]))


def _solve(rows: Array, weight: Array, track: NDArray[np.int64], count: int) -> tuple[Array, Array]:
    a, b = rows[:, :, :3], -rows[:, :, 3]
    normal = np.zeros((count, 3, 3))
    right = np.zeros((count, 3))
    for i in range(3):
        right[:, i] = np.bincount(track, weight * (a[:, :, i] * b).sum(axis=1), count)
        for j in range(i, 3):
            normal[:, i, j] = np.bincount(track, weight * (a[:, :, i] * a[:, :, j]).sum(axis=1), count)
            normal[:, j, i] = normal[:, i, j]
    inverse = _inverse(normal)
    return np.einsum("mij,mj->mi", inverse, right), inverse


def _inverse(matrix: Array) -> Array:
    """Inverses of symmetric (M, 3, 3), NaN where singular; by cofactors, which beats a library call for each."""
    a, b, c = matrix.transpose(1, 0, 2)
    columns = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=2)
    determinant = (a * columns[:, :, 0]).sum(axis=1)
    scale = np.trace(matrix, axis1=1, axis2=2)
    return np.asarray(columns / np.where(determinant > 1e-15 * scale**3, determinant, np.nan)[:, None, None])


def _spread(
    points: Array, cam_from_world: Array, track: NDArray[np.int64], frame: NDArray[np.int64], count: int
) -> tuple[Array, Array, Array]:
    """Twice the largest angle of a track's rays from their mean, that mean, and the mean distance."""
    centres = camera_centres(cam_from_world)
    rays = points[track] - centres[frame]
    length = np.linalg.norm(rays, axis=1)
    rays = rays / length[:, None]
    mean = np.stack([np.bincount(track, rays[:, i], count) for i in range(3)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        distance = np.bincount(track, length, count) / np.bincount(track, minlength=count)
    away = 2 * np.arcsin(np.clip(np.linalg.norm(rays - mean[track], axis=1) / 2, 0, 1))
    angle = np.zeros(count)
    np.maximum.at(angle, track, np.nan_to_num(away))
    return 2 * angle, mean, np.asarray(distance)


def _uncertainty(covariance: Array, mean: Array, distance: Array, focal: float) -> Array:
    variance = np.einsum("mi,mij,mj->m", mean, covariance, mean)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(np.sqrt(variance) / focal / distance, nan=np.inf))
