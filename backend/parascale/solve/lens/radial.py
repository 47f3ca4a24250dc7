"""Radial distortion of one parameter, where the residuals show it.

x_d = x_u (1 + k1 |x_u|^2) in focal-normalised image coordinates, COLMAP's SIMPLE_RADIAL.
"""

import numpy as np

from parascale.solve.lens.focal import fitting_points
from parascale.solve.reconstruction.adjustment import adjust
from parascale.solve.tracking.tracks import Tracks, draw
from parascale.types import Array

# Sightings a keyframe by which it is told whether distortion shows, and then how much.
SIGHTINGS, MORE_SIGHTINGS = 150, 600
ITERATIONS = 8
# A parameter that takes less off the robust cost, or moves a corner less (working pixels), does not show. Clips without
# distortion were measured up to 0.013, what moves by itself up to 0.16: hence the share of sightings that must fit.
LEAST_GAIN, LEAST_SHIFT, LEAST_USED = 0.02, 1.0, 0.85
INVERSIONS = 12


def tell_radial(positions: Array, cam_from_world: Array, focal: float, *, seed: int, threads: int) -> float | None:
    """Find the radial distortion of a clip whose keyframes have been placed without.

    Parameters
    ----------
    positions : (K, M, 2) float64
        Working pixels from the principal point, NaN where not seen.
    cam_from_world : (K, 3, 4) float64
    focal : float
        Working pixels.

    Returns
    -------
    float or None
        k1; None where none shows.
    """
    some = _Sample(positions, cam_from_world, focal, SIGHTINGS, seed)
    plain, _ = some.fitted(None, threads)
    cost, k1 = some.fitted(0.0, threads)
    corner = float(np.nanmax(np.abs(some.positions), initial=0.0)) / focal
    if cost >= (1 - LEAST_GAIN) * plain or abs(k1) * corner**3 * focal <= LEAST_SHIFT:
        return None
    return _Sample(positions, cam_from_world, focal, MORE_SIGHTINGS, seed).fitted(k1, threads)[1]


class _Sample:
    """A draw of the sightings with their points, to be refined with distortion or without."""

    def __init__(self, positions: Array, cam_from_world: Array, focal: float, wanted: int, seed: int) -> None:
        self.positions = positions[:, draw(np.isfinite(positions[:, :, 0]), wanted, seed)]
        self._cameras, self._focal = cam_from_world, focal
        self._points, self._used = fitting_points(self.positions, cam_from_world, focal)

    def fitted(self, k1: float | None, threads: int) -> tuple[float, float]:
        """Robust cost and k1; without distortion where None."""
        found = adjust(
            self.positions,
            self._cameras,
            self._points,
            self._used,
            self._focal,
            k1=k1,
            max_iterations=ITERATIONS,
            threads=threads,
        )
        return found.cost, found.k1


def undistorted(tracks: Tracks, focal: float, k1: float) -> Tracks:
    """Tracks as a lens without distortion would show them; working pixels from the principal point."""
    seen = tracks.positions / focal
    straight = seen
    for _ in range(INVERSIONS):
        straight = seen / (1 + k1 * (straight**2).sum(axis=2, keepdims=True))
    return Tracks(straight * focal)
