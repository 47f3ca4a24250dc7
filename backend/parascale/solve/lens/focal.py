"""The focal length, as far as the motion determines it."""

from dataclasses import dataclass

import numpy as np

from parascale.solve.reconstruction.adjustment import Adjustment, adjust_bundle
from parascale.solve.reconstruction.triangulation import camera_centres, triangulate
from parascale.solve.tracking.tracks import sample_tracks
from parascale.types import Array, Json, Mask

# Step of ln f by which the curvature of the cost is measured.
LOG_FOCAL_STEP = 0.12
MAX_ROUNDS = 4
# A round that changes ln f by less is the last.
MIN_CHANGE = 0.005
ITERATIONS = 25
# Working pixels: large, because a wrong focal length bends the path before it is refined.
MAX_REPROJECTION_ERROR = 5.0
OBSERVATIONS_PER_FRAME = 400
# Neighbouring observations of a track share their error: this many count as one.
CORRELATED_OBSERVATIONS = 12.0
# A larger standard deviation of ln f is not observable: the estimate is weighed against an ordinary lens.
MAX_OBSERVABLE_SPREAD = 0.05
# The difference of ln f between halves, over the standard deviation of the whole, and keyframes of a half.
HALVES_TO_WHOLE, MIN_HALF = 4.0, 4
# Standard deviation of ln f that no cost shows, from tracks that drift alike: of 14 estimates on rendered clips the
# error is 0.021 in the root mean square, where their spreads make 0.015.
COMMON_SPREAD = 0.015
# Standard deviation of ln f of lenses around an ordinary one: 50 mm is less than two of them from 28 mm.
LENS_SPREAD = 0.35


@dataclass(frozen=True, eq=False)
class FocalEvidence:
    """How well the motion determines the focal length.

    Attributes
    ----------
    spread : float
        Standard deviation of ln f; inf where the motion does not depend on it.
    sensitivity : (K - 1,) float64
        |d ln P / d ln f| between keyframes, from the fits around the best one: 1 where the camera moves sideways, 0
        where it moves along its axis.
    """

    spread: float
    sensitivity: Array

    @property
    def observable(self) -> bool:
        """Whether the motion determines it."""
        return self.spread < MAX_OBSERVABLE_SPREAD

    @property
    def remaining_spread(self) -> float:
        """Standard deviation of ln f of the focal length taken: estimated, or weighed against an assumed one."""
        if self.observable:
            return float(np.hypot(self.spread, COMMON_SPREAD))
        return 1 / float(np.hypot(1 / LENS_SPREAD, 1 / self.spread))

    def weigh(self, estimated: float, assumed: float) -> float:
        """Average the estimated and the assumed focal length, each weighted by its variance."""
        trust = LENS_SPREAD**2 / (LENS_SPREAD**2 + self.spread**2)  # 0 where the spread is infinite
        return float(assumed * (estimated / assumed) ** trust)

    def choose(self, estimated: float, assumed: float) -> float:
        """Return the estimated focal length where it is observable, else its average with the assumed one."""
        return estimated if self.observable else self.weigh(estimated, assumed)

    def interval(self, focal: float) -> list[Json] | None:
        """95 % interval around a focal length, in its unit; None where it is not observable."""
        if not self.observable:
            return None
        return [focal * float(np.exp(-2 * self.spread)), focal * float(np.exp(2 * self.spread))]


def estimate_focal_length(
    positions: Array, world_to_camera: Array, focal: float, *, seed: int, threads: int
) -> tuple[Array, float, FocalEvidence]:
    """Refine poses together with their focal length, and measure how well the motion determines it.

    The cost of a fit is half its squared error over the variance, and its curvature over ln f the inverse of the
    variance of ln f. Where the camera does not turn, focal length trades against depth, and the curvature vanishes.

    Parameters
    ----------
    positions : (K, M, 2) float64
        Working pixels from the principal point, NaN where not observed.
    world_to_camera : (K, 3, 4) float64
        Poses estimated with the focal length below.
    focal : float
        Working pixels: the initial guess.

    Returns
    -------
    (K, 3, 4) float64, float, FocalEvidence
        Poses and focal length of the best fit, and the evidence. Where the motion does not determine the focal length,
        it lies between the best and the guess, and the poses are refined with it.
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

    def fit(tried: float) -> Adjustment:
        return adjust_bundle(positions, poses, points, inliers, tried, max_iterations=ITERATIONS, threads=threads)

    middle = found.cost
    sides = [fit(focal * np.exp(step)) for step in (-LOG_FOCAL_STEP, LOG_FOCAL_STEP)]
    variance = 2 * middle / max(2 * int(inliers.sum()), 1)
    curvature = (sum(side.cost for side in sides) - 2 * middle) / LOG_FOCAL_STEP**2
    curvature /= max(variance, 1e-12) * CORRELATED_OBSERVATIONS
    low, high = (_log_parallax(side, inliers) for side in sides)
    sensitivity = np.abs(high - low) / (2 * LOG_FOCAL_STEP)
    spread = float(1 / np.sqrt(curvature)) if curvature > 0 else float("inf")
    if spread < MAX_OBSERVABLE_SPREAD:
        spread = max(spread, _spread_of_halves(positions, poses, points, inliers, focal, threads))
    evidence = FocalEvidence(spread, sensitivity)
    if evidence.observable:
        return poses, focal, evidence
    focal = evidence.weigh(focal, guess)
    if not np.isfinite(evidence.spread):
        return world_to_camera, focal, evidence
    found = adjust_bundle(positions, poses, points, inliers, focal, max_iterations=ITERATIONS, threads=threads)
    return found.world_to_camera, focal, evidence


def _spread_of_halves(
    positions: Array, poses: Array, points: Array, inliers: Mask, focal: float, threads: int
) -> float:
    """Estimate the standard deviation of ln f from the two halves of the keyframes, each for itself.

    The curvature of one cost knows nothing of what moves by itself, nor of a path that was bent to fit: they pull the
    halves apart. A half knows less than the whole, so their difference counts by a share.
    """
    half = len(poses) // 2
    if half < MIN_HALF:
        return 0.0
    found = [
        adjust_bundle(
            positions[part], poses[part], points, inliers[part], focal,
            refine_focal=True, max_iterations=ITERATIONS, threads=threads,
        ).focal
        for part in (slice(None, half), slice(half, None))
    ]  # fmt: skip
    return float(abs(np.log(found[0] / found[1]))) / HALVES_TO_WHOLE


def _log_parallax(fit: Adjustment, inliers: Mask) -> Array:
    """Logarithm of P between keyframes (K - 1,), with the median depth of the inliers for Z."""
    axis = fit.world_to_camera[:, 2]
    depth = np.where(inliers, axis[:, :3] @ fit.points.T + axis[:, 3:], np.nan)
    steps = np.linalg.norm(np.diff(camera_centres(fit.world_to_camera), axis=0), axis=1)
    found: Array = np.log(np.maximum(steps, 1e-12)) - np.log(np.maximum(np.nanmedian(depth, axis=1)[:-1], 1e-12))
    return found


def triangulate_inliers(positions: Array, poses: Array, focal: float) -> tuple[Array, Mask]:
    """Triangulate points (M, 3) from keyframes, and mark their inliers (K, M)."""
    structure = triangulate(positions / focal, poses, focal)
    inliers = structure.residuals < MAX_REPROJECTION_ERROR
    return structure.points, inliers & (inliers.sum(axis=0) >= 3)
