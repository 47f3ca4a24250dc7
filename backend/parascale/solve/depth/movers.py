"""What moves by itself is a visible surface, and stands before all that it hides.

Its tracks have no depth of their own in a solve of a static scene. But of the surfaces around its picture it hides
some, at its feet the ground it stands on, so that the nearest of them is as far as it can be. On which side of the
median depth it lies is all that the median needs.
"""

from dataclasses import replace

import cv2
import numpy as np
from scipy import ndimage

from parascale.parallax.depth_source import DepthSamples
from parascale.solve.depth.sky import cells_of
from parascale.solve.depth.track_depth import GRID
from parascale.types import Array, Mask

# A track moves by itself where less than this share of its observations fits the static scene.
MAX_FITTING_SHARE = 0.5
# Tracks of one mover, the cells between them, and the share of tracks within its outline that may be static.
MIN_TRACKS, MAX_GAP, MAX_STATIC_SHARE = 8, 3, 0.3
# Cells around it, how many of them must show a surface, and the quantile of their depth at which it stands.
RIM_WIDTH, MIN_RIM_CELLS, RIM_QUANTILE = 2, 10, 0.1
# Standard deviation of its area, over its area: an outline around corners is smaller than what they belong to.
AREA_ERROR = 0.15


def find_moving_tracks(fits: Mask, seen: Mask) -> Mask:
    """Mark the tracks (M,) that move by themselves, of observations (T, M) that fit the static scene."""
    return np.asarray(fits.sum(axis=0) < MAX_FITTING_SHARE * np.maximum(seen.sum(axis=0), 1))


def find_movers(moving: Array, static: Array, size: tuple[int, int]) -> list[Mask]:
    """Outline what moves by itself in a frame.

    Parameters
    ----------
    moving, static : (N, 2), (M, 2) float64
        Where the tracks of either kind are, pixels of the picture.
    size : (int, int)

    Returns
    -------
    list of (rows, columns) bool
        The cells of `GRID` that each of them covers.
    """
    if len(moving) < MIN_TRACKS:
        return []
    column, row = cells_of(moving, size)
    counts = np.zeros(GRID[::-1])
    np.add.at(counts, (row, column), 1)
    joined, count = ndimage.label(ndimage.binary_dilation(counts > 0, iterations=MAX_GAP))
    own, (other_column, other_row) = joined[row, column], cells_of(static, size)
    found = []
    for part in range(1, count + 1):
        here = own == part
        if here.sum() < MIN_TRACKS:
            continue
        corners = np.asarray(cv2.convexHull(np.stack([column[here], row[here]], axis=1).astype(np.int32)), np.int32)
        outline = np.zeros(GRID[::-1], np.uint8)
        cv2.fillConvexPoly(outline, corners, (1,))
        covered = outline.astype(bool)
        within = int(covered[other_row, other_column].sum())
        if within <= MAX_STATIC_SHARE * (within + here.sum()):
            found.append(covered)
    return found


def insert_movers(samples: DepthSamples, movers: list[Mask]) -> DepthSamples:
    """Let each mover hide what is behind it, at the depth of the nearest surface around it."""
    depth, hit = samples.depth.reshape(GRID[::-1]).copy(), samples.hit.reshape(GRID[::-1]).copy()
    surface = hit & ~np.any(movers, axis=0) if movers else hit
    for mover in movers:
        rim = ndimage.binary_dilation(mover, iterations=RIM_WIDTH) & surface
        if rim.sum() >= MIN_RIM_CELLS:
            depth[mover], hit[mover] = np.quantile(depth[rim], RIM_QUANTILE), True
    return replace(samples, depth=depth.reshape(-1), hit=hit.reshape(-1))
