"""World points from tracks and known cameras, all tracks at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.types import Array

CAUCHY_SCALE = 0.7
# Distance of a point without measurable parallax, over the extent of the path: far enough that no step moves it.
FAR_DISTANCE = 1e4
# Working pixels: larger residuals count alike where a finite point and a far one are compared.
MAX_RESIDUAL = 3.0
ITERATIONS = 5
# The entries that define a symmetric (3, 3) matrix.
UPPER_TRIANGLE = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


@dataclass(frozen=True, eq=False)
class Structure:
    """Triangulated tracks.

    Attributes
    ----------
    points : (M, 3) float64
        World positions; those of tracks whose rays do not meet before the cameras lie far away along their mean ray.
    residuals : (T, M) float64
        Reprojection error in working pixels; inf where not observed or behind the camera.
    angle : (M,) float64
        Largest angle between two rays of a track, radians.
    uncertainty : (M,) float64
        Standard deviation of a point along its mean ray over its distance, for observations with one pixel of noise.
    """

    points: Array
    residuals: Array
    angle: Array
    uncertainty: Array


def triangulate(rays: Array, world_to_camera: Array, focal: float) -> Structure:
    """Triangulate every track from all frames that observe it.

    Linear least squares on x (r3 X + t3) = r1 X + t1, re-weighted by depth (so that it minimises reprojection error)
    and by a Cauchy weight on the residual.

    Parameters
    ----------
    rays : (T, M, 2) float64
        Focal-normalised image coordinates; NaN where not observed.
    world_to_camera : (T, 3, 4) float64
    focal : float
        Working pixels per unit of ``rays``: the unit of the residuals.
    """
    return triangulate_positions(rays, world_to_camera, focal, 1.0)


def triangulate_positions(positions: Array, world_to_camera: Array, focal: float, unit: float) -> Structure:
    """Triangulate every track from positions in any unit, as `triangulate` does from rays.

    Of a long clip the array of all frames and tracks is by far larger than its observations: it is not copied.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Image coordinates from the principal point; NaN where not observed.
    world_to_camera : (T, 3, 4) float64
    focal : float
        Focal length in working pixels: the unit of the residuals.
    unit : float
        Focal length in the unit of ``positions``: that of positions in working pixels is ``focal``, that of rays 1.

    Returns
    -------
    Structure
        Residuals in working pixels.
    """
    seen = np.isfinite(positions[:, :, 0])
    track, frame = np.nonzero(seen.T)
    observations = _Observations(track, seen.sum(axis=0))
    # One observation after the other in memory: several times as fast.
    xy = np.ascontiguousarray(positions[frame, track].T) / unit
    pose = np.take(np.moveaxis(world_to_camera, 0, 2), frame, axis=2)  # (3, 4, N)
    products = _normal_equations(pose[:2] - xy[:, None] * pose[2])
    weight = np.ones(len(track))
    for number in range(ITERATIONS):
        points, covariance = _solve(observations.reduce(np.add, weight * products))
        camera = (pose[:, :3] * np.take(points.T, track, axis=1)).sum(axis=1) + pose[:, 3]
        depth = camera[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = focal * np.hypot(*(camera[:2] / depth - xy))
        robust = 1 / (1 + (residual / CAUCHY_SCALE) ** 2) if number else 1.0
        weight = np.where(depth > 0, robust / np.maximum(np.abs(depth), 1e-9) ** 2, 1e-6)
        weight = np.nan_to_num(weight)
    centres = camera_centres(world_to_camera)
    residual = np.where(np.isfinite(residual) & (depth > 0), residual, np.inf)
    # Rays that are parallel to within the noise meet anywhere, also behind a camera: the point is far away.
    far = _far_points(xy, pose, centres, observations)
    camera = (pose[:, :3] * np.take(far.T, track, axis=1)).sum(axis=1) + pose[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        distant = focal * np.hypot(*(camera[:2] / camera[2] - xy))
    distant = np.where(np.isfinite(distant) & (camera[2] > 0), distant, np.inf)
    missed = _truncated_cost(distant, observations) < _truncated_cost(residual, observations)
    points[missed] = far[missed]
    residuals = np.full(positions.shape[:2], np.inf)
    residuals[frame, track] = np.where(missed[track], distant, residual)
    centres = np.take(centres.T, frame, axis=1)
    angle, mean, distance = _spread(points, centres, observations)
    variance = np.einsum("im,mij,jm->m", mean, covariance, mean)
    variance[missed] = np.inf
    with np.errstate(invalid="ignore"):
        uncertainty = np.nan_to_num(np.sqrt(variance) / focal / distance, nan=np.inf)
    return Structure(points, residuals, angle, uncertainty)


def camera_centres(world_to_camera: Array) -> Array:
    """Centres (T, 3) of cameras (T, 3, 4) in the world."""
    return np.asarray(-np.einsum("tji,tj->ti", world_to_camera[:, :, :3], world_to_camera[:, :, 3]))


def _far_points(xy: Array, pose: Array, centres: Array, observations: "_Observations") -> Array:
    """Points (M, 3) far away along the mean ray of each track, observed at rays (2, N) by cameras (3, 4, N)."""
    length = np.sqrt((xy**2).sum(axis=0) + 1)
    local = np.concatenate([xy, np.ones((1, xy.shape[1]))]) / length
    direction = observations.reduce(np.add, (pose[:, :3] * local[:, None]).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        direction = direction / np.linalg.norm(direction, axis=0)
    middle = centres.mean(axis=0)
    extent = float(np.linalg.norm(centres - middle, axis=1).max())
    return np.asarray(middle + FAR_DISTANCE * max(extent, 1e-9) * direction.T)


def _truncated_cost(residual: Array, observations: "_Observations") -> Array:
    """Sum the squared residuals (N,) of each track, truncated, (M,)."""
    squared = np.square(np.minimum(residual, MAX_RESIDUAL), dtype=np.float64)
    return observations.reduce(np.add, squared)


class _Observations:
    """Observations in the order of their tracks, and reductions over each track."""

    def __init__(self, track: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self.track, self.counts = track, counts
        self._observed = np.flatnonzero(counts)
        self._starts = (np.cumsum(counts) - counts)[self._observed]

    def reduce(self, reduction: np.ufunc, values: Array) -> Array:
        """Reduce values (..., N) over each track: (..., M), 0 where it has none."""
        reduced = np.zeros((*values.shape[:-1], len(self.counts)))
        if len(self._observed):
            reduced[..., self._observed] = reduction.reduceat(values, self._starts, axis=-1)
        return reduced


def _normal_equations(rows: Array) -> Array:
    """Contributions (9, N) of observations, rows (2, 4, N), to the normal equations of their points."""
    left, right = rows[:, :3], -rows[:, 3]
    normal = [(left[:, i] * left[:, j]).sum(axis=0) for i, j in UPPER_TRIANGLE]
    return np.stack([*normal, *(left * right[:, None]).sum(axis=0)])


def _solve(sums: Array) -> tuple[Array, Array]:
    """Points (M, 3) and the inverses (M, 3, 3) of their normal matrices, from sums (9, M) over their observations."""
    normal = np.empty((sums.shape[1], 3, 3))
    for (i, j), value in zip(UPPER_TRIANGLE, sums[:6], strict=True):
        normal[:, i, j] = normal[:, j, i] = value
    inverse = _inverse(normal)
    return np.einsum("mij,jm->mi", inverse, sums[6:]), inverse


def _inverse(matrix: Array) -> Array:
    """Inverses of symmetric (M, 3, 3), NaN where singular; by cofactors, faster than a library call for each."""
    a, b, c = matrix.transpose(1, 0, 2)
    columns = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=2)
    determinant = (a * columns[:, :, 0]).sum(axis=1)
    scale = np.trace(matrix, axis1=1, axis2=2)
    return np.asarray(columns / np.where(determinant > 1e-15 * scale**3, determinant, np.nan)[:, None, None])


def _spread(points: Array, centres: Array, observations: _Observations) -> tuple[Array, Array, Array]:
    """Twice the largest angle of a track's rays from their mean, that mean (3, M), and the mean distance.

    ``centres`` (3, N) are those of the camera of each observation.
    """
    rays = np.take(points.T, observations.track, axis=1) - centres
    length = np.sqrt((rays**2).sum(axis=0))
    rays = rays / length
    mean = observations.reduce(np.add, rays)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = mean / np.linalg.norm(mean, axis=0)
        distance = observations.reduce(np.add, length) / observations.counts
    apart = np.sqrt(((rays - np.take(mean, observations.track, axis=1)) ** 2).sum(axis=0))
    away = 2 * np.arcsin(np.clip(apart / 2, 0, 1))
    return 2 * observations.reduce(np.maximum, np.nan_to_num(away)), mean, distance
