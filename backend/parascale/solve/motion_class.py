"""What kind of move a clip is, told from its widest pairs before anything is mapped.

Models are held against each other at equal footing by the geometric robust information criterion (Torr 1998),
GRIC = sum min(e^2 / s^2, 2 (r - d)) + d n ln 4 + k ln 4n, with n points, r = 4 data dimensions, d the dimension of
the model's manifold and k its parameters: a turn is a point map (d = 2, k = 3), a turn with a zoom one of k = 4, a
plane one of k = 8, a moving camera an epipolar geometry (d = 3, k = 5; 7 where the focal length is not known).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.solve.tracks import Tracks
from parascale.solve.turning import fit_turn

Array = NDArray[np.float64]
Motion = Literal["static", "rotation-only", "zoom", "general"]

FOCALS = (0.55, 0.75, 1.0, 1.4, 2.0, 3.0)
MIN_SHARED = 40
NOISE = 0.3
# Below this displacement (working pixels) a point stands still; above this share of such points so does the camera.
STILL = 0.4
STILL_SHARE = 0.5


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
    """

    motion: Motion
    focal: float
    scores: dict[str, float]
    zoom: float = 1.0


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
    pairs = [tracks.pair(a, b)[:2] for a, b in widest_pairs(tracks)]
    focals = [focal] if focal is not None else [width * f for f in FOCALS]
    if not pairs or all(_stands_still(first, second) for first, second in pairs):
        return MotionClass("static", focals[len(focals) // 2], {})
    scores = {"plane": 0.0, "epipolar": 0.0}
    for first, second in pairs:
        scores["plane"] += _plane(first, second)
        scores["epipolar"] += _epipolar(first, second, focal)
    turn, at = min((sum(_turn(a, b, f, zooms=False)[0] for a, b in pairs), f) for f in focals)
    zooms = [[_turn(a, b, f, zooms=True) for a, b in pairs] for f in focals]
    best = min(range(len(focals)), key=lambda index: sum(score for score, _ in zooms[index]))
    scores |= {"turn": turn, "zoom": sum(score for score, _ in zooms[best])}
    change = max(max(ratio, 1 / ratio) for _, ratio in zooms[best])
    winner = min(scores, key=lambda name: scores[name])
    if winner == "zoom" and change < 1.01:
        winner = "turn"
    motion: Motion = {"turn": "rotation-only", "zoom": "zoom"}.get(winner, "general")  # type: ignore[assignment]
    return MotionClass(motion, at if winner == "turn" else focals[best], scores, change)


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


def _gric(squared: Array, dimension: int, parameters: int) -> float:
    count = len(squared)
    fit = np.minimum(squared / NOISE**2, 2.0 * (4 - dimension)).sum()
    return float(fit + dimension * count * np.log(4) + parameters * np.log(4 * count))


def _turn(first: Array, second: Array, focal: float, *, zooms: bool) -> tuple[float, float]:
    turn = fit_turn(first, second, focal, zooms=zooms, scale=2 * NOISE)
    # Both ends of a match carry noise, hence the half.
    return _gric((turn.error**2).sum(axis=1) / 2, 2, 4 if zooms else 3), turn.zoom


def _plane(first: Array, second: Array) -> float:
    homography = cv2.findHomography(first, second, cv2.RANSAC, 4 * NOISE, maxIters=1000)[0]
    if homography is None:
        return float("inf")
    mapped = cv2.perspectiveTransform(first[None], homography)[0]
    return _gric(((second - mapped) ** 2).sum(axis=1) / 2, 2, 8)


def _epipolar(first: Array, second: Array, focal: float | None) -> float:
    if focal is None:
        matrix = cv2.findFundamentalMat(first, second, cv2.USAC_MAGSAC, 4 * NOISE, 0.999, 3000)[0]
    else:
        matrix = cv2.findEssentialMat(
            first / focal, second / focal, np.eye(3), cv2.USAC_MAGSAC, 0.999, 4 * NOISE / focal, 3000
        )[0]
    if matrix is None or matrix.shape != (3, 3):
        return float("inf")
    if focal is not None:
        k = np.diag([1 / focal, 1 / focal, 1.0])
        matrix = k @ matrix @ k
    a, b = np.column_stack([first, np.ones(len(first))]), np.column_stack([second, np.ones(len(second))])
    line_b, line_a = a @ matrix.T, b @ matrix
    product = (b * line_b).sum(axis=1)
    slope = (line_b[:, :2] ** 2).sum(axis=1) + (line_a[:, :2] ** 2).sum(axis=1)
    return _gric(product**2 / np.maximum(slope, 1e-30), 3, 5 if focal is not None else 7)
