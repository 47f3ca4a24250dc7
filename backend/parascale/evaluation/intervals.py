"""How sure a mean over few cases is."""

import math
from collections.abc import Hashable, Sequence

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def bootstrap_interval(values: Sequence[float], groups: Sequence[Hashable] = ()) -> tuple[float, float]:
    """Give the 95 % percentile bootstrap interval of the mean; NaN where fewer than two groups have a known value.

    The same values give the same interval: the resamples are drawn from a fixed seed.

    Parameters
    ----------
    values : sequence of float
        NaN where unknown.
    groups : sequence of hashable, optional
        What each value belongs to: those of one group share what makes them wrong, and are drawn together. Without
        any, each is a group of its own.
    """
    known: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups or range(len(values)), strict=True):
        if not math.isnan(value):
            known.setdefault(group, []).append(value)
    if len(known) < 2:
        return math.nan, math.nan
    sums, counts = (np.array([measure(own) for own in known.values()]) for measure in (sum, len))
    chosen = np.random.default_rng(0).integers(len(known), size=(RESAMPLES, len(known)))
    means = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
