"""The frames a map is built on: as many as the motion needs, evenly spread over it."""

import numpy as np
from numpy.typing import NDArray

from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

FEWEST, MOST = 8, 24
# Share of the picture's width that the points move from one keyframe to the next, where the bounds above allow.
STEP = 0.03
MIN_SHARED = 60


def choose_keyframes(tracks: Tracks, width: float) -> NDArray[np.int64]:
    """Choose frames at equal steps of accumulated image motion.

    Parameters
    ----------
    tracks : Tracks
    width : float
        Of the working picture, pixels.

    Returns
    -------
    (K,) int64
        Increasing frame indices, the first and last frame among them.
    """
    count = len(tracks.positions)
    motion = np.concatenate([[0.0], np.cumsum(np.maximum(frame_motion(tracks), 1e-6))])
    wanted = int(np.clip(np.ceil(motion[-1] / (STEP * width)) + 1, min(FEWEST, count), min(MOST, count)))
    marks = np.linspace(0, motion[-1], wanted)
    chosen = np.unique(np.abs(motion[:, None] - marks).argmin(axis=0))
    return _bridge(tracks, chosen)


def frame_motion(tracks: Tracks) -> Array:
    """Median distance the points moved from each frame to the next, (T - 1,) working pixels."""
    steps = np.linalg.norm(np.diff(tracks.positions, axis=0), axis=2)
    moved = np.zeros(len(steps))
    for frame, step in enumerate(steps):
        there = step[np.isfinite(step)]
        moved[frame] = np.median(there) if len(there) else 0.0
    return moved


def _bridge(tracks: Tracks, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Halve the gaps over which too few points were followed."""
    seen = tracks.seen
    frames = list(chosen)
    index = 0
    while index + 1 < len(frames):
        a, b = frames[index], frames[index + 1]
        if b - a > 1 and (seen[a] & seen[b]).sum() < MIN_SHARED:
            frames.insert(index + 1, (a + b) // 2)
        else:
            index += 1
    return np.array(frames, np.int64)
