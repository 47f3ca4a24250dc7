"""Points followed through the clip: pyramidal Lucas-Kanade, checked forward and backward, replenished."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.errors import Cancelled
from parascale.solve.tracking.flow import SHARP, Feel, Points, flow
from parascale.types import Array, CancelCheck, Image, Mask, Progress

TARGET = 720
CELLS = (16, 9)
QUOTA = -(-TARGET // (CELLS[0] * CELLS[1]))
# A cell crowded by that many times its quota, as where a camera backs away, loses its youngest points.
CROWD = 2
# Frames between two searches for new corners.
PATIENCE = 2
MIN_DISTANCE = 9.0
MIN_LENGTH = 3
# Share of the cells that may hold too few points before new ones are looked for.
THIN = 0.03
# Working pixels: where points went on as before to within that, most of them, they are looked for where they should be.
STEADY = 1.5

_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(MIN_DISTANCE) + 1,) * 2)


@dataclass(frozen=True, eq=False)
class Tracks:
    """Where each point was seen.

    Attributes
    ----------
    positions : (T, M, 2) float64
        Pixels of the working picture, pixel centres at +0.5; NaN where the point was not seen.
    """

    positions: Array

    @property
    def seen(self) -> Mask:
        """(T, M): whether a point was seen in a frame."""
        return np.asarray(np.isfinite(self.positions[:, :, 0]))

    def __len__(self) -> int:
        return self.positions.shape[1]

    @property
    def shared(self) -> NDArray[np.int64]:
        """(T - 1,) how many points two neighbouring frames share."""
        return np.asarray((self.seen[:-1] & self.seen[1:]).sum(axis=1))

    def pair(self, first: int, second: int) -> tuple[Array, Array, NDArray[np.int64]]:
        """Positions in two frames of the points seen in both, and which points these are."""
        both = np.flatnonzero(np.isfinite(self.positions[first, :, 0] + self.positions[second, :, 0]))
        return self.positions[first, both], self.positions[second, both], both

    def keep(self, points: Mask) -> "Tracks":
        """Return the chosen points alone."""
        return Tracks(self.positions[:, points])


def follow(
    pictures: Sequence[Image],
    masks: Sequence[Image] | None = None,
    *,
    feel: Feel = SHARP,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Tracks:
    """Follow corners through all pictures.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8
    masks : T masks (h, w) uint8, or None
        Zero where no point may be.
    feel : Feel
        What can be followed.

    Returns
    -------
    Tracks
        Those seen in at least three frames.
    """
    rows: list[Array] = []
    points = step = np.empty((0, 2), np.float32)
    names = np.empty(0, np.int64)
    count, looked, steady = 0, -PATIENCE, False
    before = pictures[0]
    for frame, picture in enumerate(pictures):
        if cancelled is not None and cancelled():
            raise Cancelled
        mask = masks[frame] if masks is not None else None
        if len(points):
            guess = points + step
            moved, good = flow(before, picture, points, feel, guess if steady else None)
            steady = _near(moved[good], guess[good])
            if mask is not None:
                good &= _allowed(moved, mask)
            good[good] = _thinned(moved[good], picture.shape)
            points, names, step = moved[good], names[good], (moved - points)[good]
        if frame - looked >= PATIENCE and _thin(points, picture.shape):
            looked = frame
            fresh = _corners(picture, points, mask, feel)
            points = np.concatenate([points, fresh])
            step = np.concatenate([step, np.full_like(fresh, np.nan)])
            names = np.concatenate([names, np.arange(count, count + len(fresh))])
            count += len(fresh)
        before = picture
        rows.append(np.column_stack([names, points]))
        if progress is not None:
            progress((frame + 1) / len(pictures), "track")
    positions = np.full((len(pictures), count, 2), np.nan)
    for frame, row in enumerate(rows):
        positions[frame, row[:, 0].astype(np.int64)] = row[:, 1:] + 0.5
    tracks = Tracks(positions)
    return tracks.keep(tracks.seen.sum(axis=0) >= min(MIN_LENGTH, len(pictures)))


def _near(moved: Points, guess: Points) -> bool:
    """Whether most points that were to be found somewhere were found there."""
    off = np.hypot(*(moved - guess).T)
    told = off[np.isfinite(off)]
    return len(told) > 0 and float(np.quantile(told, 0.9)) < STEADY


def draw(seen: Mask, wanted: int, seed: int) -> Mask:
    """Draw tracks until every frame sees as many as wanted, or all it has.

    Parameters
    ----------
    seen : (T, M) bool
    wanted : int
    seed : int

    Returns
    -------
    (M,) bool
        Drawn evenly over what each frame sees, so that they stay spread over the picture.
    """
    held = np.zeros(len(seen), np.int64)
    chosen = np.zeros(seen.shape[1], bool)
    for track in np.random.default_rng(seed).permutation(seen.shape[1]):
        frames = seen[:, track]
        if (held[frames] < wanted).any():
            held += frames
            chosen[track] = True
    return chosen


def _allowed(points: Points, mask: Image) -> Mask:
    size = np.array([mask.shape[1], mask.shape[0]])
    x, y = np.clip(points.round().astype(np.int64), 0, size - 1).T
    return np.asarray(mask[y, x] > 0)


def _corners(picture: Image, points: Points, mask: Image | None, feel: Feel) -> Points:
    """Find new corners away from the points there are, spread over a grid."""
    free = np.full(picture.shape, 255, np.uint8) if mask is None else mask.copy()
    x, y = points.astype(int).T
    free[y, x] = 0
    free = np.asarray(cv2.erode(free, _DISC), np.uint8)
    found = cv2.goodFeaturesToTrack(picture, 4 * TARGET, feel.quality, MIN_DISTANCE, mask=free, blockSize=5)
    if found is None:
        return np.empty((0, 2), np.float32)
    corners = np.asarray(found[:, 0], np.float32)
    room = QUOTA - np.bincount(_cell(points, picture.shape), minlength=CELLS[0] * CELLS[1])
    return corners[_first_of_each(_cell(corners, picture.shape), room)]


def _thin(points: Points, shape: tuple[int, ...]) -> bool:
    """Whether parts of the picture hold too few points: as few as an edge that comes into view has."""
    held = np.bincount(_cell(points, shape), minlength=CELLS[0] * CELLS[1])
    return bool((held < QUOTA / 2).mean() > THIN)


def _thinned(points: Points, shape: tuple[int, ...]) -> Mask:
    """Mark the points to keep where many have come together: the oldest of each part of the picture."""
    return _first_of_each(_cell(points, shape), np.full(CELLS[0] * CELLS[1], CROWD * QUOTA))


def _cell(points: Points, shape: tuple[int, ...]) -> NDArray[np.int64]:
    size = np.array([shape[1] / CELLS[0], shape[0] / CELLS[1]])
    column, row = np.clip(points / size, 0, np.array(CELLS) - 1).astype(np.int64).T
    return np.asarray(row * CELLS[0] + column)


def _first_of_each(cell: NDArray[np.int64], room: NDArray[np.int64]) -> Mask:
    """Mark the first points of each cell, as many as it has room for."""
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order])
    keep = np.zeros(len(cell), bool)
    keep[order] = np.arange(len(cell)) - starts < room[cell[order]]
    return keep
