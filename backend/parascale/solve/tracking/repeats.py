"""Pictures that a film repeats: 25 a second stored as 50, 24 as 30, those a recorder could not keep up with."""

from collections.abc import Sequence
from itertools import groupby, pairwise

import cv2
import numpy as np

from parascale.errors import Notice
from parascale.solve.tracking.flow import strong_corners, track_points
from parascale.solve.tracking.footage import Footage
from parascale.types import Array, Image

# A picture may be a repeat where it changes by less than this share of what the livelier steps around it change.
MAX_CHANGE_SHARE, NEIGHBOURS, LIVELY = 0.5, 6, 85
# Longer rests are the camera's own.
MAX_RUN = 5
# The fewest corners that show the motion, and by how many pixels they must move to show one.
MIN_CORNERS, MIN_MOTION = 20, 0.05
# Motion across a repeat, as a share of that of the steps before and after, which go the same way.
MAX_MOTION_SHARE, MIN_AGREEMENT = 0.12, 0.5
# So many such rests are a cadence; where there are fewer, each must be more like its picture.
CADENCE = 4
MAX_CADENCE_CHANGE_SHARE = 0.35
MAX_LONE_CHANGE_SHARE, MAX_LONE_MOTION_SHARE = 0.25, 0.05
# A picture that changes by less than this share of what both steps beside it do is a repeat however the camera moves:
# no camera rests for one picture. The least in film clips is 0.57, of two flashed pictures 0.12; repeats have to 0.06.
MAX_FROZEN_SHARE = 0.08


def leave_out_repeats(name: str, footage: Footage) -> Footage:
    """Leave out pictures that repeat the one before, and say so."""
    repeats = find_repeats(footage.grey)
    if not repeats:
        return footage
    share = 1 - len(repeats) / len(footage) if len(repeats) >= CADENCE else 1.0
    told = f"{name} repeats pictures: {len(repeats)} of {len(footage)} are those before them and are left out"
    rate = f", {footage.info.fps * share:.4g} a second are new" if share < 1 else ""
    return footage.without_repeats(repeats, share, Notice(told + rate))


def find_repeats(pictures: Sequence[Image]) -> list[int]:
    """Find pictures that show what the one before shows, while the camera moves on before and after.

    A camera that rests shows the same picture too. What tells a repeat is that the camera moves at once before it and
    at once after it, and the same way.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8

    Returns
    -------
    list of int
        Their indices.
    """
    change = np.array([cv2.norm(a, b, cv2.NORM_L1) / a.size for a, b in pairwise(pictures)])
    if len(change) < 2:
        return []
    around = [change[max(step - NEIGHBOURS, 0) : step + NEIGHBOURS + 1] for step in range(len(change))]
    still = change < MAX_CHANGE_SHARE * np.array([np.percentile(each, LIVELY) for each in around])
    runs = [[step for step, _ in group] for rests, group in groupby(enumerate(still), lambda each: each[1]) if rests]
    runs = [run for run in runs if len(run) <= MAX_RUN]
    inner = [run for run in runs if run[0] > 0 and run[-1] < len(change) - 1]
    shares = [_motion_share(pictures, run) for run in inner]
    found = [(run, share) for run, share in zip(inner, shares, strict=True) if abs(share) < MAX_MOTION_SHARE]
    if len(found) < CADENCE:
        lone = [
            run
            for run, share in found
            if abs(share) < MAX_LONE_MOTION_SHARE
            and change[run].max() < MAX_LONE_CHANGE_SHARE * min(change[run[0] - 1], change[run[-1] + 1])
        ]
        return sorted({*_find_frozen(change), *(step + 1 for run in lone for step in run)})
    # What repeats all along also repeats at the film's ends, and where a shaky camera turns back or slows down.
    longest = max(len(run) for run, _ in found)
    beside = np.array([_beside(change, step, longest) for step in range(len(change))])
    repeated = set(np.flatnonzero(change < MAX_CADENCE_CHANGE_SHARE * beside).tolist())
    return sorted(step + 1 for step in repeated.union(*(run for run, _ in found)))


def _find_frozen(change: Array) -> list[int]:
    """Find pictures that stand still alone, between two steps of plain change."""
    beside = np.minimum(change[:-2], change[2:])
    found: list[int] = (np.flatnonzero(change[1:-1] < MAX_FROZEN_SHARE * beside) + 2).tolist()
    return found


def _beside(change: Array, step: int, reach: int) -> float:
    """Give the change of the liveliest step within reach, of the quieter side; near an end of the film of the other."""
    sides = [change[max(step - reach, 0) : step], change[step + 1 : step + 1 + reach]]
    whole = [side for side in sides if len(side) == reach] or [side for side in sides if len(side)]
    return float(min(side.max() for side in whole))


def _motion_share(pictures: Sequence[Image], run: Sequence[int]) -> float:
    """Motion of the steps of a run as a share of that of the steps beside it; infinite where these do not agree."""
    first, last = run[0], run[-1]
    corners = strong_corners(pictures[first - 1])
    if len(corners) < MIN_CORNERS:
        return np.inf
    path, good = [corners], np.ones(len(corners), bool)
    for step in range(first - 1, last + 2):
        moved, found = track_points(pictures[step], pictures[step + 1], path[-1])
        path.append(moved)
        good &= found
    if good.sum() < MIN_CORNERS:
        return np.inf
    steps: Array = np.diff(np.array(path, np.float64)[:, good], axis=0)
    before, after = steps[0], steps[-1]
    lengths = [float(np.sqrt((each**2).sum(axis=1).mean())) for each in (before, after)]
    if min(lengths) < MIN_MOTION:
        return np.inf
    agreement = float((before * after).sum(axis=1).mean()) / (lengths[0] * lengths[1])
    if agreement < MIN_AGREEMENT:
        return np.inf
    typical = (before + after) / 2
    shares = (steps[1:-1] * typical).sum(axis=(1, 2)) / (typical**2).sum()
    return float(shares[np.abs(shares).argmax()])
