"""How many metres a unit of a solved path is, from the places where its photos say they were taken."""

import math
from typing import Any, NamedTuple

import numpy as np
import pycolmap

from parascale.camera.alignment import align_similarity
from parascale.errors import Notice
from parascale.types import Array

# Metres by which a place may be off, as a phone between houses is; the others are left out.
MAX_PLACE_ERROR = 15.0
# Of photos that tell their place, and of those of them that have to agree.
MIN_PLACES, MIN_SHARE = 6, 0.6
# Metres by which the places of one walk wander together, which a similarity takes for a part of the path.
DRIFT = 3.0
# A scale of a larger relative standard deviation is no measure.
MAX_SCALE_ERROR = 0.2


class Metres(NamedTuple):
    """Metres a unit, their relative standard deviation, and how many places it is from."""

    scale: float
    error: float
    places: int


def tell_metres(centres: Array, places: Array | None, seed: int) -> tuple[Metres | None, tuple[Notice, ...]]:
    """Take metres from the places that photos tell, and say how sure they are, or why there are none.

    Parameters as of `estimate_metres`; places are None where no photo tells any.
    """
    if places is None:
        return None, ()
    known = int(np.isfinite(places).all(axis=1).sum())
    if known < MIN_PLACES:
        told = "one photo tells where it was" if known == 1 else f"{known} photos tell where they were"
        return None, (Notice(f"{told} taken by GPS: {MIN_PLACES} are needed for metres"),)
    metres = estimate_metres(centres, places, seed)
    if metres is None:
        return None, (Notice("the GPS tags of the photos do not fit the path: lengths are in no unit"),)
    told = f"by the GPS tags of {metres.places} photos lengths are known in metres, with a standard deviation of"
    if metres.error > MAX_SCALE_ERROR:
        return None, (Notice(f"{told} {metres.error:.0%}: too large to be used"),)
    return metres, (Notice(f"{told} {metres.error:.0%}"),)


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
        None where too few places agree. The standard deviation is that of the least-squares scale for
        errors that are independent from photo to photo, joined by that of places that wander: `DRIFT` over the path's
        extent, so that a walk around a table has none that is small.
    """
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
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
    extent = laid.scale * math.sqrt(float(np.sum((source - source.mean(axis=0)) ** 2)))
    if not extent > 0:
        return None
    error = math.hypot(math.sqrt(variance), DRIFT * math.sqrt(len(source))) / extent
    return Metres(laid.scale, error, len(source))
