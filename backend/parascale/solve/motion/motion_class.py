"""What kind of move a clip is, told from its widest pairs before anything is mapped.

Models are held against each other at equal footing by the geometric robust information criterion (Torr 1998),
GRIC = sum min(e^2 / s^2, 2 (r - d)) + d n ln 4 + k ln 4n, with n points, r = 4 data dimensions, d the dimension of
the model's manifold and k its parameters: a turn is a point map (d = 2, k = 3), a turn with a zoom one of k = 5 (from
what focal length to what), a plane one of k = 8, a moving camera an epipolar geometry (d = 3, k = 5; 7 where the focal
length is not known).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from scipy.optimize import minimize_scalar

from parascale.solve.motion.turning import Turn, fit_turn, robust_homography
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

Motion = Literal["static", "rotation-only", "zoom", "general"]

# Of the picture's width: where the focal length is not known, a turn is tried with these and then refined.
FOCALS = (0.55, 0.75, 1.0, 1.4, 2.0, 3.0)
MIN_SHARED = 40
# Working pixels: bounds of what the sightings of a point are off in the widest pairs.
LEAST_NOISE, MOST_NOISE = 0.25, 1.0
# Below this displacement (working pixels) a point stands still; above this share of such points so does the camera.
STILL = 0.4
STILL_SHARE = 0.5
# A focal length that changes by less is the noise of one that does not.
LEAST_ZOOM = 1.05
# Share of the points that may move by themselves before a camera that turns or zooms.
MOST_STRAYS = 0.3
# How near to the criterion of a model with more parameters that of a zoom need come.
NEARLY = 1.02
# A turn whose errors would hide a step of more than that share of the depth, frame by frame, is no evidence of rest.
MOST_HIDDEN = 1.5e-3
# Where at least so many points turn with the camera, as many move well beyond the noise, and hardly any lie between,
# two things move.
LEAST_PART, MOST_BETWEEN, WELL_BEYOND = 0.15, 0.06, 16.0
# What lies between: errors beyond the first (times the noise) and below the second (times the moving part's).
BEYOND_NOISE, BELOW_MOVING = 4.0, 0.4
# Working pixels: the noise of what moves as one, also where the whole does not.
LIKELY_NOISE = 0.4


@dataclass(frozen=True)
class MotionClass:
    """The verdict and its evidence.

    Attributes
    ----------
    motion : "static", "rotation-only", "zoom" or "general"
    focal : float
        The focal length, in working pixels, the verdict was found with.
    scores : dict
        Criterion summed over the pairs for each model; the lowest wins.
    zoom : float
        Largest change of focal length found between two frames, as a ratio of at least 1.
    hidden : float
        The P, frame by frame, that the errors of a turn could hide.
    noise : float
        Working pixels: how far matches lie off the epipolar geometry of their two frames.
    doubt : str or None
        Why the clip tells no class that could be relied on.
    """

    motion: Motion
    focal: float
    scores: dict[str, float]
    zoom: float = 1.0
    hidden: float = 0.0
    noise: float = 0.0
    doubt: str | None = None


def classify(tracks: Tracks, focal: float | None, width: float) -> MotionClass:
    """Tell the class of a clip's motion.

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
        return MotionClass("general", focal or width, {}, doubt="loses what it shows too soon to tell how it moves")
    if all(_stands_still(first, second) for first, second in pairs):
        return MotionClass("static", focal or width, {})
    epipolar = [_epipolar_error(first, second, focal) for first, second in pairs]
    measured = float(np.median([1.4826 * np.median(e) for e in epipolar]))
    noise = float(np.clip(measured, LEAST_NOISE, MOST_NOISE))
    turn_focal = focal if focal is not None else _turning_focal(pairs, width)
    started = [(a, b, robust_homography(a, b)) for a, b in pairs]
    turns = [fit_turn(a, b, turn_focal, scale=2 * noise, start=start) for a, b, start in started]
    # Not from the focal length of the turn, which a zoom drives to a limit.
    zooms = [fit_turn(a, b, focal or width, zooms=True, scale=2 * noise, start=start) for a, b, start in started]
    # Both ends of a match carry noise, so the error of a point map counts half.
    scores = {
        "general": sum(_gric(e**2, noise, 3, 5 if focal is not None else 7) for e in epipolar),
        "plane": sum(_gric(_plane_error(a, b, noise) ** 2 / 2, noise, 2, 8) for a, b in pairs),
        "rotation-only": sum(_gric((turn.error**2).sum(axis=1) / 2, noise, 2, 3) for turn in turns),
        "zoom": sum(_gric((turn.error**2).sum(axis=1) / 2, noise, 2, 5) for turn in zooms),
    }
    change = max(max(turn.zoom, 1 / turn.zoom) for turn in zooms)
    # Where a camera that moves would explain many more points than one that does not, they are no chance strays.
    for name, fits in (("rotation-only", turns), ("zoom", zooms)):
        if np.median([_strays(turn, noise) for turn in fits]) > MOST_STRAYS:
            scores[name] = float("inf")
    motion = _winner(scores, change, focal is not None)
    hidden = _hidden(turns, frames, turn_focal)
    doubt = _doubt(motion, pairs, turns, noise, hidden)
    return MotionClass(motion, turn_focal, scores, change, hidden, measured, doubt)


