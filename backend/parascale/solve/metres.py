"""How many metres a unit of a solved path is, from the places where its photos say they were taken."""

import math
from typing import Any, NamedTuple

import numpy as np
import pycolmap

from parascale.camera.alignment import align_similarity
from parascale.types import Array

# Metres by which a place may be off, as a phone between houses is; the others are left out.
MAX_PLACE_ERROR = 15.0
# Of photos that tell their place, and of those of them that have to agree.
MIN_PLACES, MIN_SHARE = 6, 0.6
# A scale of a larger relative standard deviation is no measure.
MAX_SCALE_ERROR = 0.2


class Metres(NamedTuple):
    """Metres a unit, their relative standard deviation, and how many places it is from."""

    scale: float
    error: float
    places: int


def estimate_metres(centres: Array, places: Array, seed: int) -> Metres | None:
    """Lay camera centres on the places where photos were taken.

    Parameters
    ----------
    centres : (T, 3) float64
    places : (T, 3) float64
        Metres; NaN where unknown.
    seed : int
        Of the robust estimator.

    Returns
    -------
    Metres or None
        None where too few places are known or agree. The standard deviation is of the least-squares scale, with errors
        of the places that are alike in all directions and independent from photo to photo: those of one walk share a
        part, which moves the path and leaves its scale.
    """
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    if len(known) < MIN_PLACES:
        return None
    source, target = centres[known], places[known]
    # A dictionary, where pycolmap's types promise the transform alone.
    found: Any = pycolmap.estimate_sim3d_robust(
        source, target, pycolmap.RANSACOptions(max_error=MAX_PLACE_ERROR, random_seed=seed)
    )
    if found is None or found["num_inliers"] < max(MIN_PLACES, MIN_SHARE * len(known)):
        return None
    source, target = source[found["inlier_mask"]], target[found["inlier_mask"]]
    laid = align_similarity(source, target)
    # Seven numbers of the similarity are taken from three of each place.
    variance = float(np.sum((laid.apply(source) - target) ** 2)) / (target.size - 7)
    extent = math.sqrt(float(np.sum((source - source.mean(axis=0)) ** 2)))
    if not laid.scale > 0 or extent == 0:
        return None
    return Metres(laid.scale, math.sqrt(variance) / (laid.scale * extent), len(source))
