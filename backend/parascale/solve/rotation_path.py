"""The path of a camera that only turns: rotations from the tracks, no step."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from parascale.solve.motion_class import widest_pairs
from parascale.solve.tracks import Tracks
from parascale.solve.turning import fit_turn

Array = NDArray[np.float64]

MIN_SHARED = 40
SHARE = 0.5


def refine_turning_focal(tracks: Tracks, focal: float) -> float:
    """Search the focal length, in working pixels, that explains the widest turns best."""
    pairs = [tracks.pair(a, b)[:2] for a, b in widest_pairs(tracks)]

    def cost(log_focal: float) -> float:
        errors = (fit_turn(a, b, float(np.exp(log_focal))).error for a, b in pairs)
        return float(sum(np.log1p((error**2).sum(axis=1)).sum() for error in errors))

    middle = np.log(focal)
    found = minimize_scalar(cost, bounds=(middle - 0.4, middle + 0.4), method="bounded", options={"xatol": 2e-3})
    return float(np.exp(found.x))


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