def _strays(turn: Turn, noise: float) -> float:
    """Share of the points a turn leaves unexplained."""
    return float((np.hypot(*turn.error.T) > BEYOND_NOISE * min(noise, LIKELY_NOISE)).mean())


def _winner(scores: dict[str, float], change: float, known: bool) -> Motion:
    # A plane has three parameters more than a zoom, an epipolar geometry two where the focal length is not known:
    # noise alone makes use of them.
    general = scores["general"] * (1 if known else NEARLY)
    if change > LEAST_ZOOM and scores["zoom"] < min(scores["rotation-only"], general, NEARLY * scores["plane"]):
        return "zoom"
    return "rotation-only" if scores["rotation-only"] < min(scores["general"], scores["plane"]) else "general"


def _hidden(turns: list[Turn], frames: list[tuple[int, int]], focal: float) -> float:
    """P, frame by frame, that the errors of turns between frames some way apart could hide."""
    errors = [1.4826 * float(np.median(np.hypot(*turn.error.T))) for turn in turns]
    return float(np.median([error / focal / abs(b - a) for error, (a, b) in zip(errors, frames, strict=True)]))


def _doubt(
    motion: Motion, pairs: list[tuple[Array, Array]], turns: list[Turn], noise: float, hidden: float
) -> str | None:
    if motion == "rotation-only" and hidden > MOST_HIDDEN:
        return "is too blurred or noisy to tell a turn of the camera from a move"
    if motion == "general" and _two_things_move(pairs, turns, noise):
        return "shows one part that moves with the camera's turns and another that does not, as a subject does"
    return None


def _two_things_move(pairs: list[tuple[Array, Array]], turns: list[Turn], noise: float) -> bool:
    """Whether most pairs fall into what turns, or rests, with the camera and what moves well beyond, and no more."""
    moved = [_two_parts(second - first, noise) for first, second in pairs]
    turned = [_two_parts(turn.error, noise) for turn in turns]
    return max(float(np.mean(moved)), float(np.mean(turned))) > 0.5


def _two_parts(error: Array, noise: float) -> bool:
    length = np.hypot(*error.T)
    noise = min(noise, LIKELY_NOISE)
    rests = length < BEYOND_NOISE * noise
    if not LEAST_PART < rests.mean() < 1 - LEAST_PART:
        return False
    moving = float(np.median(length[~rests]))
    between = ~rests & (length < BELOW_MOVING * moving)
    return moving > WELL_BEYOND * noise and bool(between.mean() < MOST_BETWEEN)


def widest_pairs(tracks: Tracks) -> Iterator[tuple[int, int]]:
    """For frames all over the clip, the frame in which the points they share have moved furthest."""
    seen, count = tracks.seen, len(tracks.positions)
    for a in np.unique(np.linspace(0, count - 1, 6).astype(int)):
        enough = max(MIN_SHARED, 0.3 * seen[a].sum())
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


def _stands_still(first: Array, second: Array) -> bool:
    return bool((np.hypot(*(second - first).T) < STILL).mean() > STILL_SHARE)


def _turning_focal(pairs: list[tuple[Array, Array]], width: float) -> float:
    """Search the focal length that explains the pairs best as turns."""
    starting = [robust_homography(a, b) for a, b in pairs]

    def cost(log_focal: float) -> float:
        focal = float(np.exp(log_focal))
        errors = (fit_turn(a, b, focal, start=start).error for (a, b), start in zip(pairs, starting, strict=True))
        return float(sum(np.log1p((error**2).sum(axis=1)).sum() for error in errors))

    starts = np.log(width * np.array(FOCALS))
    best = int(np.argmin([cost(start) for start in starts]))
    bounds = starts[max(best - 1, 0)], starts[min(best + 1, len(starts) - 1)]
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 2e-3}).x))


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
