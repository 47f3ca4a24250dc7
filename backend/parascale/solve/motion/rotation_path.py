"""The path of a camera that only turns: rotations from the tracks, no step."""

import numpy as np

from parascale.solve.motion.turning import fit_turn
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

MIN_SHARED = 40
SHARE = 0.5


def turning_path(tracks: Tracks, focal: float) -> tuple[Array, float] | None:
    """Rotations of every frame, camera-to-world, and the root mean square error in working pixels.

    Each frame is held against an anchor, which moves on where too few of its points are still in view.

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
        if (seen[anchor] & seen[frame]).sum() < max(MIN_SHARED, SHARE * seen[anchor].sum()):
            anchor = frame - 1
        first, second, both = tracks.pair(anchor, frame)
        if len(both) < 8:
            return None
        turn = fit_turn(first, second, focal)
        rotations[frame] = rotations[anchor] @ turn.rotation.T
        length = np.hypot(*turn.error.T)
        errors.append(length[length < 3 * max(np.median(length), 0.1)])
    return rotations, float(np.sqrt((np.concatenate(errors) ** 2).mean())) if errors else 0.0
