"""A clip while it is solved, and a candidate for its solution."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.media.sequences import reference_name
from parascale.solve.lens.focal import FocalEvidence
from parascale.solve.lens.lens import Lens
from parascale.solve.reconstruction.mapping import Mapper
from parascale.solve.reconstruction.solution import Solution
from parascale.solve.tracking.footage import Footage
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

# Where the focal length is unknown: a lens of 28 mm (on a frame of 36), as phones and drones have.
ASSUMED_FOCAL = 28 / 36


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip on its way through the pipeline.

    Attributes
    ----------
    path : Path
    footage : Footage
    lens : Lens
    tracks : Tracks
        Square working pixels from the principal point.
    picture_positions : (T, M, 2) float64
        The same in pixels of the working picture.
    seed : int
        Of the robust estimators.
    threads : int
    k1 : float or None
        The radial distortion that was taken out of the tracks.
    """

    path: Path
    footage: Footage
    lens: Lens
    tracks: Tracks
    picture_positions: Array
    seed: int = 0
    threads: int = 1
    k1: float | None = None

    @property
    def name(self) -> str:
        """Name of its shot."""
        return reference_name(self.path)

    def to_picture_pixels(self, pixels: Array, focal: float) -> Array:
        """Pixels of the working picture, from undistorted working pixels (..., 2) from the principal point.

        The inverse of `Lens.to_working_pixels` and of the undistortion of the tracks.
        """
        if self.k1 is not None:
            pixels = pixels * (1 + self.k1 / focal**2 * (pixels**2).sum(axis=-1, keepdims=True))
        height, width = self.footage.grey[0].shape
        size = np.array([width / self.lens.width, height / self.lens.height])
        scale = size / [self.lens.scale, self.lens.scale / self.lens.aspect]
        centre = size * [self.lens.cx, self.lens.cy]
        return np.asarray(pixels * scale + centre)

    @property
    def focal(self) -> float | None:
        """Working pixels, where known."""
        return None if self.lens.focal is None else self.lens.focal * self.lens.scale

    @property
    def assumed_focal(self) -> float:
        """Working pixels, where unknown: of the lens that the file names, else of an ordinary one."""
        if self.footage.nominal_focal is not None:
            return self.footage.nominal_focal * self.lens.scale
        return ASSUMED_FOCAL * max(self.lens.width, self.lens.height) * self.lens.scale


@dataclass(frozen=True, eq=False)
class Candidate:
    """A solution of a clip, and how it was found.

    Attributes
    ----------
    solution : Solution
    mapper : Mapper
    keyframes : (K,) int64
    evidence : FocalEvidence or None
        Where the focal length was unknown.
    mapped : (N,) int64
        The keyframes that the map holds, between which ``evidence`` has its sensitivities.
    rival_spread : (K - 1,) float64 or None
        Standard deviation of ln P between keyframes, from other paths that fit nearly as well; None where it was
        not looked for.
    hidden_parallax : float or None
        A bound of P per step, where the move is too small to be measured.
    """

    solution: Solution
    mapper: Mapper
    keyframes: NDArray[np.int64]
    evidence: FocalEvidence | None
    mapped: NDArray[np.int64]
    rival_spread: Array | None = None
    hidden_parallax: float | None = None
