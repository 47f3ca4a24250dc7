"""The error of the median depth: which share of the picture may lie on the wrong side of the median.

Surfaces between tracks are interpolated, so that near depth edges some cells show another surface than they are given.
That moves the median by a small quantile, whatever the scene: on rendered clips whose tracks are thinned to a tenth the
quantile error grows from 0.006 to 0.05. What it does to Z depends on the depth around the median: nothing on a wall,
6 % for each hundredth where the picture shows two surfaces in nearly equal parts. So the error is estimated as a share
of the picture and read off the depth at those quantiles.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.number import median_depth
from parascale.solve.depth.track_depth import interpolate_depth
from parascale.types import Array, Mask

# Frames in which the interpolation is repeated from each half of the tracks.
SAMPLED_FRAMES = 4
# Of the cells that change their side of the median with half of the tracks, the share of the picture that is left as
# error of the whole: both halves share what they do not see.
COMMON_SHARE = 0.3


def estimate_area_error(
    points: Sequence[tuple[Array, Array]],
    halves: Sequence[Mask],
    samples: Sequence[DepthSamples],
    size: tuple[int, int],
    sky: Sequence[Mask],
) -> float:
    """Estimate the standard deviation of the quantile at which the true median depth lies in the interpolated depth.

    Each half of the tracks alone gives another depth map. Half the difference of the shares that the two see nearer
    than the median has the variance of the whole (half-sampling); the cells that change sides say how much of the
    picture lies at edges; cells without depth that are no sky may lie on either side, and
    so may the skyline.

    Parameters
    ----------
    points : N pairs of (M, 2) and (M,) float64
        Pixels and depth of the points visible in some frames.
    halves : N masks (M,) bool
        The points of one half of the tracks.
    samples : N DepthSamples
        Depth of these frames, interpolated from all points.
    size : (int, int)
    sky : N masks (rows, columns) bool

    Returns
    -------
    float
        A share of the picture; NaN where no frame shows a surface.
    """
    variances: list[float] = []
    for (pixels, depth), half, whole, above in zip(points, halves, samples, sky, strict=True):
        middle = median_depth(whole)
        parts = [interpolate_depth(pixels[chosen], depth[chosen], size, sky=above) for chosen in (half, ~half)]
        if not all((part.hit & whole.hit).any() for part in parts):
            continue
        nearer = [_share_nearer(part, middle) for part in parts]
        flips = [((part.depth < middle) != (whole.depth < middle))[part.hit & whole.hit].mean() for part in parts]
        unseen = float((~whole.hit & ~above.reshape(-1)).mean())
        shares = (
            (nearer[0] - nearer[1]) / 2,
            COMMON_SHARE * float(np.mean(flips)),
            # The standard deviation of a number anywhere in an interval, over its length.
            unseen / np.sqrt(12),
            # A skyline is known to a cell, and what lies under it is farther than the median.
            _skyline_share(above) / 2,
        )
        variances.append(float(np.sum(np.square(shares))))
    return float(np.sqrt(np.mean(variances))) if variances else float("nan")


def estimate_sky_error(sky: Mask) -> float:
    """Estimate the share of the picture that may be sky or not, from sky (T, rows, columns) that comes and goes.

    What is sky in one frame is sky in the next, but for what the camera's move uncovers: half of the largest change.
    """
    return float(np.abs(np.diff(sky.mean(axis=(1, 2)))).max(initial=0.0)) / 2


def _skyline_share(sky: Mask) -> float:
    """Share of the cells that lie on the edge of the sky."""
    edge = ndimage.binary_dilation(sky) & ~sky
    return float(edge.mean())


def _share_nearer(samples: DepthSamples, middle: float) -> float:
    """Share of the surface that is nearer than a depth; what lies at it counts half."""
    depth = samples.depth[samples.hit]
    return float((depth < middle).mean() + (depth <= middle).mean()) / 2


def relative_depth_error(samples: DepthSamples, area_error: float) -> float:
    """Estimate the relative standard deviation of 1 / Z, NaN where no surface is in view.

    A third of the change of 1 / Z at three standard deviations of its quantile, on the side where that is larger.
    """
    depth = samples.depth[samples.hit]
    if not len(depth) or np.isnan(area_error):
        return float("nan")
    near, far = np.quantile(depth, np.clip([0.5 - 3 * area_error, 0.5 + 3 * area_error], 0, 1))
    middle = median_depth(samples)
    return float(max(middle / near - 1, 1 - middle / far) / 3)
