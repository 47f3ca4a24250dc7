"""Other answers than the one found: what fits nearly as well, and how far its Parallax Number lies from that one.

A mapper that starts elsewhere, on other tracks, may end in another path. Where that fits the held-out tracks nearly as
well, the clip does not tell the two apart, whatever the noise of the steps says.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from parascale.solve.reconstruction.hypotheses import MAX_TWIN_COST, Hypothesis, Jury
from parascale.solve.reconstruction.mapping import KeyframeMap
from parascale.solve.reconstruction.triangulation import camera_centres, triangulate
from parascale.types import Array

log = logging.getLogger(__name__)

# Two independent halves differ by twice the standard deviation of their mean.
HALVES_TO_WHOLE = 2.0
# With a smaller cost a map's twins were tried when it was chosen, and fitted worse by far.
DOUBTFUL_COST = 0.25
# Maps whose ln P differs by less in the median are one path.
MIN_RATIO = 0.05


@dataclass(frozen=True, eq=False)
class Rivals:
    """What else fits a map's tracks.

    Attributes
    ----------
    better : KeyframeMap or None
        Another path that fits the held-out tracks better than the one found.
    log_ratios : (R, K - 1) float64
        ln of P between keyframes, of each map that fits as well as the one found, over that of the one found.
    half_spread : (K - 1,) float64
        Standard deviation of ln P between keyframes, from each half of the tracks for itself.
    """

    better: KeyframeMap | None
    log_ratios: Array
    half_spread: Array

    @property
    def spread(self) -> Array:
        """Standard deviation of ln P (K - 1,) between keyframes: the farthest rival, and the halves."""
        farthest = np.abs(self.log_ratios).max(axis=0, initial=0.0)
        return np.asarray(np.hypot(farthest, self.half_spread))

    @property
    def farthest(self) -> float:
        """Signed ln of the factor by which P of the farthest rival differs, in the median of the intervals."""
        medians = np.median(self.log_ratios, axis=1)
        return float(medians[np.abs(medians).argmax()]) if len(medians) else 0.0


def find_rivals(jury: Jury, found: KeyframeMap, others: Sequence[KeyframeMap]) -> Rivals:
    """Compare a map of all keyframes with others, and its twins where it fits badly, on tracks not refined on."""
    mine = jury.refine(found)
    tried = [jury.refine(other) for other in others if other.registered.all()]
    if mine.cost > DOUBTFUL_COST:
        tried += jury.refine_twins(mine.map)
    likely = [each for each in tried if each.cost < mine.cost / MAX_TWIN_COST]
    swapped = replace(jury, refined=~jury.refined)
    halves = [_log_parallax(jury, each.map) for each in (mine, swapped.refine(found))]
    whole = _log_parallax(jury, mine.map)
    ratios = np.array([_log_parallax(jury, each.map) - whole for each in likely]).reshape(-1, len(whole))
    apart = [abs(float(np.median(ratio))) > MIN_RATIO for ratio in ratios]
    better = min((each for each, is_apart in zip(likely, apart, strict=True) if is_apart), key=_cost, default=None)
    log.debug("rivals: %.4f against %s, ln P %s", mine.cost, [round(each.cost, 4) for each in tried], ratios.round(2))
    better = None if better is None or better.cost > mine.cost else better
    return Rivals(None if better is None else better.map, ratios, np.abs(halves[0] - halves[1]) / HALVES_TO_WHOLE)


def _cost(hypothesis: Hypothesis) -> float:
    return hypothesis.cost


def _log_parallax(jury: Jury, found: KeyframeMap) -> Array:
    """Logarithm of P between keyframes (K - 1,), with the median inverse depth of the tracks that a keyframe sees."""
    poses = found.world_to_camera
    points = triangulate(jury.positions / found.focal, poses, found.focal).points
    axis = poses[:, 2]
    inverse = 1 / np.maximum(axis[:, :3] @ points.T + axis[:, 3:], 1e-9)
    inverse[~np.isfinite(jury.positions[:, :, 0])] = np.nan
    steps = np.linalg.norm(np.diff(camera_centres(poses), axis=0), axis=1)
    return np.asarray(np.log(np.maximum(steps * np.nanmedian(inverse, axis=1)[:-1], 1e-12)))
