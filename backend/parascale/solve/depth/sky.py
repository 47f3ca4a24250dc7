"""Sky: what lies above the skyline and is tracked as infinitely far away or as moving by itself; or an even region.

Clouds are tracked, and their tracks tell what they are. A plain sky has none: it is an even region at the upper border
of the picture whose rim does not lie on one plane.

Tracks end at the skyline, and a surface interpolated between them would count as scene. An even wall or ceiling has a
rim too, but the rim lies on it: inverse depth is linear over the picture of a plane, and above 0. Frames vote together
with those close in time, so that the depth does not flicker; a frame with too few tracks on the rim has no vote, and
without votes there is no sky.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from parascale.solve.depth.skyline import find_skyline
from parascale.solve.depth.track_depth import GRID
from parascale.types import Array, Image, Mask

# An even cell differs from its surroundings by at most these grey levels after blurring, or by this share of the
# difference at the tracks, so that faint clouds do not count.
MAX_EVEN_SPREAD, MAX_EVEN_SHARE = 8, 0.15
# Of the picture's area.
MIN_AREA = 0.01
# Width of the rim in cells, and the tracks it must have.
RIM_WIDTH, MIN_RIM_TRACKS = 3, 16
# A region is a plane where this share of its rim's tracks lies on one, to this share of their inverse depth: in 9 of 10
# frames over 0.72 for walls of a room and under 0.62 for skylines, which follow a house front for a while.
MIN_PLANE_SHARE, PLANE_TOLERANCE = 0.65, 0.05
TRIALS = 100
# Tracks above a skyline, and the share of them that must be distant.
MIN_DISTANT_TRACKS, MIN_DISTANT_SHARE = 16, 0.85
# Points of a smaller inverse depth, as a share of the median one, are distant.
MAX_DISTANT_INVERSE = 0.15
# Frames that vote together.
VOTING_WINDOW = 17


@dataclass(frozen=True, eq=False)
class SkyCandidates:
    """The even regions of a frame that reach its upper border and have no track.

    Attributes
    ----------
    cells : (rows, columns) bool
        Of `parascale.solve.depth.track_depth.GRID`.
    votes : (rows, columns) float32
        1 where they look like sky, -1 where like a surface, 0 elsewhere.
    """

    cells: Mask
    votes: NDArray[np.float32]

    def joined(self, other: "SkyCandidates") -> "SkyCandidates":
        """Join with other candidates of the same frame: where either looks like sky, it does."""
        return SkyCandidates(self.cells | other.cells, np.where(other.votes > 0, other.votes, self.votes))


def find_sky_candidates(grey: Image, pixels: Array, depth: Array, size: tuple[int, int]) -> SkyCandidates:
    """Find the regions of a frame that may be sky.

    Parameters
    ----------
    grey : (h, w) uint8
        The frame, at any resolution.
    pixels : (N, 2) float64
        Where the visible points are, pixels of the picture.
    depth : (N,) float64
        Their z-depth, above 0.
    size : (int, int)
        Width and height of the picture.
    """
    found, votes = np.zeros(GRID[::-1], bool), np.zeros(GRID[::-1], np.float32)
    if len(pixels) < MIN_RIM_TRACKS:
        return SkyCandidates(found, votes)
    column, row = cells_of(pixels, size)
    spread = _spread(grey)
    parts, _ = ndimage.label(spread <= max(MAX_EVEN_SPREAD, MAX_EVEN_SHARE * float(np.median(spread[row, column]))))
    for part in np.unique(parts[0][parts[0] > 0]):
        own = parts == part
        if own.mean() < MIN_AREA or own[row, column].any():
            continue
        found |= own
        rim = ndimage.binary_dilation(own, iterations=RIM_WIDTH)[row, column]
        if rim.sum() >= MIN_RIM_TRACKS:
            inside = (np.argwhere(own)[:, ::-1] + 0.5) / GRID * size
            votes[own] = 1 if _share_on_plane(pixels[rim], 1 / depth[rim], inside) < MIN_PLANE_SHARE else -1
    return SkyCandidates(found, votes)


def find_distant_sky(
    colour: Image, pixels: Array, depth: Array, unmeasured: Array, size: tuple[int, int]
) -> SkyCandidates:
    """Find what lies above the skyline of a frame and is infinitely far away or moves by itself.

    Parameters
    ----------
    colour : (h, w, 3) uint8
        The frame, sRGB, at any resolution.
    pixels, depth : (N, 2), (N,) float64
        The visible points, as in `find_sky_candidates`.
    unmeasured : (M, 2) float64
        Where tracks are that have no measurable distance or do not fit the scene, pixels of the picture.
    size : (int, int)
    """
    inverse = 1 / depth
    distant = inverse < MAX_DISTANT_INVERSE * np.median(inverse) if len(inverse) else np.zeros(0, bool)
    near, far = _count(pixels[~distant], size), _count(np.concatenate([pixels[distant], unmeasured]), size)
    if far.sum() < MIN_DISTANT_TRACKS:
        return SkyCandidates(np.zeros(far.shape, bool), np.zeros(far.shape, np.float32))
    cells = find_skyline(colour, near, far)
    tracks, here = far[cells].sum(), near[cells].sum()
    is_sky = cells.mean() > MIN_AREA and tracks > max(MIN_DISTANT_TRACKS, MIN_DISTANT_SHARE * (tracks + here))
    return SkyCandidates(cells & is_sky, np.where(cells & is_sky, np.float32(1), np.float32(0)))


def covers(sky: Mask, pixels: Array, size: tuple[int, int]) -> Mask:
    """Whether cells of the sky cover points (N, 2), pixels of a picture of this size."""
    column, row = cells_of(pixels, size)
    return np.asarray(sky[row, column])


def cells_of(pixels: Array, size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns and rows of the cells of `GRID` of points (N, 2), pixels of a picture of this size."""
    column, row = np.clip((pixels / size * GRID).astype(np.int64), 0, np.array(GRID) - 1).T
    return column, row


