"""The skyline: one border across the picture, lighter above, below which lies all that is near.

Clouds have edges too, so no single edge tells the sky. The border is the path across the columns that best parts the
colours above it from those below (two normal distributions, fitted in turns with the path), that has no near track
above it, and that does not leap. Whether there is sky above it the tracks tell: those of sky are infinitely far away,
or move by themselves.
"""

import cv2
import numpy as np

from parascale.solve.depth.track_depth import GRID
from parascale.types import Array, Image, Mask

ROUNDS = 3
# What one near track above the border costs, and one distant track below it gains, in units of a cell's log-likelihood.
TRACK_COST, DISTANT_GAIN = 12.0, 1.0
# A cell says at most so much, a leap by one cell costs so much, and an edge of one grey level gains so much.
MAX_CELL, LEAP_COST, EDGE_GAIN = 3.0, 1.0, 0.3
# Grey levels by which the sky is lighter than what is just below it.
MIN_CONTRAST = 10.0
# Cells beside the border that are compared.
BAND = 4
# Mean gradient of a cell, grey levels per pixel of a picture this wide: strong clouds have up to 4 in nine of ten,
# trees, walls and people 11 to 14 in the median. A cell of twice the first number costs as much as two of the colours.
CLOUD_GRADIENT, GRADIENT_WIDTH, TEXTURE_COST = 8.0, 320, 6.0


def find_skyline(colour: Image, near: Array, distant: Array) -> Mask:
    """Find the part of a picture above its skyline.

    Parameters
    ----------
    colour : (h, w, 3) uint8
        The picture, sRGB, at any resolution.
    near, distant : (rows, columns) float64
        How many tracks of each cell of `GRID` are near, and how many have no measurable distance or move by themselves.

    Returns
    -------
    (rows, columns) bool
        False everywhere where nothing above a border is lighter than what is below.
    """
    cells = np.asarray(cv2.resize(colour, GRID, interpolation=cv2.INTER_AREA), np.float64)
    light = cells.max(axis=2)
    edges = _edges(light)
    tracks = np.cumsum(TRACK_COST * near - DISTANT_GAIN * distant + TEXTURE_COST * _texture(colour), axis=0)
    border = _cheapest_path(_pad(tracks) - EDGE_GAIN * edges)
    for _ in range(ROUNDS):
        sky = np.arange(len(cells))[:, None] < border
        if sky.sum() < BAND or (~sky).sum() < BAND:
            return np.zeros(sky.shape, bool)
        evidence = np.clip(_log_density(cells, sky) - _log_density(cells, ~sky), -MAX_CELL, MAX_CELL)
        border = _cheapest_path(_pad(tracks - np.cumsum(evidence, axis=0)) - EDGE_GAIN * edges)
    rows = np.arange(len(cells))[:, None]
    above, below = (rows < border) & (rows >= border - BAND), (rows >= border) & (rows < border + BAND)
    lighter = above.any() and below.any() and light[above].mean() - light[below].mean() > MIN_CONTRAST
    return (rows < border) & lighter


def _texture(colour: Image) -> Array:
    """How much more texture each cell (rows, columns) has than clouds: 0 .. 1."""
    grey = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
    height = round(GRADIENT_WIDTH * grey.shape[0] / grey.shape[1])
    grey = cv2.resize(grey, (GRADIENT_WIDTH, height), interpolation=cv2.INTER_AREA)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    gradient = cv2.resize(cv2.magnitude(across, down) / 8, GRID, interpolation=cv2.INTER_AREA)
    # The edge of the sky itself is one cell high.
    gradient = cv2.erode(gradient, np.ones((3, 1), np.uint8))
    return np.clip(np.asarray(gradient, np.float64) / CLOUD_GRADIENT - 1, 0, 1)


def _edges(light: Array) -> Array:
    """How much lighter the cells above each border (rows + 1, columns) are than those below it."""
    rows = len(light)
    sums = np.concatenate([np.zeros((1, light.shape[1])), np.cumsum(light, axis=0)])
    at = np.arange(rows + 1)
    first, last = np.maximum(at - BAND, 0), np.minimum(at + BAND, rows)
    above = (sums[at] - sums[first]) / np.maximum(at - first, 1)[:, None]
    below = (sums[last] - sums[at]) / np.maximum(last - at, 1)[:, None]
    edges = above - below
    edges[[0, -1]] = 0
    return np.asarray(edges)


def _pad(costs: Array) -> Array:
    """Costs of a border below each row, and of one above all: (rows + 1, columns)."""
    return np.concatenate([np.zeros((1, costs.shape[1])), costs])


def _log_density(cells: Array, members: Mask) -> Array:
    """Logarithm of the normal density of the members' colours at all cells, without its constant."""
    own = cells[members]
    spread = np.cov(own.T) + 16.0 * np.eye(3)
    away = cells - own.mean(axis=0)
    return np.asarray(
        -0.5 * (np.einsum("...i,ij,...j", away, np.linalg.inv(spread), away) + np.linalg.slogdet(spread)[1])
    )


def _cheapest_path(costs: Array) -> Array:
    """Choose the border of each column, of costs (rows + 1, columns), with little leaping from one to the next."""
    count = len(costs)
    leap = LEAP_COST * np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    total, origin = costs[:, 0], []
    for column in costs.T[1:]:
        through = total[None, :] + leap
        origin.append(through.argmin(axis=1))
        total = through.min(axis=1) + column
    border = [int(total.argmin())]
    for before in reversed(origin):
        border.append(int(before[border[-1]]))
    return np.array(border[::-1])
