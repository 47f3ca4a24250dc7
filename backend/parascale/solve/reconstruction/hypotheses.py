"""Maps of the keyframes as hypotheses, compared by their likelihood on tracks that none of them was refined on.

Seen over a narrow field, a step aside and a turn look nearly alike, and so do a step ahead over uneven ground and a
rise with a pitch. A mapper that began with the wrong one of two such answers stays with it. So each map is compared
with its twins, in which the cameras turn less, or the other way, about the middle of the scene.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from parascale.solve.reconstruction.adjustment import adjust_bundle
from parascale.solve.reconstruction.mapping import KeyframeMap
from parascale.solve.reconstruction.triangulation import triangulate
from parascale.solve.tracking.tracks import sample_tracks
from parascale.types import Array, Mask

log = logging.getLogger(__name__)

# Factors of the rotation from the first camera, in the twins of a map.
TWIN_ROTATIONS = (0.0, -1.0)
# Observations a keyframe that a hypothesis is refined on; the others judge it.
REFINED_OBSERVATIONS = 250
# Working pixels: the largest errors refined on, in the rounds of a refinement; and beyond which all count alike.
LIMITS, MAX_ERROR = (8.0, 4.0), 1.5
ITERATIONS = 12
MIN_OBSERVATIONS = 3
# A map with a smaller cost has no twin that fits better.
TRUSTED_COST = 0.005
# A twin is taken where its cost is smaller than that of the map by this factor: by less they differ by chance.
MAX_TWIN_COST = 0.9


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A map of the keyframes, and its cost on the held-out tracks: mean truncated squared error, 0 .. 1."""

    map: KeyframeMap
    cost: float


@dataclass(frozen=True, eq=False)
class Jury:
    """The tracks of the keyframes: some to refine hypotheses on, the others to judge them.

    Attributes
    ----------
    positions : (K, M, 2) float64
        Working pixels from the principal point, NaN where not observed.
    refined : (M,) bool
        The tracks that hypotheses are refined on.
    threads : int
    """

    positions: Array
    refined: Mask
    threads: int = 1

    @classmethod
    def of(cls, positions: Array, seed: int, threads: int) -> "Jury":
        """Share out the tracks that enough keyframes observe."""
        seen = np.isfinite(positions[:, :, 0])
        kept = seen.sum(axis=0) >= min(MIN_OBSERVATIONS, len(positions))
        return cls(positions[:, kept], sample_tracks(seen[:, kept], REFINED_OBSERVATIONS, seed), threads)

    def refine(self, found: KeyframeMap) -> Hypothesis:
        """Refine the poses of a map, and judge it."""
        known = found.registered
        positions, poses = self.positions[known][:, self.refined], found.world_to_camera[known]
        for limit in LIMITS:
            structure = triangulate(positions / found.focal, poses, found.focal)
            fits = structure.residuals < limit
            fits &= fits.sum(axis=0) >= 2
            poses = adjust_bundle(
                positions, poses, structure.points, fits, found.focal, max_iterations=ITERATIONS, threads=self.threads
            ).world_to_camera
        refined = found.world_to_camera.copy()
        refined[known] = poses
        better = replace(found, world_to_camera=refined)
        return Hypothesis(better, self.cost(better))

    def choose_twin(self, found: KeyframeMap) -> KeyframeMap:
        """Refine a map and its twins, and return the likeliest."""
        best = self.refine(found)
        if best.cost < TRUSTED_COST:
            return best.map
        twins = self.refine_twins(best.map)
        better = min((best, *twins), key=lambda hypothesis: hypothesis.cost)
        log.debug("twins: %s", [round(each.cost, 4) for each in (best, *twins)])
        return self.refine(better.map).map if better.cost < MAX_TWIN_COST * best.cost else best.map

    def refine_twins(self, found: KeyframeMap) -> list[Hypothesis]:
        """Refine the twins of a map, and judge them."""
        return [self.refine(twin) for twin in _twins(found, self.positions)]

    def cost(self, found: KeyframeMap) -> float:
        """Mean truncated squared error of the held-out tracks; frames without a pose count as errors."""
        held_out = self.positions[:, ~self.refined] if (~self.refined).any() else self.positions
        known = found.registered
        structure = triangulate(held_out[known] / found.focal, found.world_to_camera[known], found.focal)
        seen = np.isfinite(held_out[:, :, 0])
        errors = np.minimum(structure.residuals[seen[known]] / MAX_ERROR, 1.0) ** 2
        return float((errors.sum() + seen[~known].sum()) / max(seen.sum(), 1))


def _twins(found: KeyframeMap, positions: Array) -> Iterator[KeyframeMap]:
    known = np.flatnonzero(found.registered)
    poses = found.world_to_camera[known]
    structure = triangulate(positions[known] / found.focal, poses, found.focal)
    inverse = 1 / np.maximum(structure.points @ poses[:, 2, :3].T + poses[:, 2, 3], 1e-9)
    seen = np.isfinite(positions[known][:, :, 0]).T & np.isfinite(inverse)
    for factor in TWIN_ROTATIONS:
        turned = poses.copy()
        for at, pose in enumerate(poses):
            away = cv2.Rodrigues(pose[:, :3] @ poses[0, :, :3].T)[0]
            rotation = cv2.Rodrigues(factor * away)[0] @ poses[0, :, :3]
            nearness = np.median(inverse[seen[:, at], at]) if seen[:, at].any() else 1.0
            middle = np.array([0.0, 0.0, 1 / nearness])
            world = pose[:, :3].T @ (middle - pose[:, 3])
            turned[at] = np.column_stack([rotation, middle - rotation @ world])
        twin = found.world_to_camera.copy()
        twin[known] = turned
        yield replace(found, world_to_camera=twin)