def _count(pixels: Array, size: tuple[int, int]) -> Array:
    """Count points (N, 2) in each cell, (rows, columns)."""
    column, row = cells_of(pixels, size)
    counts = np.bincount(row * GRID[0] + column, minlength=GRID[0] * GRID[1])
    return counts.reshape(GRID[::-1]).astype(np.float64)


def detect_sky(candidates: Sequence[SkyCandidates]) -> Mask:
    """Mark the cells of every frame that show sky, (T, rows, columns) bool."""
    votes = ndimage.uniform_filter1d(
        np.stack([each.votes for each in candidates]), VOTING_WINDOW, axis=0, mode="nearest"
    )
    sky = np.stack([each.cells for each in candidates]) & (votes > 0)
    # Cells at the edge of the sky look uneven.
    beside = ndimage.generate_binary_structure(2, 1)[None]
    return np.asarray(ndimage.binary_dilation(sky, beside), bool)


def _spread(grey: Image) -> Image:
    """Range of the grey levels around each cell."""
    soft = cv2.GaussianBlur(grey, (0, 0), 1.5)
    sides = list(zip(grey.shape, GRID[::-1], strict=True))
    around = np.ones([2 * round(0.75 * length / count) + 1 for length, count in sides], np.uint8)
    spread = cv2.subtract(cv2.dilate(soft, around), cv2.erode(soft, around))
    row, column = (((np.arange(count) + 0.5) * length / count).astype(int) for length, count in sides)
    return np.asarray(spread[np.ix_(row, column)])


def _share_on_plane(pixels: Array, inverse: Array, inside: Array) -> float:
    """Largest share of points (N, 2), of inverse depth (N,), that lie on one plane through three of them.

    A plane counts where most of the pixels (M, 2) ``inside`` lie before its horizon, unlike those above the ground.
    """
    middle, span = pixels.mean(axis=0), pixels.std()
    rng = np.random.default_rng(0)
    threes = rng.random((TRIALS, len(inverse))).argpartition(3, axis=1)[:, :3]
    linear, within = (np.column_stack([(each - middle) / span, np.ones(len(each))]) for each in (pixels, inside))
    corners = linear[threes]
    flat = np.abs(np.linalg.det(corners)) > 1e-6
    planes = np.linalg.solve(corners[flat], inverse[threes[flat], None])[..., 0]
    planes = planes[(planes @ within.T > 0).mean(axis=1) > 0.5]
    near = np.abs(planes @ linear.T - inverse) < PLANE_TOLERANCE * inverse
    return float(near.mean(axis=1).max(initial=0.0))
