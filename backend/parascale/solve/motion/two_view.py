"""Which keyframes see the same things, and how they lie to each other: what the mappers start from."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pycolmap
from numpy.typing import NDArray

from parascale.solve.tracking.tracks import Tracks

# Distances, in keyframes, of the pairs that are compared: neighbours for continuity, far ones for the triangulation.
STRIDES = (1, 2, 3, 5, 8, 12)
MIN_SHARED = 25
MAX_ERROR = 1.5


def pairs_of(tracks: Tracks, keyframes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Pairs of keyframes (numbered 0 .. K-1) that share enough points."""
    seen = tracks.seen
    for i in range(len(keyframes)):
        for stride in STRIDES:
            j = i + stride
            if j < len(keyframes) and (seen[keyframes[i]] & seen[keyframes[j]]).sum() >= MIN_SHARED:
                yield i, j


def match_database(
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
    names, places = [], []
    for number, frame in enumerate(keyframes):
        image = pycolmap.Image(name=f"{number:05d}", camera_id=1, image_id=number + 1)
        group = pycolmap.Frame(frame_id=number + 1, rig_id=1)
        group.add_data_id(image.data_id)
        database.write_image(image, True)
        database.write_frame(group, True)
        names.append(np.flatnonzero(tracks.seen[frame]))
        places.append(tracks.positions[frame, names[-1]] + centre)
        database.write_keypoints(number + 1, places[-1].astype(np.float32))
    options = pycolmap.TwoViewGeometryOptions(detect_watermark=False, compute_relative_pose=True)
    options.ransac.random_seed = seed
    options.ransac.max_error = MAX_ERROR
    options.ransac.min_num_trials = 30

    def compare(pair: tuple[int, int]) -> tuple[NDArray[np.uint32], pycolmap.TwoViewGeometry]:
        i, j = pair
        _, a, b = np.intersect1d(names[i], names[j], assume_unique=True, return_indices=True)
        matches = np.stack([a, b], axis=1).astype(np.uint32)
        return matches, pycolmap.estimate_calibrated_two_view_geometry(
            camera, places[i], camera, places[j], matches, options
        )

    pairs = list(pairs_of(tracks, keyframes))
    with ThreadPoolExecutor(threads) as pool:
        for (i, j), (matches, geometry) in zip(pairs, pool.map(compare, pairs), strict=True):
            database.write_matches(i + 1, j + 1, matches)
            database.write_two_view_geometry(i + 1, j + 1, geometry)
    return database
