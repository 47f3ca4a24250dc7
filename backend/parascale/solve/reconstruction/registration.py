"""Poses of the frames between the keyframes, each from the points that its neighbours observe."""

import numpy as np
import pycolmap

from parascale.solve.reconstruction.triangulation import triangulate_positions
from parascale.types import Array

MAX_REPROJECTION_ERROR = 2.0
MIN_POINTS = 12
# More do not improve a pose that is refined later.
MAX_POINTS = 200
MIN_ANGLE = np.radians(0.25)


def register_frames(positions: Array, focal: float, world_to_camera: Array, seed: int) -> Array:
    """Estimate the pose of every frame, outwards from the frames that have one.

    What those observe is triangulated; a frame that observes enough of it is placed.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Working pixels from the principal point, NaN where not observed.
    focal : float
        Working pixels.
    world_to_camera : (T, 3, 4) float64
        NaN where unknown.

    Returns
    -------
    (T, 3, 4) float64
        NaN where a frame could not be placed.
    """
    poses = world_to_camera.copy()
    while True:
        placed = np.isfinite(poses[:, 0, 0])
        if placed.all():
            return poses
        known = np.flatnonzero(placed)
        structure = triangulate_positions(positions[known], poses[known], focal, focal)
        good = (structure.residuals < MAX_REPROJECTION_ERROR) & (structure.angle > MIN_ANGLE)
        points = np.where((good.sum(axis=0) >= 2)[:, None], structure.points, np.nan)
        waiting = np.flatnonzero(~placed)
        distance = np.abs(waiting[:, None] - known).min(axis=1)
        between = (waiting > known.min()) & (waiting < known.max())
        # Frames between known ones see the same points; beyond them the map grows a few frames at a time.
        batch = waiting[between | (distance <= 4)]
        found = False
        for frame in batch:
            pose = _estimate_pose(positions[frame], points, focal, seed)
            if pose is not None:
                poses[frame] = pose
                found = True
        if not found:
            return poses


def _estimate_pose(positions: Array, points: Array, focal: float, seed: int) -> Array | None:
    usable = np.flatnonzero(np.isfinite(positions[:, 0]) & np.isfinite(points[:, 0]))
    if len(usable) < MIN_POINTS:
        return None
    usable = usable[:: -(-len(usable) // MAX_POINTS)]
    camera = pycolmap.Camera(model="SIMPLE_PINHOLE", width=1, height=1, params=[focal, 0.0, 0.0])
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error = MAX_REPROJECTION_ERROR
    options.ransac.random_seed = seed
    options.ransac.min_num_trials = 20
    answer = pycolmap.estimate_and_refine_absolute_pose(positions[usable], points[usable], camera, options)
    if answer is None or answer["num_inliers"] < MIN_POINTS:
        return None
    return np.asarray(answer["cam_from_world"].matrix())
