"""What the motion tells of the focal length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.solve.reconstruction.adjustment import adjust_bundle
from parascale.solve.reconstruction.triangulation import triangulate
from parascale.solve.tracking.tracks import sample_tracks
from parascale.types import Array

# How far, in ln f, the answer is pulled aside to see how hard it pulls back.
LOG_FOCAL_STEP = 0.12
MAX_ROUNDS = 4
# A round that changes ln f by less was the last.
MIN_CHANGE = 0.005
ITERATIONS = 25
# Working pixels a sighting may be off where it is to tell the focal length: a wrong one bends the path first.
MAX_REPROJECTION_ERROR = 5.0
# Sightings a frame that are asked.
OBSERVATIONS_PER_FRAME = 400
MIN_ANGLE = np.radians(0.3)
# Neighbouring sightings of a track share their error: that many count as one.
CORRELATED_OBSERVATIONS = 12.0
# A standard deviation of ln f within this determines it; beyond, it is weighed against what lenses are like.
MAX_OBSERVABLE_SPREAD = 0.05
# How far lenses lie from an ordinary one, as a standard deviation of ln f: 50 mm is less than two of them from 28 mm.
LENS_SPREAD = 0.35


@dataclass(frozen=True)
class FocalEvidence:
    """How well the motion determines the focal length.

    Attributes
    ----------
    spread : float
        Standard deviation of ln f; inf where the motion says nothing.
    """

    spread: float

    @property
    def observable(self) -> bool:
        """Whether the motion determines it."""
        return self.spread < MAX_OBSERVABLE_SPREAD

    def weigh(self, estimated: float, assumed: float) -> float:
        """Focal length between what the motion tells and an ordinary lens, each by its variance."""
        trust = LENS_SPREAD**2 / (LENS_SPREAD**2 + self.spread**2)
        return float(assumed * (estimated / assumed) ** trust)

    def interval(self, focal: float) -> list[float] | None:
        """95 % interval around a focal length, in its unit; None where the motion says nothing."""
        if not self.observable:
            return None
        return [focal * float(np.exp(-2 * self.spread)), focal * float(np.exp(2 * self.spread))]


def estimate_focal_length(
    positions: Array, world_to_camera: Array, focal: float, *, seed: int, threads: int
) -> tuple[Array, float, FocalEvidence]:
    """Refine poses with their focal length, and see how much worse they fit with it held aside.

    The cost of a fit is half its squared error over the variance, and its curvature over ln f the inverse of the
    variance of ln f. Where the camera does not turn, focal length trades against depth, and the curvature vanishes.

    Parameters
    ----------
    positions : (K, M, 2) float64
        Working pixels from the principal point, NaN where not seen.
    world_to_camera : (K, 3, 4) float64
        Poses found with the focal length below.
    focal : float
        Working pixels, a guess.

    Returns
    -------
    (K, 3, 4) float64, float, FocalEvidence
        Poses and focal length that fit best, and what they are worth. Where the motion does not determine it, the
        focal length lies between the best and the guess, and the poses fit it.
    """
    poses, guess = world_to_camera, focal
    positions = positions[:, sample_tracks(np.isfinite(positions[:, :, 0]), OBSERVATIONS_PER_FRAME, seed)]
    for _ in range(MAX_ROUNDS):
        points, inliers = triangulate_inliers(positions, poses, focal)
        found = adjust_bundle(
            positions, poses, points, inliers, focal, refine_focal=True, max_iterations=ITERATIONS, threads=threads
        )
        change = abs(np.log(found.focal / focal))
        poses, focal, points = found.world_to_camera, found.focal, found.points
        if change < MIN_CHANGE:
            break

    def cost(tried: float) -> float:
        return adjust_bundle(positions, poses, points, inliers, tried, max_iterations=ITERATIONS, threads=threads).cost

    middle = found.cost
    sides = [cost(focal * np.exp(aside)) for aside in (-LOG_FOCAL_STEP, LOG_FOCAL_STEP)]
    variance = 2 * middle / max(2 * int(inliers.sum()), 1)
    curvature = (sum(sides) - 2 * middle) / LOG_FOCAL_STEP**2 / max(variance, 1e-12) / CORRELATED_OBSERVATIONS
    evidence = FocalEvidence(float(1 / np.sqrt(curvature)) if curvature > 0 else float("inf"))
    if evidence.observable:
        return poses, focal, evidence
    weigh = evidence.weigh(focal, guess)
    if not np.isfinite(evidence.spread):
        return world_to_camera, weigh, evidence
    found = adjust_bundle(positions, poses, points, inliers, weigh, max_iterations=ITERATIONS, threads=threads)
    return found.world_to_camera, weigh, evidence


def triangulate_inliers(positions: Array, poses: Array, focal: float) -> tuple[Array, NDArray[np.bool_]]:
    """Points (M, 3) triangulated from keyframes, and which sightings (K, M) could be theirs."""
    structure = triangulate(positions / focal, poses, focal)
    inliers = (structure.residuals < MAX_REPROJECTION_ERROR) & (structure.angle > MIN_ANGLE)
    return structure.points, inliers & (inliers.sum(axis=0) >= 3)
