"""An estimated depth map brought into the unit of known points: by a scale, or by scale and shift of inverse depth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.types import Array

ROUNDS = 12
# Tukey's biweight: 95 % efficient on Gaussian errors; points hidden behind the surface weigh nothing.
_TUKEY = 4.685
# Errors below this are no worse than a point's own.
_LEAST_SPREAD = 0.003
_PAIRS = 4000


@dataclass(frozen=True, eq=False)
class Fit:
    """Parameters (K,) of an alignment, and their standard errors.

    K = 1: ln k of depth = k value. K = 2: ln a and b / a of inverse depth = a value + b.
    """

    parameters: Array
    deviation: Array


def fit_scale(values: Array, depth: Array) -> Fit:
    """Scale k of ``depth = k values``, robustly, from estimated and known z-depth (N,) of the same points, above 0."""
    ratio = np.log(depth / values)
    middle = float(np.median(ratio))
    for _ in range(ROUNDS):
        weight = _weights(ratio - middle)
        middle = float(np.sum(weight * ratio) / np.sum(weight))
    spread = np.sqrt(np.sum(weight * (ratio - middle) ** 2) / np.sum(weight))
    return Fit(np.array([middle]), np.array([spread / np.sqrt(np.sum(weight))]))


def fit_scale_shift(values: Array, depth: Array) -> Fit | None:
    """Scale a and shift b of ``1 / depth = a values + b``, robustly; None where the points do not tell.

    From the model's inverse depth (N,), and known z-depth, of the same points. Errors count relative to the depth. A
    start that a few wrong points cannot move: the median slope over pairs (Theil and Sen).
    """
    inverse = 1 / depth
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(values), (2, _PAIRS))
    apart = np.abs(values[first] - values[second]) > 1e-3 * np.ptp(values)
    if not apart.any():
        return None
    first, second = first[apart], second[apart]
    slope = float(np.median((inverse[first] - inverse[second]) / (values[first] - values[second])))
    shift = float(np.median(inverse - slope * values))
    design = np.stack([values, np.ones(len(values))], axis=1) / inverse[:, None]
    for _ in range(ROUNDS):
        weight = _weights(design @ [slope, shift] - 1)
        normal = design.T @ (weight[:, None] * design)
        if np.linalg.cond(normal) > 1e14:
            return None
        slope, shift = np.linalg.solve(normal, design.T @ weight).tolist()
    if not slope > 0:
        return None
    residual = design @ [slope, shift] - 1
    variance = np.sum(weight * residual**2) / np.sum(weight) * np.linalg.inv(normal)
    # Of (ln a, b / a), to first order.
    turn = np.array([[1 / slope, 0], [-shift / slope**2, 1 / slope]])
    deviation = np.sqrt(np.diag(turn @ variance @ turn.T))
    return Fit(np.array([np.log(slope), shift / slope]), deviation)


def align_depth(values: NDArray[np.float32], parameters: Array) -> NDArray[np.float32]:
    """Depth map (h, w) float32 in the points' unit, infinite where there is no surface."""
    seen = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        if len(parameters) == 1:
            seen &= values > 0
            return np.where(seen, values * np.float32(np.exp(parameters[0])), np.float32(np.inf))
        inverse = (values + np.float32(parameters[1])) * np.float32(np.exp(parameters[0]))
        seen &= inverse > 0
    return np.divide(np.float32(1), inverse, out=np.full(values.shape, np.inf, np.float32), where=seen)


def steady_fits(fits: list[Fit | None]) -> list[Array | None]:
    """Parameters of every frame, drawn towards their neighbours' mean as far as their own error explains the gap.

    A model whose scale flickers keeps it (the flicker is in its maps too); a steady one loses the noise of the
    points. Frames without a fit take the nearest frame's; None throughout where no frame has one.
    """
    known = [frame for frame, fit in enumerate(fits) if fit is not None]
    if not known:
        return [None] * len(fits)
    found = [fit for fit in fits if fit is not None]
    own = np.array([fit.parameters for fit in found])
    noise = np.array([fit.deviation for fit in found]) ** 2
    steady = own.copy()
    for i in range(len(own)):
        near = slice(max(i - 2, 0), i + 3)
        if len(own[near]) == 1:
            continue
        mean, variance = own[near].mean(axis=0), own[near].var(axis=0, ddof=1)
        # What the scatter has beyond the points' noise is the model's own (James and Stein's shrinkage).
        trust = np.maximum(variance - noise[i], 0) / np.maximum(variance, 1e-300)
        steady[i] = mean + trust * (own[i] - mean)
    return [steady[min(range(len(known)), key=lambda i: abs(known[i] - frame))] for frame in range(len(fits))]


def _weights(residual: Array) -> Array:
    spread = max(1.4826 * float(np.median(np.abs(residual))), _LEAST_SPREAD)
    share = np.minimum(np.abs(residual) / (_TUKEY * spread), 1.0)
    return np.asarray((1 - share**2) ** 2)
