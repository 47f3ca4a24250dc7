"""The class of a clip's camera motion, from its pairs of frames that lie furthest apart, before anything is mapped.

Models are compared by the geometric robust information criterion (Torr 1998),
GRIC = sum min(e^2 / s^2, 2 (r - d)) + d n ln 4 + k ln 4n, with n points, r = 4 data dimensions, d the dimension of
the model's manifold and k its parameters: a rotation is a point map (d = 2, k = 3), a rotation with a zoom has k = 5
(both focal lengths), a plane k = 8, a moving camera is an epipolar geometry (d = 3, k = 5; 7 where the focal length is
unknown).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from scipy.optimize import minimize_scalar

from parascale.solve.motion.rotation_fit import RotationFit, estimate_homography, fit_rotation
from parascale.solve.motion.strays import lie_above, lie_below, share_of_cells, share_of_parallax, surround
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array, Mask

Motion = Literal["static", "rotation-only", "zoom", "general"]

# Over the picture's width: where the focal length is unknown, the search for that of a rotation starts at these.
FOCAL_GUESSES = (0.28, 0.4, 0.55, 0.75, 1.0, 1.4, 2.0, 3.0)
# Step of ln f by which the curvature of its cost is measured, and how many points tell as much as one alone.
FOCAL_STEP, SHARED_EVIDENCE = 0.1, 12.0
MIN_SHARED = 40
# Working pixels: bounds of the noise of an observation.
MIN_NOISE, MAX_NOISE = 0.25, 1.0
# Below this displacement (working pixels) a point is at rest; above this share of such points so is the camera.
MAX_STILL_DISPLACEMENT = 0.4
MIN_STILL_SHARE = 0.5
# Below clouds that move this share suffices; a point that moves by this many times the displacement does not rest.
MIN_GROUND_SHARE, MOVING_RATIO = 0.2, 3.0
# A smaller change of focal length is the noise of a constant one.
MIN_ZOOM = 1.05
# Share of outliers, points that move by themselves, before a camera that rotates or zooms.
MAX_OUTLIER_SHARE = 0.3
# A turn, or a zoom, with more outliers holds where these shares of the points follow it in every pair, in so many cells
# of the picture, and where the outliers are movers: no more than this share of them lies on lines through one place.
# Of a camera that travels 0.79 to 1 do, of limbs and of walkers 0.24 to 0.5. A zoom is only refused: fewer suffice.
MIN_TURNING_SHARE, MIN_ZOOMING_SHARE, MIN_FOLLOWING_CELLS = 0.55, 0.35, 0.3
MIN_STRAY_SHARE, MAX_PARALLAX_SHARE = 0.05, 0.6
# The score of a zoom may exceed that of a model with more parameters by this factor.
SCORE_TOLERANCE = 1.02
# A rotation whose errors could hide a larger step, as a share of the depth and per frame, is no evidence of rest.
MAX_HIDDEN_PARALLAX = 1.5e-3
# Two things move where at least this share of the points follows the rotation, as many move far beyond the noise, and
# at most this share lies in between: tracks that slip along the edge of a car that fills half of the view were 5 to 8 %
# of all in one clip; of real clips of moving cameras, most pairs have 10 % and more. What is left out as a body has
# fewer.
MIN_PART_SHARE, MAX_SHARE_BETWEEN_PARTS, MAX_SHARE_BETWEEN, MIN_SEPARATION = 0.15, 0.08, 0.06, 16.0
# In between: errors above the first (times the noise) and below the second (times the moving part's error).
OUTLIER_THRESHOLD, MOVING_THRESHOLD = 4.0, 0.4
# What moves by less than this many times the limit of an outlier may be a track that slips.
SLIP_RATIO = 3.0
# The scene behind a body that passes moves by less than this share of what the body moves by.
MAX_REST_SHARE = 0.1
# Its errors spread along the body's way by no more than this times as much as across it: 0.4 to 1.1 behind lorries, 1.6
# and more in a far scene that the camera itself goes past. Working pixels: a smaller spread across is none.
MAX_REST_STRETCH, MIN_REST_SPREAD = 1.4, 0.05
# Working pixels: the noise of one rigid part, also where the whole is not rigid.
TYPICAL_NOISE = 0.4


@dataclass(frozen=True)
class MotionClass:
    """The class of a motion and its evidence.

    Attributes
    ----------
    motion : "static", "rotation-only", "zoom" or "general"
    focal : float
        The focal length, in working pixels, that the class was found with.
    scores : dict
        GRIC of each model, summed over the pairs; the lowest wins.
    zoom : float
        Largest change of focal length found between two frames, as a ratio of at least 1.
    hidden_parallax : float
        The P per frame that the errors of a rotation could hide.
    noise : float
        Working pixels: distance of the matches from the epipolar geometry of their two frames.
    rejection_reason : str or None
        Why the class is not reliable.
    focal_spread : float
        Standard deviation of ln of the focal length, as far as turns determine it.
    """

    motion: Motion
    focal: float
    scores: dict[str, float]
    zoom: float = 1.0
    hidden_parallax: float = 0.0
    noise: float = 0.0
    rejection_reason: str | None = None
    focal_spread: float = float("inf")


def classify_motion(tracks: Tracks, focal: float | None, width: float) -> MotionClass:
    """Classify the camera motion of a clip.

    Parameters
    ----------
    tracks : Tracks
        Working pixels from the principal point.
    focal : float or None
        Working pixels, where known.
    width : float
        Of the working picture, pixels.
    """
    frames = list(widest_pairs(tracks))
    pairs = [tracks.pair(a, b)[:2] for a, b in frames]
    if not pairs:
        lost = "loses what it shows too soon to classify its motion"
        return MotionClass("general", focal or width, {}, rejection_reason=lost)
    displacements = [np.hypot(*(second - first).T) for first, second in pairs]
    if all(_camera_rests(first, moved) for (first, _), moved in zip(pairs, displacements, strict=True)):
        return MotionClass("static", focal or width, {})
    epipolar = [_epipolar_error(first, second, focal) for first, second in pairs]
    measured = float(np.median([1.4826 * np.median(e) for e in epipolar]))
    noise = float(np.clip(measured, MIN_NOISE, MAX_NOISE))
    rotation_focal, spread = (focal, 0.0) if focal is not None else _estimate_focal(pairs, width, noise)
    starts = [estimate_homography(a, b) for a, b in pairs]

    def fit_pairs(focal: float, zooms: bool) -> list[RotationFit]:
        matches = zip(pairs, starts, strict=True)
        return [fit_rotation(a, b, focal, zooms=zooms, scale=2 * noise, start=start) for (a, b), start in matches]

    rotations = fit_pairs(rotation_focal, zooms=False)
    # Not from the focal length of the rotation, which a zoom drives to a limit.
    zooms = fit_pairs(focal or width, zooms=True)
    # Both ends of a match carry noise, so the error of a point map counts half.
    scores = {
        "general": sum(_gric(e**2, noise, 3, 5 if focal is not None else 7) for e in epipolar),
        "plane": sum(_gric(_plane_error(a, b, noise) ** 2 / 2, noise, 2, 8) for a, b in pairs),
        "rotation-only": sum(_gric((fit.error**2).sum(axis=1) / 2, noise, 2, 3) for fit in rotations),
        "zoom": sum(_gric((fit.error**2).sum(axis=1) / 2, noise, 2, 5) for fit in zooms),
    }
    change = max(max(fit.zoom, 1 / fit.zoom) for fit in zooms)
    # Many points that only a moving camera explains are no outliers by chance.
    limit = OUTLIER_THRESHOLD * min(noise, TYPICAL_NOISE)
    for name, fits in (("rotation-only", rotations), ("zoom", zooms)):
        if np.median([(np.hypot(*fit.error.T) > limit).mean() for fit in fits]) > MAX_OUTLIER_SHARE:
            scores[name] = float("inf")
    motion = _select_motion(scores, change, focal is not None)
    if _holds(pairs, rotations, noise, MIN_TURNING_SHARE, bodies=True):
        motion = "rotation-only"
    elif change > MIN_ZOOM and _holds(pairs, zooms, noise, MIN_ZOOMING_SHARE, bodies=False):
        motion = "zoom"
    errors = np.array([1.4826 * np.median(np.hypot(*fit.error.T)) for fit in rotations])
    hidden = float(np.median(errors / rotation_focal / np.array([abs(b - a) for a, b in frames])))
    reason: str | None = None
    if motion == "rotation-only" and hidden > MAX_HIDDEN_PARALLAX:
        reason = "is too blurred or noisy to tell a turn of the camera from a move"
    moving = [_splits_in_two(first, second - first, noise) for first, second in pairs]
    rotating = [_splits_in_two(a, fit.error, noise) for (a, _), fit in zip(pairs, rotations, strict=True)]
    if motion == "general" and max(float(np.mean(moving)), float(np.mean(rotating))) > 0.5:
        reason = "shows one part that moves with the camera's turns and another that does not, as a subject does"
    return MotionClass(motion, rotation_focal, scores, change, hidden, measured, reason, spread)


def _select_motion(scores: dict[str, float], change: float, known: bool) -> Motion:
    # A plane has three parameters more than a zoom, an epipolar geometry two where the focal length is unknown: noise
    # alone makes use of them.
    general = scores["general"] * (1 if known else SCORE_TOLERANCE)
    if change > MIN_ZOOM and scores["zoom"] < min(scores["rotation-only"], general, SCORE_TOLERANCE * scores["plane"]):
        return "zoom"
    return "rotation-only" if scores["rotation-only"] < min(scores["general"], scores["plane"]) else "general"


def _camera_rests(points: Array, moved: Array) -> bool:
    """Whether points (N, 2) that moved by so many pixels (N,) are seen by a camera at rest.

    Most of them rest, and what moves is not the ground; or fewer, where all that moves lies above, as clouds do.
    """
    rests, strays = moved < MAX_STILL_DISPLACEMENT, moved > MOVING_RATIO * MAX_STILL_DISPLACEMENT
    clear = rests | strays
    below, above = lie_below(points[clear], strays[clear]), lie_above(points[clear], strays[clear])
    if rests.mean() > MIN_STILL_SHARE:
        return not below or strays.mean() < MIN_PART_SHARE / 3
    return above and rests.mean() > MIN_GROUND_SHARE


def _holds(
    pairs: list[tuple[Array, Array]], fits: list[RotationFit], noise: float, least: float, *, bodies: bool
) -> bool:
    """Whether a turn, or a zoom, explains most points all over the picture in every pair, and the others are movers.

    Before a turn these may be one body that passes; before a zoom it may be what stands before a wall.
    """
    limit = OUTLIER_THRESHOLD * min(noise, TYPICAL_NOISE)
    movers = []
    for (points, seconds), fit in zip(pairs, fits, strict=True):
        follows = np.hypot(*fit.error.T) < limit
        if follows.mean() < least or share_of_cells(points, follows) < MIN_FOLLOWING_CELLS:
            return False
        if lie_below(points, ~follows):
            return False
        strays = np.hypot(*fit.error.T) > 2 * limit
        if strays.mean() > MIN_STRAY_SHARE:
            apart = share_of_parallax(points[strays], fit.error[strays]) < MAX_PARALLAX_SHARE
            movers.append(apart or (bodies and _is_body(points, seconds - points, fit.error, strays, noise)))
    return len(movers) > len(pairs) / 2 and float(np.mean(movers)) > 0.5


def _is_body(points: Array, moved: Array, error: Array, strays: Mask, noise: float) -> bool:
    """Whether the strays among points (N, 2) move as a body that passes before a scene.

    It moves along lines, as the near field of a travelling camera does. But the rest hardly moves, as it would if the
    camera were carried, and not along the same lines, as the far field does; it holds the corners of the picture, and
    nothing lies in between.
    """
    length, limit = np.hypot(*error.T), OUTLIER_THRESHOLD * min(noise, TYPICAL_NOISE)
    # Tracks that slip on poor texture, and shadows, wander by little: they are neither part.
    moving = length > SLIP_RATIO * limit
    if not moving.any() or np.median(length[moving]) < MIN_SEPARATION * noise:
        return False
    if np.median(np.hypot(*moved[~strays].T)) > MAX_REST_SHARE * np.median(length[moving]):
        return False
    if _stretch(error[~strays], np.median(error[moving], axis=0)) > MAX_REST_STRETCH:
        return False
    between = moving & (length < MOVING_THRESHOLD * np.median(length[moving]))
    apart = float(between.mean()) < MAX_SHARE_BETWEEN
    return apart and surround(points, ~strays) and not surround(points, strays)


def _stretch(error: Array, way: Array) -> float:
    """Spread of errors (N, 2) along a way (2,), over that across it."""
    along, across = (np.median(np.abs(each - np.median(each))) for each in (error @ way, error @ [-way[1], way[0]]))
    return float(along / max(across, MIN_REST_SPREAD * np.hypot(*way) / 1.4826))


def _splits_in_two(points: Array, error: Array, noise: float) -> bool:
    """Whether points (N, 2) split into some with errors (N, 2) of noise alone, and some that move far more.

    Ground below a far horizon splits so too, but along a line: all of it lies below what rests.
    """
    length = np.hypot(*error.T)
    noise = min(noise, TYPICAL_NOISE)
    rests = length < OUTLIER_THRESHOLD * noise
    if not MIN_PART_SHARE < rests.mean() < 1 - MIN_PART_SHARE:
        return False
    moving = float(np.median(length[~rests]))
    between = ~rests & (length < MOVING_THRESHOLD * moving)
    if moving < MIN_SEPARATION * noise or between.mean() > MAX_SHARE_BETWEEN_PARTS:
        return False
    return not lie_below(points, ~rests)


def widest_pairs(tracks: Tracks) -> Iterator[tuple[int, int]]:
    """For frames all over the clip, the frame in which their shared points have moved furthest."""
    seen, count = tracks.seen, len(tracks.positions)
    for a in np.unique(np.linspace(0, count - 1, 6).astype(int)):
        # Photos far apart share fewer points than frames of a film.
        enough = max(MIN_SHARED, (0.1 if tracks.matched else 0.3) * seen[a].sum())
        best, widest = None, 0.0
        for b in np.unique(np.linspace(0, count - 1, 25).astype(int)):
            first, second, both = tracks.pair(int(a), int(b))
            if b == a or len(both) < enough:
                continue
            moved = float(np.quantile(np.hypot(*(second - first).T), 0.7))
            if best is None or moved > widest:
                best, widest = int(b), moved
        if best is not None:
            yield int(a), best


def _estimate_focal(pairs: list[tuple[Array, Array]], width: float, noise: float) -> tuple[float, float]:
    """Search the focal length that explains the pairs best as rotations; and the standard deviation of its logarithm.

    The curvature of the cost over ln f is the inverse of its variance. At an end of the search nothing is known.
    """
    starts = [estimate_homography(a, b) for a, b in pairs]

    def cost(log_focal: float) -> float:
        focal = float(np.exp(log_focal))
        errors = (fit_rotation(a, b, focal, start=start).error for (a, b), start in zip(pairs, starts, strict=True))
        return float(sum(np.log1p((error**2).sum(axis=1) / noise**2).sum() for error in errors))

    guesses = np.log(width * np.array(FOCAL_GUESSES))
    best = int(np.argmin([cost(guess) for guess in guesses]))
    bounds = guesses[max(best - 1, 0)], guesses[min(best + 1, len(guesses) - 1)]
    found = float(minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 2e-3}).x)
    rise = min(cost(found + step) for step in (-FOCAL_STEP, FOCAL_STEP)) - cost(found)
    at_end = min(found - guesses[0], guesses[-1] - found) < FOCAL_STEP / 2
    # The pairs share their frames, and neighbouring points their error.
    spread = FOCAL_STEP * np.sqrt(SHARED_EVIDENCE / (2 * rise)) if rise > 0 and not at_end else np.inf
    return float(np.exp(found)), float(spread)


def _gric(squared: Array, noise: float, dimension: int, parameters: int) -> float:
    count = len(squared)
    fit = np.minimum(squared / noise**2, 2.0 * (4 - dimension)).sum()
    return float(fit + dimension * count * np.log(4) + parameters * np.log(4 * count))


def _plane_error(first: Array, second: Array, noise: float) -> Array:
    homography = cv2.findHomography(first, second, cv2.RANSAC, 4 * noise, maxIters=1000)[0]
    if homography is None:
        return np.full(len(first), np.inf)
    mapped = cv2.perspectiveTransform(first[None], homography)[0]
    return np.asarray(np.hypot(*(second - mapped).T))


def _epipolar_error(first: Array, second: Array, focal: float | None) -> Array:
    """Sampson distance (N,) in working pixels to the epipolar geometry of most points."""
    limit = 1.5
    try:
        if focal is None:
            matrix = cv2.findFundamentalMat(first, second, cv2.USAC_MAGSAC, limit, 0.999, 3000)[0]
        else:
            rays = first / focal, second / focal
            matrix = cv2.findEssentialMat(*rays, np.eye(3), cv2.USAC_MAGSAC, 0.999, limit / focal, 3000)[0]
    except cv2.error:  # it asserts that some model was found
        matrix = None
    if matrix is None or matrix.shape != (3, 3):
        return np.full(len(first), np.inf)
    if focal is not None:
        k = np.diag([1 / focal, 1 / focal, 1.0])
        matrix = k @ matrix @ k
    a, b = np.column_stack([first, np.ones(len(first))]), np.column_stack([second, np.ones(len(second))])
    line_b, line_a = a @ matrix.T, b @ matrix
    slope = np.sqrt((line_b[:, :2] ** 2).sum(axis=1) + (line_a[:, :2] ** 2).sum(axis=1))
    return np.asarray(np.abs((b * line_b).sum(axis=1)) / np.maximum(slope, 1e-15))
