"""Points followed through the clip: pyramidal Lucas-Kanade, checked forward and backward, replenished."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.errors import Cancelled

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TARGET = 900
CELLS = (12, 8)
MIN_DISTANCE = 9.0
QUALITY = 0.003
WINDOW = 21
LEVELS = 4
FORWARD_BACKWARD = 0.35
MIN_EIGENVALUE = 2e-4
MIN_LENGTH = 3


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
        return np.isfinite(self.positions[:, :, 0])

    def __len__(self) -> int:
        return self.positions.shape[1]

    def pair(self, first: int, second: int) -> tuple[Array, Array, NDArray[np.int64]]:
        """Positions in two frames of the points seen in both, and which points these are."""
        both = np.flatnonzero(self.seen[first] & self.seen[second])
        return self.positions[first, both], self.positions[second, both], both

    def keep(self, points: Mask) -> "Tracks":
        """Return the chosen points alone."""
        return Tracks(self.positions[:, points])


def follow(
    pictures: Sequence[NDArray[np.uint8]],
    masks: Sequence[NDArray[np.uint8] | None] | None = None,
    *,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Tracks:
    """Follow corners through all pictures.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8
    masks : T masks (h, w) uint8 or None
        Zero where no point may be.

    Returns
    -------
    Tracks
        Those seen in at least three frames.
    """
    rows: list[Array] = []
    points = np.empty((0, 2), np.float32)
    names = np.empty(0, np.int64)
    count = 0
    before = pictures[0]
    for frame, picture in enumerate(pictures):
        if cancelled is not None and cancelled():
            raise Cancelled
        mask = masks[frame] if masks is not None else None
        if len(points):
            moved, good = _step(before, picture, points)
            if mask is not None:
                good &= (
                    mask[tuple(np.clip(moved.round().astype(int).T[::-1], 0, np.array(mask.shape)[:, None] - 1))] > 0
                )
            points, names = moved[good], names[good]
        if len(points) < 0.85 * TARGET:
            fresh = _corners(picture, points, mask)
            points = np.concatenate([points, fresh])
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


def _step(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Mask]:
    options = {
        "winSize": (WINDOW, WINDOW),
        "maxLevel": LEVELS,
        "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003),
        "minEigThreshold": MIN_EIGENVALUE,
    }
    moved, forward, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, **options)
    back, backward, _ = cv2.calcOpticalFlowPyrLK(
        after, before, moved, points.copy(), flags=cv2.OPTFLOW_USE_INITIAL_FLOW, **options
    )
    good = (forward.ravel() == 1) & (backward.ravel() == 1)
    good &= np.hypot(*(back - points).T) < FORWARD_BACKWARD
    edge = 2
    good &= (moved >= edge).all(axis=1) & (moved < [after.shape[1] - edge, after.shape[0] - edge]).all(axis=1)
    return moved, good


def _corners(
    picture: NDArray[np.uint8], points: NDArray[np.float32], mask: NDArray[np.uint8] | None
) -> NDArray[np.float32]:
    """New corners away from the points there are, spread over a grid."""
    height, width = picture.shape
    free = np.full(picture.shape, 255, np.uint8) if mask is None else np.where(mask > 0, np.uint8(255), np.uint8(0))
    for x, y in points.astype(int):
        cv2.circle(free, (int(x), int(y)), int(MIN_DISTANCE), 0, -1)
    found = cv2.goodFeaturesToTrack(picture, 4 * TARGET, QUALITY, MIN_DISTANCE, mask=free, blockSize=5)
    if found is None:
        return np.empty((0, 2), np.float32)
    found = found[:, 0]
    quota = int(np.ceil(TARGET / (CELLS[0] * CELLS[1])))
    cells = np.array([width / CELLS[0], height / CELLS[1]])
    room = np.full(CELLS[0] * CELLS[1], quota)
    np.subtract.at(room, _cell(points, cells), 1)
    return found[_first_of_each(_cell(found, cells), room)]


def _cell(points: NDArray[np.float32], cells: Array) -> NDArray[np.int64]:
    column, row = np.minimum(points / cells, np.array(CELLS) - 1).astype(np.int64).T
    return np.asarray(row * CELLS[0] + column)


def _first_of_each(cell: NDArray[np.int64], room: NDArray[np.int64]) -> Mask:
    """Mark the first (strongest) corners of each cell, as many as it has room for."""
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order])
    keep = np.zeros(len(cell), bool)
    keep[order] = np.arange(len(cell)) - starts < room[cell[order]]
    return keep
