"""Matches of keyframes that share points, verified by two-view geometry: the input of the mappers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pycolmap
from numpy.typing import NDArray

from parascale.solve.tracking.tracks import Tracks

# Distances, in keyframes, of the pairs that are matched: neighbours for continuity, far ones for the triangulation.
PAIR_DISTANCES = (1, 2, 3, 5, 8, 12)
MIN_SHARED = 25
MAX_EPIPOLAR_ERROR = 1.5


def choose_pairs(tracks: Tracks, keyframes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Choose pairs of keyframes (numbered 0 .. K-1) that share enough points."""
    seen = tracks.seen
    for i in range(len(keyframes)):
        # Photos are in no order.
        for distance in range(1, len(keyframes) - i) if tracks.matched else PAIR_DISTANCES:
            j = i + distance
            if j < len(keyframes) and (seen[keyframes[i]] & seen[keyframes[j]]).sum() >= MIN_SHARED:
                yield i, j


def build_match_database(
    tracks: Tracks, keyframes: NDArray[np.int64], camera: pycolmap.Camera, seed: int, threads: int
) -> pycolmap.Database:
    """Write keyframes, their points and verified matches into a database in memory.

    Parameters
    ----------
    tracks : Tracks
        Working pixels from the principal point.
    keyframes : (K,) int64
    camera : pycolmap.Camera
        The one camera of the clip, its id 1.
    """
    database = pycolmap.Database.open(":memory:")
    database.write_camera(camera, True)
    rig = pycolmap.Rig(rig_id=1)
    rig.add_ref_sensor(camera.sensor_id)
    database.write_rig(rig, True)
    centre = np.array([camera.principal_point_x, camera.principal_point_y])
    track_ids, keypoints = [], []
    for number, frame in enumerate(keyframes):
        image = pycolmap.Image(name=f"{number:05d}", camera_id=1, image_id=number + 1)
        group = pycolmap.Frame(frame_id=number + 1, rig_id=1)
        group.add_data_id(image.data_id)
        database.write_image(image, True)
        database.write_frame(group, True)
        track_ids.append(np.flatnonzero(tracks.seen[frame]))
        keypoints.append(tracks.positions[frame, track_ids[-1]] + centre)
        database.write_keypoints(number + 1, keypoints[-1].astype(np.float32))
    options = pycolmap.TwoViewGeometryOptions(detect_watermark=False, compute_relative_pose=True)
    options.ransac.random_seed = seed
    options.ransac.max_error = MAX_EPIPOLAR_ERROR
    options.ransac.min_num_trials = 30

    def estimate_geometry(pair: tuple[int, int]) -> tuple[NDArray[np.uint32], pycolmap.TwoViewGeometry]:
        i, j = pair
        _, a, b = np.intersect1d(track_ids[i], track_ids[j], assume_unique=True, return_indices=True)
        matches = np.stack([a, b], axis=1).astype(np.uint32)
        return matches, pycolmap.estimate_calibrated_two_view_geometry(
            camera, keypoints[i], camera, keypoints[j], matches, options
        )

    pairs = list(choose_pairs(tracks, keyframes))
    with ThreadPoolExecutor(threads) as pool:
        for (i, j), (matches, geometry) in zip(pairs, pool.map(estimate_geometry, pairs), strict=True):
            database.write_matches(i + 1, j + 1, matches)
            database.write_two_view_geometry(i + 1, j + 1, geometry)
    return database
