"""A solution of a clip that moves through a scene: poses, points, and how well they fit."""

from dataclasses import dataclass

import numpy as np

from parascale.solve.reconstruction.adjustment import adjust_bundle
from parascale.solve.reconstruction.drift import split_tracks_by_depth_change
from parascale.solve.reconstruction.gate import describe_missing_frames, find_rejection_reason
from parascale.solve.reconstruction.noise import estimate_step_noise
from parascale.solve.reconstruction.registration import register_frames
from parascale.solve.reconstruction.triangulation import Structure, camera_centres, triangulate_positions
from parascale.solve.tracking.tracks import MIN_TRACK_LENGTH, Tracks
from parascale.types import Array, Mask

# Working pixels: the reprojection error of an inlier before and after the poses are refined.
INITIAL_REPROJECTION_LIMIT, FINAL_REPROJECTION_LIMIT = 3.0, 1.5
MIN_OBSERVATIONS = 4
# With fewer inliers the outliers have bent the path: it is refined again without them.
REFINE_BELOW_INLIER_RATIO = 0.75
MIN_ANGLE = np.radians(0.3)
ITERATIONS = 4


@dataclass(frozen=True, eq=False)
class Solution:
    """Poses of all frames and the structure they were refined on.

    Attributes
    ----------
    world_to_camera : (T, 3, 4) float64
    focal : float
        Working pixels.
    structure : Structure
        Every track triangulated from all poses.
    fits : (T, M) bool
        Observations within the final reprojection limit, of tracks with enough of them, however far away they are.
    inliers : (T, M) bool
        Those of them whose rays are far enough apart.
    noise : (T - 1,) float64
        Standard deviation of each step, world units.
    error : float
        Root mean square reprojection error of the inliers, working pixels.
    inlier_ratio : float
        Share of all observations that are inliers.
    msac_cost : float
        Mean of the squared errors of all observations over the squared limit, each at most 1 (MSAC). Unlike in
        ``inlier_ratio``, rays close together count too: else the map that spreads them most looks best.
    rejection_reason : str or None
        Why it is rejected.
    """

    world_to_camera: Array
    focal: float
    structure: Structure
    fits: Mask
    inliers: Mask
    noise: Array
    error: float
    inlier_ratio: float
    msac_cost: float
    rejection_reason: str | None

    @property
    def parallax_bounds(self) -> tuple[float, float]:
        """P of the median step with its standard deviation added, and the path's span over the depth.

        With the median inverse depth of what fits for 1 / Z: far points count, so that a path too short to measure
        their depth is bounded too.
        """
        axis = self.world_to_camera[:, 2]
        depth = axis[:, :3] @ self.structure.points.T + axis[:, 3:]
        near = self.fits & (depth > 0)
        nearness = float(np.median(1 / depth[near])) if near.any() else 0.0
        centres = camera_centres(self.world_to_camera)
        steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        # Where two frames share too few points the noise of the step is not known.
        known = self.noise[np.isfinite(self.noise)]
        step = float(np.hypot(np.median(steps), np.median(known) if len(known) else 0.0))
        return nearness * step, nearness * float(np.linalg.norm(centres - centres[0], axis=1).max())


def complete_solution(
    tracks: Tracks, world_to_camera: Array, focal: float, *, seed: int, threads: int
) -> Solution | str:
    """Estimate the poses of all frames from those that have one, refine them together, and evaluate.

    Parameters
    ----------
    tracks : Tracks
        Working pixels from the principal point.
    world_to_camera : (T, 3, 4) float64
        NaN where unknown.
    focal : float
        Working pixels.

    Returns
    -------
    Solution or str
        The reason where there is none.
    """
    poses = register_frames(tracks.positions, focal, world_to_camera, seed)
    missing = describe_missing_frames(poses)
    if missing is not None:
        return missing
    poses = _refine(tracks, poses, focal, INITIAL_REPROJECTION_LIMIT, threads)
    solution = evaluate_solution(tracks, poses, focal)
    if solution.inlier_ratio < REFINE_BELOW_INLIER_RATIO:
        poses = _refine(tracks, poses, focal, FINAL_REPROJECTION_LIMIT, threads)
        solution = min(solution, evaluate_solution(tracks, poses, focal), key=lambda found: found.msac_cost)
    return solution


def _refine(tracks: Tracks, poses: Array, focal: float, limit: float, threads: int) -> Array:
    structure = triangulate_positions(tracks.positions, poses, focal, focal)
    positions, points, inliers = tracks.positions, structure.points, find_fits(tracks, structure, limit)
    # Features of photos are found in each anew: they do not drift.
    if not tracks.matched:
        positions, points, inliers = split_tracks_by_depth_change(positions, poses, points, inliers)
    found = adjust_bundle(positions, poses, points, inliers, focal, max_iterations=ITERATIONS, threads=threads)
    return found.world_to_camera


def evaluate_solution(tracks: Tracks, world_to_camera: Array, focal: float) -> Solution:
    """Triangulate every track from all poses, and pass the result through the gate."""
    structure = triangulate_positions(tracks.positions, world_to_camera, focal, focal)
    fits = find_fits(tracks, structure, FINAL_REPROJECTION_LIMIT)
    inliers = fits & (structure.angle > MIN_ANGLE)
    noise = estimate_step_noise(tracks.positions, structure.points, world_to_camera, focal, inliers)
    error = float(np.sqrt((structure.residuals[inliers] ** 2).mean())) if inliers.any() else float("inf")
    ratio = float(fits.sum() / max(tracks.seen.sum(), 1))
    msac_cost = float((np.minimum(structure.residuals[tracks.seen] / FINAL_REPROJECTION_LIMIT, 1.0) ** 2).mean())
    ordered = not tracks.matched
    reason = find_rejection_reason(world_to_camera, inliers.sum(axis=1), error, ratio, noise, ordered=ordered)
    return Solution(world_to_camera, focal, structure, fits, inliers, noise, error, ratio, msac_cost, reason)


def find_fits(tracks: Tracks, structure: Structure, limit: float) -> Mask:
    """Mark the observations (T, M) within the limit, of tracks with enough of them, however far away they are.

    The far field has no depth, but holds the rotations: without it a step ahead is taken for a rise with a pitch.
    With steps of 15 degrees a third of the features show in three photos only: of these all three must fit, where
    there are more photos to prove the poses. Three neighbouring frames of a film lie too close together to prove a
    point.
    """
    fits = structure.residuals < limit
    three_suffice = tracks.matched and len(tracks.positions) > MIN_TRACK_LENGTH
    enough = np.minimum(tracks.seen.sum(axis=0), MIN_OBSERVATIONS) if three_suffice else MIN_OBSERVATIONS
    return np.asarray(fits & (fits.sum(axis=0) >= enough))
