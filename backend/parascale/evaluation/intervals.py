"""How sure a mean over few cases is."""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % percentile bootstrap interval of the mean; NaN where fewer than two values are known.

    The same values give the same interval: the resamples are drawn from a fixed seed.
    """
    known = np.array([value for value in values if not math.isnan(value)])
    if len(known) < 2:
        return math.nan, math.nan
    chosen = np.random.default_rng(0).integers(len(known), size=(RESAMPLES, len(known)))
    low, high = np.quantile(known[chosen].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
