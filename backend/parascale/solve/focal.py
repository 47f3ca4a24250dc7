"""What the motion tells of the focal length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.solve.adjustment import adjust
from parascale.solve.solution import Solution
from parascale.solve.tracks import Tracks

Array = NDArray[np.float64]

# How far, in ln f, the answer is pulled aside to see how hard it pulls back.
ASIDE = 0.12
FRAMES = 16
# Neighbouring sightings of a track share their error: that many count as one.
CORRELATED = 12.0
# A standard deviation of ln f beyond this says nothing that an ordinary lens would not.
OBSERVABLE = 0.05


@dataclass(frozen=True)
class FocalEvidence:
    """How well the motion determines the focal length.

    Attributes
    ----------
    spread : float
        Standard deviation of ln f; inf where the motion says nothing.
    """

    spread: float

    @property
    def observable(self) -> bool:
        """Whether the motion determines it."""
        return self.spread < OBSERVABLE

    def interval(self, focal: float) -> list[float] | None:
        """95 % interval around a focal length, in its unit; None where the motion says nothing."""
        if not self.observable:
            return None
        return [focal * float(np.exp(-2 * self.spread)), focal * float(np.exp(2 * self.spread))]


def weigh_focal(tracks: Tracks, solution: Solution, threads: int) -> FocalEvidence:
    """Refine a solution again with its focal length held aside, and see how much worse it fits.

    The cost of a fit is half its squared error over the variance, and its curvature over ln f the inverse of the
    variance of ln f. Where the camera does not turn, focal length trades against depth, and the curvature vanishes.
    """
    frames = np.unique(np.linspace(0, len(tracks.positions) - 1, FRAMES).astype(int))
    positions, poses = tracks.positions[frames], solution.cam_from_world[frames]
    used = solution.used[frames]
    used = used & (used.sum(axis=0) >= 3)
    points = solution.structure.points

    def cost(focal: float) -> float:
        return adjust(positions, poses, points, used, focal, max_iterations=25, threads=threads).cost

    middle = cost(solution.focal)
    sides = [cost(solution.focal * np.exp(aside)) for aside in (-ASIDE, ASIDE)]
    variance = 2 * middle / max(2 * int(used.sum()), 1)
    curvature = (sum(sides) - 2 * middle) / ASIDE**2 / variance / CORRELATED
    return FocalEvidence(float(1 / np.sqrt(curvature)) if curvature > 0 else float("inf"))
