"""One answer to a clip that moves through a scene: poses, points, and how well they hold."""

from dataclasses import dataclass

import numpy as np

from parascale.solve.reconstruction.adjustment import adjust
from parascale.solve.reconstruction.drift import cut_by_depth
from parascale.solve.reconstruction.gate import complaint
from parascale.solve.reconstruction.noise import step_noise
from parascale.solve.reconstruction.registration import register
from parascale.solve.reconstruction.triangulation import Structure, camera_centres, triangulate
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array, Mask

# Working pixels: what a sighting may be off before, and after, the poses are refined.
LOOSE, TIGHT = 3.0, 1.5
MIN_SIGHTINGS = 4
# Where fewer sightings fit, what does not has bent the path: it is refined again without.
MANY = 0.75
MIN_ANGLE = np.radians(0.3)
ITERATIONS = 4


@dataclass(frozen=True, eq=False)
class Solution:
    """Poses of all frames with the structure they were refined on.

    Attributes
    ----------
    cam_from_world : (T, 3, 4) float64
    focal : float
        Working pixels.
    structure : Structure
        Every track triangulated from all poses.
    used : (T, M) bool
        Sightings that fit.
    noise : (T - 1,) float64
        Standard deviation of each step, world units.
    error : float
        Root mean square of what fits, working pixels.
    used_share : float
        Share of all sightings that fit.
    misfit : float
        Mean square of all sightings' errors over the square of the limit, none counted as more than 1 (MSAC). Other
        than in ``used_share``, rays close together count as well: else the map that spreads them most looks best.
    complaint : str or None
        What speaks against it.
    """

    cam_from_world: Array
    focal: float
    structure: Structure
    used: Mask
    noise: Array
    error: float
    used_share: float
    misfit: float
    complaint: str | None

    @property
    def centres(self) -> Array:
        """(T, 3) camera centres."""
        return camera_centres(self.cam_from_world)


def complete(tracks: Tracks, cam_from_world: Array, focal: float, *, seed: int, threads: int) -> Solution | str:
    """Place all frames from those that have a pose, refine them together, and judge.

    Parameters
    ----------
    tracks : Tracks
        Working pixels from the principal point.
    cam_from_world : (T, 3, 4) float64
        NaN where unknown.
    focal : float
        Working pixels.

    Returns
    -------
    Solution or str
        Or why there is none.
    """
    poses = register(tracks.positions, focal, cam_from_world, seed)
    lost = np.flatnonzero(~np.isfinite(poses[:, 0, 0]))
    if len(lost):
        return f"{len(lost)} of {len(poses)} frames could not be placed, frame {lost[0]} first"
    poses = _refined(tracks, poses, focal, LOOSE, threads)
    solution = judge(tracks, poses, focal)
    if solution.used_share < MANY:
        poses = _refined(tracks, poses, focal, TIGHT, threads)
        solution = min(solution, judge(tracks, poses, focal), key=lambda found: found.misfit)
    return solution


def _refined(tracks: Tracks, poses: Array, focal: float, limit: float, threads: int) -> Array:
    structure = triangulate(tracks.positions / focal, poses, focal)
    positions, points, used = cut_by_depth(tracks.positions, poses, structure.points, fitting(structure, limit))
    return adjust(positions, poses, points, used, focal, max_iterations=ITERATIONS, threads=threads).cam_from_world


def judge(tracks: Tracks, cam_from_world: Array, focal: float) -> Solution:
    """Triangulate every track from all poses, and hold the outcome against the gate."""
    structure = triangulate(tracks.positions / focal, cam_from_world, focal)
    used = fitting(structure, TIGHT)
    noise = step_noise(tracks.positions, structure.points, cam_from_world, focal, used)
    error = float(np.sqrt((structure.residuals[used] ** 2).mean())) if used.any() else float("inf")
    share = float(used.sum() / max(tracks.seen.sum(), 1))
    misfit = float((np.minimum(structure.residuals[tracks.seen] / TIGHT, 1.0) ** 2).mean())
    reason = complaint(cam_from_world, used.sum(axis=1), error, share, noise)
    return Solution(cam_from_world, focal, structure, used, noise, error, share, misfit, reason)


def fitting(structure: Structure, limit: float) -> Mask:
    """Sightings within the limit, of tracks that have enough of them and rays far enough apart."""
    fits = (structure.residuals < limit) & (structure.angle > MIN_ANGLE)
    return np.asarray(fits & (fits.sum(axis=0) >= MIN_SIGHTINGS))
