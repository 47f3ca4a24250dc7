"""Tracks: corners followed through the clip, with new ones added where they become few."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.solve.tracking.flow import SHARP_CORNERS, Points, TrackerOptions, track_points
from parascale.types import Array, Image, Mask, Progress

TARGET_POINTS = 720
GRID_CELLS = (16, 9)
CELL_COUNT = GRID_CELLS[0] * GRID_CELLS[1]
POINTS_PER_CELL = -(-TARGET_POINTS // CELL_COUNT)
# A cell with more points than this many times its quota, as where a camera moves back, loses its newest points.
MAX_CROWDING = 2
FRAMES_BETWEEN_DETECTIONS = 2
MIN_DISTANCE = 9.0
MIN_TRACK_LENGTH = 3
TRACKS_OF_A_PART = 1000
# Share of the cells that may hold too few points before new corners are detected.
MAX_SPARSE_SHARE = 0.03
# Working pixels: while most points move on as before to within this error, the next search starts at the prediction.
MAX_PREDICTION_ERROR = 1.5

_MIN_DISTANCE_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(MIN_DISTANCE) + 1,) * 2)


@dataclass(frozen=True, eq=False)
class Tracks:
    """Points and the frames that observe them.

    Attributes
    ----------
    positions : (T, M, 2) float64
        Pixels of the working picture, pixel centres at +0.5; NaN where a point is not observed.
    matched : bool
        Whether they are matched features of pictures in no order, and not corners followed from frame to frame.
    """

    positions: Array
    matched: bool = False

    @property
    def seen(self) -> Mask:
        """(T, M): whether a frame observes a point."""
        return np.asarray(np.isfinite(self.positions[:, :, 0]))

    def __len__(self) -> int:
        return self.positions.shape[1]

    @property
    def shared(self) -> NDArray[np.int64]:
        """(T - 1,) number of points that two neighbouring frames share."""
        return np.asarray((self.seen[:-1] & self.seen[1:]).sum(axis=1))

    def pair(self, first: int, second: int) -> tuple[Array, Array, NDArray[np.int64]]:
        """Positions in two frames of the points observed by both, and the track ids of these."""
        both = np.flatnonzero(np.isfinite(self.positions[first, :, 0] + self.positions[second, :, 0]))
        return self.positions[first, both], self.positions[second, both], both

    def steps(self) -> Iterator[Array]:
        """By how many pixels each point moves that two neighbouring frames share, one pair after the other."""
        for before, after in pairwise(self.positions):
            moved = np.linalg.norm(after - before, axis=1)
            yield moved[np.isfinite(moved)]

    def parts(self) -> Iterator[Array]:
        """Positions (T, m, 2) of some tracks after the others, where several arrays of them all would be too large."""
        for first in range(0, max(len(self), 1), TRACKS_OF_A_PART):
            yield self.positions[:, first : first + TRACKS_OF_A_PART]

    def keep_pictures(self, chosen: Sequence[int]) -> "Tracks":
        """Return the tracks in the chosen pictures only, those that are long enough there."""
        kept = replace(self, positions=self.positions[list(chosen)])
        return kept.keep(kept.seen.sum(axis=0) >= min(MIN_TRACK_LENGTH, len(chosen)))

    def keep(self, chosen: Mask) -> "Tracks":
        """Return the chosen tracks only."""
        return replace(self, positions=self.positions[:, chosen])


def track_corners(
    pictures: Sequence[Image],
    masks: Sequence[Image] | None = None,
    *,
    options: TrackerOptions = SHARP_CORNERS,
    progress: Progress | None = None,
) -> Tracks:
    """Track corners through all pictures.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8
    masks : T masks (h, w) uint8, or None
        Zero where no point may be.
    options : TrackerOptions

    Returns
    -------
    Tracks
        Those observed by at least three frames.
    """
    rows: list[Array] = []
    points = step = np.empty((0, 2), np.float32)
    track_ids = np.empty(0, np.int64)
    count, detected, predictable = 0, -FRAMES_BETWEEN_DETECTIONS, False
    before = pictures[0]
    for frame, picture in enumerate(pictures):
        mask = masks[frame] if masks is not None else None
        if len(points):
            guess = points + step
            moved, good = track_points(before, picture, points, options, guess if predictable else None)
            predictable = _is_predictable(moved[good], guess[good])
            if mask is not None:
                good &= _is_unmasked(moved, mask)
            # Where many have come together, only the oldest of each cell are kept.
            quota = np.full(CELL_COUNT, MAX_CROWDING * POINTS_PER_CELL)
            good[good] = _keep_first(_cell_index(moved[good], picture.shape), quota)
            points, track_ids, step = moved[good], track_ids[good], (moved - points)[good]
        if frame - detected >= FRAMES_BETWEEN_DETECTIONS and _is_sparse(points, picture.shape):
            detected = frame
            corners = _detect_corners(picture, points, mask, options)
            points = np.concatenate([points, corners])
            step = np.concatenate([step, np.full_like(corners, np.nan)])
            track_ids = np.concatenate([track_ids, np.arange(count, count + len(corners))])
            count += len(corners)
        before = picture
        rows.append(np.column_stack([track_ids, points]))
        if progress is not None:
            progress((frame + 1) / len(pictures), "track")
    return Tracks(_collect(rows, count))


def _collect(rows: Sequence[Array], count: int) -> Array:
    """Collect the positions (T, M, 2) of tracks that are long enough, from rows of track, x and y of each frame.

    Most of so many corners are lost at once, so that they are left out before there is an array of all frames.
    """
    first, last = np.full(count, len(rows)), np.full(count, -1)
    for frame, row in enumerate(rows):
        track_ids = row[:, 0].astype(np.int64)
        first[track_ids] = np.minimum(first[track_ids], frame)
        last[track_ids] = frame
    kept = np.flatnonzero(last - first + 1 >= min(MIN_TRACK_LENGTH, len(rows)))
    column = np.full(count, -1)
    column[kept] = np.arange(len(kept))
    positions = np.full((len(rows), len(kept), 2), np.nan)
    for frame, row in enumerate(rows):
        columns = column[row[:, 0].astype(np.int64)]
        positions[frame, columns[columns >= 0]] = row[columns >= 0, 1:] + 0.5
    return positions


def _is_predictable(moved: Points, guess: Points) -> bool:
    """Whether most of the points that have a prediction were found close to it."""
    error = np.hypot(*(moved - guess).T)
    known = error[np.isfinite(error)]
    return len(known) > 0 and float(np.quantile(known, 0.9)) < MAX_PREDICTION_ERROR


def sample_tracks(seen: Mask, wanted: int, seed: int) -> Mask:
    """Draw tracks until every frame observes as many as wanted, or all it has.

    Parameters
    ----------
    seen : (T, M) bool
    wanted : int
    seed : int

    Returns
    -------
    (M,) bool
        Drawn evenly from what each frame observes, so that they stay spread over the picture.
    """
    drawn = np.zeros(len(seen), np.int64)
    chosen = np.zeros(seen.shape[1], bool)
    for track in np.random.default_rng(seed).permutation(seen.shape[1]):
        frames = seen[:, track]
        if (drawn[frames] < wanted).any():
            drawn += frames
            chosen[track] = True
    return chosen


def _is_unmasked(points: Points, mask: Image) -> Mask:
    size = np.array([mask.shape[1], mask.shape[0]])
    x, y = np.clip(points.round().astype(np.int64), 0, size - 1).T
    return np.asarray(mask[y, x] > 0)


def _detect_corners(picture: Image, points: Points, mask: Image | None, options: TrackerOptions) -> Points:
    """Detect new corners away from the existing points, spread over a grid."""
    free = np.full(picture.shape, 255, np.uint8) if mask is None else mask.copy()
    x, y = points.astype(int).T
    free[y, x] = 0
    free = np.asarray(cv2.erode(free, _MIN_DISTANCE_DISC), np.uint8)
    found = cv2.goodFeaturesToTrack(
        picture, 4 * TARGET_POINTS, options.corner_quality, MIN_DISTANCE, mask=free, blockSize=5
    )
    if found is None:
        return np.empty((0, 2), np.float32)
    corners = np.asarray(found[:, 0], np.float32)
    room = POINTS_PER_CELL - np.bincount(_cell_index(points, picture.shape), minlength=CELL_COUNT)
    return corners[_keep_first(_cell_index(corners, picture.shape), room)]


def _is_sparse(points: Points, shape: tuple[int, ...]) -> bool:
    """Whether parts of the picture hold too few points: as few as an edge that comes into view."""
    counts = np.bincount(_cell_index(points, shape), minlength=CELL_COUNT)
    return bool((counts < POINTS_PER_CELL / 2).mean() > MAX_SPARSE_SHARE)


def _cell_index(points: Points, shape: tuple[int, ...]) -> NDArray[np.int64]:
    size = np.array([shape[1] / GRID_CELLS[0], shape[0] / GRID_CELLS[1]])
    column, row = np.clip(points / size, 0, np.array(GRID_CELLS) - 1).astype(np.int64).T
    return np.asarray(row * GRID_CELLS[0] + column)


def _keep_first(cell: NDArray[np.int64], room: NDArray[np.int64]) -> Mask:
    """Mark the first points of each cell, as many as it has room for."""
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order])
    keep = np.zeros(len(cell), bool)
    keep[order] = np.arange(len(cell)) - starts < room[cell[order]]
    return keep
