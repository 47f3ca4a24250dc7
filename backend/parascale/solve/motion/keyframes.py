"""Keyframes: the frames that are mapped first, at equal steps of image motion."""

import numpy as np
from numpy.typing import NDArray

from parascale.solve.tracking.tracks import Tracks

MIN_KEYFRAMES, MAX_KEYFRAMES = 8, 24
# Share of the picture's width that the points move from one keyframe to the next, where the bounds above allow.
MOTION_PER_KEYFRAME = 0.03
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
        Increasing frame indices, the first and last frame among them; all where pictures were matched.
    """
    count = len(tracks.positions)
    if tracks.matched:
        return np.arange(count)
    moved = np.array([np.median(step) if len(step) else 0.0 for step in tracks.steps()])
    motion = np.concatenate([[0.0], np.cumsum(np.maximum(moved, 1e-6))])
    wanted = int(np.ceil(motion[-1] / (MOTION_PER_KEYFRAME * width)) + 1)
    wanted = int(np.clip(wanted, min(MIN_KEYFRAMES, count), min(MAX_KEYFRAMES, count)))
    chosen = np.unique(np.abs(motion[:, None] - np.linspace(0, motion[-1], wanted)).argmin(axis=0))
    return _split_gaps(tracks, chosen)


def _split_gaps(tracks: Tracks, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Halve the gaps across which too few points were tracked."""
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
