"""The path of a camera that only rotates."""

import numpy as np

from parascale.solve.motion.rotation_fit import fit_rotation
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

# An anchor is kept while a frame shares at least this many of its points, and this share of them.
MIN_SHARED = 40
MIN_SHARED_RATIO = 0.5


def estimate_rotation_path(tracks: Tracks, focal: float) -> tuple[Array, float] | None:
    """Estimate the rotation of every frame, camera-to-world, and the root mean square error in working pixels.

    Each frame is compared with an anchor frame, which moves on where too few of its points are still in view.

    Returns
    -------
    ((T, 3, 3), float) or None
        None where the points of two neighbouring frames do not suffice.
    """
    count = len(tracks.positions)
    seen = tracks.seen
    rotations = np.tile(np.eye(3), (count, 1, 1))
    anchor = 0
    errors = []
    for frame in range(1, count):
        if (seen[anchor] & seen[frame]).sum() < max(MIN_SHARED, MIN_SHARED_RATIO * seen[anchor].sum()):
            anchor = frame - 1
        first, second, both = tracks.pair(anchor, frame)
        if len(both) < 8:
            return None
        fit = fit_rotation(first, second, focal)
        rotations[frame] = rotations[anchor] @ fit.rotation.T
        length = np.hypot(*fit.error.T)
        errors.append(length[length < 3 * max(np.median(length), 0.1)])
    return rotations, float(np.sqrt((np.concatenate(errors) ** 2).mean())) if errors else 0.0
