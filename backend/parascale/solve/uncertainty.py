"""The standard deviation of the Parallax Number, from the camera path, the depth and the focal length together."""

import numpy as np

from parascale.types import Array


def estimate_parallax_sigma(
    parallax: Array, step_noise: Array, depth_error: Array, focal_spread: float, sensitivity: Array
) -> Array:
    """Combine the independent errors of P_t = |b_t| / Z_t.

    Parameters
    ----------
    parallax : (T - 1,) float64
        P_t.
    step_noise : (T - 1,) float64
        Standard deviation of |b_t| over Z_t.
    depth_error : (T - 1,) float64
        Relative standard deviation of Z_t.
    focal_spread : float
        Standard deviation of ln f.
    sensitivity : (T - 1,) float64
        |d ln P_t / d ln f|.

    Returns
    -------
    (T - 1,) float64
        NaN where a part is unknown.
    """
    variance = step_noise**2 + (parallax * depth_error) ** 2 + (parallax * focal_spread * sensitivity) ** 2
    return np.where(np.isfinite(variance), np.sqrt(variance), np.nan)
