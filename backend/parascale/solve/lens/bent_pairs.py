"""Lenses that bend lines, told by matched pairs of frames alone, before a flat lens bends the path until it fits.

A radius r in pixels is seen at an angle theta from the axis: r = f (tan theta + k tan^3 theta) for a flat lens with
distortion, r = f (theta + k theta^3) for a fisheye. With the right lens a turn explains the pairs of a camera on a
tripod, and an epipolar geometry of rays those of a camera that moves.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from parascale.types import Array, Mask

log = logging.getLogger(__name__)

# Matches of a pair that are looked at.
SAMPLE = 150
# Working pixels: the scale of the robust errors, a coarse one to begin the search with, and the limit of a match that
# follows a turn.
SCALE, COARSE_SCALE, MAX_TURN_ERROR = 0.25, 4.0, 1.0
# A turn through a bent lens explains this share of the matches, and one through a flat lens no more than that. Of made
# tracks of fisheyes of 120 and 150 degrees and of a barrel of 15 % that turn, the shares were 1.0 and at most 0.25; of
# all that move, at most 0.17 with any lens.
MIN_TURNING_SHARE, MAX_FLAT_SHARE = 0.9, 0.6
# A fisheye's epipolar geometry has at most this share of the error of a flat lens's, and of that of barrel distortion,
# where that has this error at least (the mean logarithm of 1 + squared error over scale squared). Of made tracks that
# walk, truck and go round, fisheyes of 120 and 150 degrees had at most 0.25 of it, flat and barrel lenses over 1.0.
MAX_EPIPOLAR_SHARE, MAX_SHARE_OF_BARREL, MIN_EPIPOLAR_ERROR = 0.5, 0.6, 0.6
MIN_DEGREES = 104.0
# Flat lenses of any angle are found with bends below this.
MIN_BEND = 0.02
# Degrees across and bends at the edge that are tried: share of the radius by which the picture is drawn in.
FISHEYES, FLAT_ANGLES, BENDS = (100.0, 120.0, 140.0, 160.0), (40.0, 60.0, 80.0, 100.0), (0.1, -0.1, -0.2, -0.3)
UNBENT_ANGLES = (30.0, 45.0, 60.0, 75.0, 90.0, 105.0, 120.0)
# Where the search for a lens may go.
MAX_FLAT_DEGREES, MAX_DEGREES, BEND_RANGE = 130.0, 220.0, (-0.45, 0.3)
EVALUATIONS, ROUNDS = 50, 5
# Steps of the search, coarse and fine: degrees across over 100, and bend.
STEPS, FINE_STEPS = (0.08, 0.05), (0.01, 0.01)
# Working pixels in the median beyond which a coarse search is not refined.
MAX_COARSE_ERROR = 4.0
SAMPLES = 1000
# Working pixels of a finite difference.
STEP = 0.5

Pairs = Sequence[tuple[Array, Array]]


class Lens(NamedTuple):
    """A lens that may bend lines.

    Attributes
    ----------
    fisheye : bool
        A fisheye, not a flat lens with distortion.
    degrees : float
        It sees across.
    bend : float
        The share of its radius by which the edge is drawn out; negative of barrel distortion.
    """

    fisheye: bool
    degrees: float
    bend: float = 0.0


class _Table(NamedTuple):
    """Rising radii in pixels, and their angles from the axis."""

    radius: Array
    angle: Array


def find_bent_turn(pairs: Pairs, half_width: float, seed: int) -> Lens | None:
    """Find the lens through which a camera only turns, where that is no flat one.

    Parameters
    ----------
    pairs : sequence of ((N, 2), (N, 2)) float64
        Matches of two frames, in working pixels from the principal point.
    half_width : float
        Working pixels.
    seed : int
        Of the sample.
    """
    if not pairs:
        return None
    pairs = _sample(pairs, seed)

    def errors(lens: Lens, scale: float = SCALE) -> Array:
        table = _tabulate(lens, half_width)
        return np.concatenate([_turn_errors(first, second, table, scale) for first, second in pairs])

    def share(lens: Lens) -> float:
        return float((errors(lens) < MAX_TURN_ERROR).mean())

    if max(share(Lens(False, degrees)) for degrees in UNBENT_ANGLES) > MAX_FLAT_SHARE:
        return None
    flat = [Lens(False, degrees, bend) for degrees in FLAT_ANGLES for bend in BENDS]
    for tried in (flat, [Lens(True, degrees) for degrees in FISHEYES]):
        best = min(tried, key=lambda lens: _score(errors(lens, COARSE_SCALE), COARSE_SCALE))
        best = _refine(lambda lens: _score(errors(lens, COARSE_SCALE), COARSE_SCALE), best)
        if float(np.median(errors(best, COARSE_SCALE))) > MAX_COARSE_ERROR:
            continue
        best = _refine(lambda lens: _score(errors(lens), SCALE), best, FINE_STEPS)
        log.debug("a turn through %s explains %.2f", best, share(best))
        if share(best) > MIN_TURNING_SHARE:
            return best if best.fisheye or abs(best.bend) > MIN_BEND else None
    return None


def find_moving_fisheye(pairs: Pairs, half_width: float, seed: int) -> Lens | None:
    """Find the fisheye whose rays fit the epipolar geometry of a camera that moves clearly better than other lenses'.

    Parameters
    ----------
    pairs, half_width, seed
        As of `find_bent_turn`.
    """
    if not pairs:
        return None
    pairs = _sample(pairs, seed)

    def score(lens: Lens) -> float:
        table = _tabulate(lens, half_width)
        return _score(np.concatenate([_epipolar_errors(first, second, table) for first, second in pairs]), SCALE)

    # Without distortion the focal length of a flat lens changes the epipolar matrix, and no error.
    flat = score(Lens(False, 60.0))
    if flat < MIN_EPIPOLAR_ERROR:
        return None
    barrel = min(score(Lens(False, degrees, bend)) for degrees in FLAT_ANGLES for bend in BENDS)
    fisheye, lens = min((score(lens), lens) for lens in [Lens(True, degrees) for degrees in FISHEYES])
    log.debug("epipolar error %.2f, with a barrel %.2f, with %s %.2f", flat, barrel, lens, fisheye)
    told = fisheye < MAX_EPIPOLAR_SHARE * flat and fisheye < MAX_SHARE_OF_BARREL * barrel
    return lens if told and lens.degrees > MIN_DEGREES else None


def _sample(pairs: Pairs, seed: int) -> Pairs:
    random = np.random.default_rng(seed)
    chosen = [random.permutation(len(first))[:SAMPLE] for first, _ in pairs]
    return [(first[own], second[own]) for (first, second), own in zip(pairs, chosen, strict=True)]


def _score(errors: Array, scale: float) -> float:
    return float(np.log1p((errors / scale) ** 2).mean())


def _refine(score: Callable[[Lens], float], start: Lens, steps: tuple[float, float] = STEPS) -> Lens:
    """Refine degrees across and bend."""
    limit = MAX_DEGREES if start.fisheye else MAX_FLAT_DEGREES

    def lens_of(values: Array) -> Lens:
        return Lens(start.fisheye, float(values[0]) * 100, float(values[1]))

    def bounded(values: Array) -> float:
        lens = lens_of(values)
        inside = 15 < lens.degrees < limit and BEND_RANGE[0] < lens.bend < BEND_RANGE[1]
        return score(lens) if inside else 50.0

    at = np.array([start.degrees / 100, start.bend])
    simplex = at + np.array([[0.0, 0.0], [steps[0], 0.0], [0.0, steps[1]]])
    options = {"maxfev": EVALUATIONS, "initial_simplex": simplex}
    return lens_of(minimize(bounded, at, method="Nelder-Mead", options=options).x)


def _tabulate(lens: Lens, half_width: float) -> _Table:
    edge = np.radians(lens.degrees / 2) if lens.fisheye else np.tan(np.radians(lens.degrees / 2))
    plain = np.linspace(0, 0.55 * np.pi if lens.fisheye else 4.0, SAMPLES)
    angle = plain if lens.fisheye else np.arctan(plain)
    radius = half_width / (edge * (1 + lens.bend)) * (plain + lens.bend / edge**2 * plain**3)
    falls = np.flatnonzero(np.diff(radius) <= 0)
    end = falls[0] + 1 if len(falls) else SAMPLES
    return _Table(radius[:end], angle[:end])


def _to_rays(pixels: Array, lens: _Table) -> Array:
    radius = np.hypot(*pixels.T)
    angle = np.interp(radius, lens.radius, lens.angle)
    return np.column_stack([pixels * (np.sin(angle) / np.maximum(radius, 1e-9))[:, None], np.cos(angle)])


def _to_pixels(rays: Array, lens: _Table) -> Array:
    aside = np.hypot(rays[:, 0], rays[:, 1])
    radius = np.interp(np.arctan2(aside, rays[:, 2]), lens.angle, lens.radius)
    return np.asarray(rays[:, :2] * (radius / np.maximum(aside, 1e-12))[:, None])


def _inside(first: Array, second: Array, lens: _Table) -> Mask:
    limit = lens.radius[-1]
    return np.asarray((np.hypot(*first.T) < limit) & (np.hypot(*second.T) < limit))


def _turn_errors(first: Array, second: Array, lens: _Table, scale: float) -> Array:
    """Distances in pixels to where the best turn takes the first positions; infinite outside what the lens sees."""
    inside, before, after = _inside(first, second, lens), _to_rays(first, lens), _to_rays(second, lens)
    weight, errors = inside + 1e-9, np.full(len(first), np.inf)
    for _ in range(ROUNDS):
        left, _, right = np.linalg.svd((after * weight[:, None]).T @ before)
        turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
        errors = np.where(inside, np.hypot(*(_to_pixels(before @ turn.T, lens) - second).T), 1e6)
        weight = inside / (1 + (errors / scale) ** 2) + 1e-9
    return errors


def _epipolar_errors(first: Array, second: Array, lens: _Table) -> Array:
    """Sampson distances in pixels to the best epipolar geometry of rays, by 8 points; large outside the lens."""
    inside, before, after = _inside(first, second, lens), _to_rays(first, lens), _to_rays(second, lens)
    steps = [np.array([STEP, 0.0]), np.array([0.0, STEP])]
    slopes_before = [(_to_rays(first + step, lens) - before) / STEP for step in steps]
    slopes_after = [(_to_rays(second + step, lens) - after) / STEP for step in steps]
    products = (after[:, :, None] * before[:, None, :]).reshape(-1, 9)
    weight, errors = inside + 1e-9, np.full(len(first), np.inf)
    for _ in range(ROUNDS):
        matrix = np.linalg.svd(products * np.sqrt(weight)[:, None], full_matrices=False)[2][-1].reshape(3, 3)
        lines, lines_back = before @ matrix.T, after @ matrix
        gradient = sum((slope * lines).sum(axis=1) ** 2 for slope in slopes_after)
        gradient = gradient + sum((slope * lines_back).sum(axis=1) ** 2 for slope in slopes_before)
        errors = np.abs((after * lines).sum(axis=1)) / np.sqrt(np.maximum(gradient, 1e-18))
        errors = np.where(inside, errors, 1e6)
        weight = inside / (gradient + 1e-12) / (1 + (errors / SCALE) ** 2) + 1e-15
        weight = weight / weight.max()
    return errors
