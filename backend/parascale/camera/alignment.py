"""The similarity that lays one set of points on another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from parascale.errors import InputError
from parascale.types import Array

# Singular values below this share of the largest are rounding: the points span no such direction.
RANK_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Similarity:
    """x -> scale * rotation @ x + translation, with rotation (3, 3) and translation (3,)."""

    scale: float
    rotation: Array
    translation: Array

    def apply(self, points: ArrayLike) -> Array:
        """Map points of shape (N, 3)."""
        mapped: Array = self.scale * np.asarray(points, np.float64) @ self.rotation.T + self.translation
        return mapped


def align_similarity(source: ArrayLike, target: ArrayLike) -> Similarity:
    """Least-squares similarity from source to target, points (N, 3) that belong together (Umeyama 1991).

    Points on a line or in one place leave rotations undetermined; of these the one nearest the identity is chosen.
    A source in one place is only moved (scale 1).

    Raises
    ------
    InputError
        Where the two differ in shape or are empty or not finite.
    """
    x, y = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if x.shape != y.shape or x.ndim != 2 or x.shape[1] != 3 or len(x) == 0:
        raise InputError(f"points of shape {x.shape} cannot be aligned with points of shape {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("points that are not finite cannot be aligned")
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    covariance = (y - y_mean).T @ (x - x_mean)
    rotation = _best_rotation(covariance)
    variance = float(np.sum((x - x_mean) ** 2))
    scale = float(np.sum(rotation * covariance)) / variance if variance > 0 else 1.0
    return Similarity(scale, rotation, y_mean - scale * rotation @ x_mean)


def _best_rotation(covariance: Array) -> Array:
    """Rotation R of largest tr(R^T C), and of those the nearest to the identity."""
    u, singular, vt = np.linalg.svd(covariance)
    fixed = min(int(np.sum(singular > RANK_TOLERANCE * singular[0])), 2) if singular[0] > 0 else 0
    free_u, free_v = u[:, fixed:], vt[fixed:].T
    p, _, qt = np.linalg.svd(free_u.T @ free_v)
    p[:, -1] *= np.sign(np.linalg.det(u) * np.linalg.det(vt) * np.linalg.det(p @ qt))
    rotation: Array = u[:, :fixed] @ vt[:fixed] + free_u @ (p @ qt) @ free_v.T
    return rotation
