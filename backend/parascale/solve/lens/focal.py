"""The focal length, as far as the motion determines it."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from parascale.solve.reconstruction.adjustment import Adjustment, adjust_bundle
from parascale.solve.reconstruction.triangulation import camera_centres, triangulate
from parascale.solve.tracking.tracks import sample_tracks
from parascale.types import Array, Json, Mask

log = logging.getLogger(__name__)

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
# ln f over that of the ordinary lens (8 to 230 mm), at which the cost is measured where it has no plain minimum, and
# the logarithm by which a lens must be less likely than another to end the search. Costs that differ by less than this
# share are alike. The posterior is interpolated to so many values.
LENS_STEPS = 0.3 * np.arange(-4, 8)
UNLIKELY = 5.0
SAME_COST = 0.02
FINE_STEPS = 481


@dataclass(frozen=True, eq=False)
class FocalEvidence:
    """How well the motion determines the focal length.

    Attributes
    ----------
    spread : float
        Standard deviation of ln f by the motion alone; inf where that has no best value.
    sensitivity : (K - 1,) float64
        |d ln P / d ln f| between keyframes, from fits at other focal lengths: 1 where the camera moves sideways, 0
        where it moves along its axis.
    posterior_spread : float or None
        Standard deviation of ln f by the motion and the ordinary lens together, where they were multiplied value by
        value; None where both are normal distributions.
    """

    spread: float
    sensitivity: Array
    posterior_spread: float | None = None

    @property
    def observable(self) -> bool:
        """Whether the motion determines it."""
        return self.spread < MAX_OBSERVABLE_SPREAD

    @property
    def remaining_spread(self) -> float:
        """Standard deviation of ln f of the focal length taken: estimated, or weighed against an assumed one."""
        if self.observable:
            return float(np.hypot(self.spread, COMMON_SPREAD))
        if self.posterior_spread is not None:
            return float(np.hypot(self.posterior_spread, COMMON_SPREAD))
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
    Then the cost is measured at focal lengths all over the range of lenses: it may rule out one side and be flat on
    the other, which has no curvature and says much.

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
        it is the mean of the posterior, and the poses are refined with it.
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

    def fit(tried: float, start: Adjustment) -> Adjustment:
        poses, points = _stretch(start, tried)
        return adjust_bundle(positions, poses, points, inliers, tried, max_iterations=ITERATIONS, threads=threads)

    sides = [fit(focal * np.exp(step), found) for step in (-LOG_FOCAL_STEP, LOG_FOCAL_STEP)]
    cost_scale = found.cost / max(int(inliers.sum()), 1) * CORRELATED_OBSERVATIONS
    curvature = (sum(side.cost for side in sides) - 2 * found.cost) / LOG_FOCAL_STEP**2 / max(cost_scale, 1e-12)
    spread = float(1 / np.sqrt(curvature)) if curvature > 0 else float("inf")
    if not np.isfinite(spread):
        return _average_lenses(fit, found, guess, max(cost_scale, 1e-12), inliers)
    low, high = (log_parallax(side, inliers) for side in sides)
    if spread < MAX_OBSERVABLE_SPREAD:
        spread = max(spread, _spread_of_halves(positions, poses, points, inliers, focal, threads))
    evidence = FocalEvidence(spread, np.abs(high - low) / (2 * LOG_FOCAL_STEP))
    if not evidence.observable:
        found = fit(evidence.weigh(focal, guess), found)
    return found.world_to_camera, found.focal, evidence


def _average_lenses(
    fit: Callable[[float, Adjustment], Adjustment],
    best: Adjustment,
    guess: float,
    cost_scale: float,
    inliers: Mask,
) -> tuple[Array, float, FocalEvidence]:
    """Multiply the likelihood of focal lengths with that of an ordinary lens, and take the mean of ln f."""
    lenses = _fit_lenses(fit, best, guess, cost_scale)
    steps = np.array(sorted(lenses))
    fits = [lenses[step] for step in steps.tolist()]
    fine = np.linspace(steps[0], steps[-1], FINE_STEPS)
    # Fits whose costs differ by little cannot be told apart: an adjustment ends there.
    least = min(each.cost for each in fits) * (1 + SAME_COST)
    log_posterior = [
        -max(each.cost - least, 0.0) / cost_scale - 0.5 * (step / LENS_SPREAD) ** 2
        for step, each in zip(steps.tolist(), fits, strict=True)
    ]
    log_weight = PchipInterpolator(steps, log_posterior)(fine)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = float(weight @ fine)
    deviation = float(np.sqrt(weight @ (fine - mean) ** 2))
    parallax = PchipInterpolator(steps, np.stack([log_parallax(each, inliers) for each in fits]))(fine)
    sensitivity = np.sqrt(weight @ (parallax - weight @ parallax) ** 2) / max(deviation, 1e-6)
    found = fit(guess * float(np.exp(mean)), fits[int(np.abs(steps - mean).argmin())])
    log.debug("lenses %s: %s, mean %.3f +- %.3f", steps, np.round(log_posterior, 1), mean, deviation)
    return found.world_to_camera, found.focal, FocalEvidence(float("inf"), sensitivity, deviation)


def _fit_lenses(
    fit: Callable[[float, Adjustment], Adjustment], best: Adjustment, guess: float, cost_scale: float
) -> dict[float, Adjustment]:
    """Fit other focal lengths, by ln f over the guess: outwards from the best one while they are at all likely."""
    first = int(np.abs(LENS_STEPS - np.log(best.focal / guess)).argmin())
    fits = {float(LENS_STEPS[first]): fit(guess * float(np.exp(LENS_STEPS[first])), best)}
    likeliest = _log_posterior(fits[float(LENS_STEPS[first])], float(LENS_STEPS[first]), cost_scale)
    for way in (LENS_STEPS[first + 1 :], LENS_STEPS[:first][::-1]):
        nearest = fits[float(LENS_STEPS[first])]
        for step in way.tolist():
            nearest = fits[step] = fit(guess * float(np.exp(step)), nearest)
            here = _log_posterior(nearest, step, cost_scale)
            likeliest = max(likeliest, here)
            if here < likeliest - UNLIKELY:
                break
    return fits


def _log_posterior(fit: Adjustment, step: float, cost_scale: float) -> float:
    return -fit.cost / cost_scale - 0.5 * (step / LENS_SPREAD) ** 2


def _stretch(fit: Adjustment, focal: float) -> tuple[Array, Array]:
    """Poses and points that look nearly alike with another focal length: all depths grow with it.

    Exactly alike where the camera does not turn, and there an adjustment does not find the way by itself.
    """
    first = fit.world_to_camera[0]
    grown = np.diag([1.0, 1.0, focal / fit.focal])

    def stretch(world: Array) -> Array:
        return np.asarray(((world @ first[:, :3].T + first[:, 3]) @ grown - first[:, 3]) @ first[:, :3])

    poses = fit.world_to_camera.copy()
    poses[:, :, 3] = -np.einsum("tij,tj->ti", poses[:, :, :3], stretch(camera_centres(poses)))
    return poses, stretch(fit.points)


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


def log_parallax(fit: Adjustment, inliers: Mask) -> Array:
    """Logarithm of P between keyframes (K - 1,), with the median depth of the inliers for Z."""
    axis = fit.world_to_camera[:, 2]
    depth = np.where(inliers, axis[:, :3] @ fit.points.T + axis[:, 3:], np.nan)
    steps = np.linalg.norm(np.diff(camera_centres(fit.world_to_camera), axis=0), axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a frame without inliers
        middle = np.nan_to_num(np.nanmedian(depth, axis=1)[:-1])
    return np.asarray(np.log(np.maximum(steps, 1e-12)) - np.log(np.maximum(middle, 1e-12)))


def triangulate_inliers(positions: Array, poses: Array, focal: float) -> tuple[Array, Mask]:
    """Triangulate points (M, 3) from keyframes, and mark their inliers (K, M)."""
    structure = triangulate(positions / focal, poses, focal)
    inliers = structure.residuals < MAX_REPROJECTION_ERROR
    return structure.points, inliers & (inliers.sum(axis=0) >= 3)
