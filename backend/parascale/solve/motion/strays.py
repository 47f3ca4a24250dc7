"""The points that do not follow a camera at rest or turning: movers, clouds, or the near field of one that travels."""

import numpy as np

from parascale.types import Array, Mask

# Of all pairs of a stray and another point, where this share have the stray one below it is the ground before a far
# horizon, and where as few have, clouds.
MIN_SHARE_BELOW = 0.9
# Strays that point away from, or towards, one place to within this angle are parallax of a camera that travels.
MAX_ANGLE = np.radians(20)
TRIALS = 200
# Cells of the picture, as columns and rows, and the share of a cell's points that must follow for it to count.
CELLS, MIN_CELL_SHARE = (4, 3), 0.35
# Share of the corners of the picture, of those with points, that what holds the picture's border must hold.
MIN_CORNERS = 0.75


def lie_below(points: Array, stray: Mask) -> bool:
    """Whether the strays among points (N, 2), y down, lie below the others, as the ground does."""
    return _share_below(points, stray) > MIN_SHARE_BELOW


def lie_above(points: Array, stray: Mask) -> bool:
    """Whether the strays among points (N, 2), y down, lie above the others, as clouds do."""
    return _share_below(points, stray) < 1 - MIN_SHARE_BELOW


def _share_below(points: Array, stray: Mask) -> float:
    if not stray.any() or stray.all():
        return 0.5
    others = np.sort(points[~stray, 1])
    return float(np.searchsorted(others, points[stray, 1]).mean() / len(others))


def share_of_cells(points: Array, follows: Mask) -> float:
    """Share of the cells of the picture with points (N, 2) in which enough of them follow."""
    low, high = points.min(axis=0), points.max(axis=0)
    column, row = np.minimum((points - low) / np.maximum(high - low, 1e-9) * CELLS, np.array(CELLS) - 1).astype(int).T
    cell = column * CELLS[1] + row
    counts = np.bincount(cell, minlength=CELLS[0] * CELLS[1])
    following = np.bincount(cell, weights=follows, minlength=len(counts))
    return float((following[counts > 0] >= MIN_CELL_SHARE * counts[counts > 0]).mean())


def surround(points: Array, follows: Mask) -> bool:
    """Whether the points (N, 2) that follow hold the corners of the picture: a scene does, a subject does not."""
    low, high = np.quantile(points, [0.02, 0.98], axis=0)
    place = (points - low) / np.maximum(high - low, 1e-9)
    held = []
    for right in (False, True):
        for lower in (False, True):
            at = np.abs(place - [right, lower])
            corner = (at[:, 0] < 1 / CELLS[0]) & (at[:, 1] < 1 / CELLS[1])
            if corner.any():
                held.append(bool(follows[corner].mean() >= MIN_CELL_SHARE))
    return len(held) > 1 and sum(held) >= MIN_CORNERS * len(held)


def share_of_parallax(points: Array, error: Array) -> float:
    """Largest share of strays (N, 2) with errors (N, 2) that all move away from one place, or all towards it.

    The place is the epipole: a travelling camera leaves what a rotation does not explain on lines through it.
    """
    if len(points) < 3:
        return 0.0
    rng = np.random.default_rng(0)
    scale = np.abs(points).max() + 1e-9
    q, direction = points / scale, error / np.linalg.norm(error, axis=1, keepdims=True)
    homogeneous = np.column_stack([q, np.ones(len(q))])
    lines = np.cross(homogeneous, np.column_stack([direction, np.zeros(len(q))]))
    first, second = rng.integers(0, len(q), (2, TRIALS))
    epipoles = np.cross(lines[first], lines[second])
    away = q[None] * epipoles[:, None, 2:] - epipoles[:, None, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = (away * direction).sum(axis=2) / np.linalg.norm(away, axis=2)
    limit = np.cos(MAX_ANGLE)
    return float(np.maximum((cosine > limit).mean(axis=1), (cosine < -limit).mean(axis=1)).max())
