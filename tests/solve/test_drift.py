import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parascale.solve.reconstruction.drift import MAX_DEPTH_RATIO, split_tracks_by_depth_change

FRAMES, POINTS = 12, 150


def towards(speed: float) -> np.ndarray:
    """Cameras that move along their axis."""
    poses = np.tile(np.eye(4)[:3], (FRAMES, 1, 1))
    poses[:, 2, 3] = -speed * np.arange(FRAMES)
    return poses


def cloud(seed: int, count: int = POINTS) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-1, -1, 4], [1, 1, 40], (count, 3))


def cut(points: np.ndarray, poses: np.ndarray, inliers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    positions = np.arange(FRAMES * len(points) * 2, dtype=float).reshape(FRAMES, len(points), 2)
    return split_tracks_by_depth_change(positions, poses, points, inliers)


@given(st.integers(0, 1000), st.floats(0.0, 0.3))
def test_no_part_spans_more_than_the_ratio_and_no_sighting_is_lost(seed: int, speed: float) -> None:
    points, poses = cloud(seed), towards(speed)
    inliers = np.random.default_rng(seed).random((FRAMES, POINTS)) < 0.9
    _, parts, observations = cut(points, poses, inliers)
    assert observations.sum() == inliers.sum()
    depth = parts[:, 2] + poses[:, 2, 3:]
    farthest, nearest = (np.where(observations, depth, other) for other in (-np.inf, np.inf))
    assert (farthest.max(axis=0) <= MAX_DEPTH_RATIO * nearest.min(axis=0) * (1 + 1e-9)).all()


def test_a_camera_that_moves_sideways_leaves_tracks_whole() -> None:
    poses = towards(0.0)
    poses[:, 0, 3] = np.arange(FRAMES)
    assert cut(cloud(0), poses, np.ones((FRAMES, POINTS), bool))[2].shape == (FRAMES, POINTS)


def test_parts_keep_the_place_of_their_point_and_of_its_sightings() -> None:
    positions, parts, observations = cut(cloud(0), towards(0.3), np.ones((FRAMES, POINTS), bool))
    whole = {tuple(point): track for track, point in enumerate(cloud(0))}
    assert parts.shape[0] > POINTS
    for part, point in enumerate(parts):
        frames = np.flatnonzero(observations[:, part])
        np.testing.assert_array_equal(positions[frames, part, 0], 2 * (frames * POINTS + whole[tuple(point)]))


def test_few_points_are_left_whole() -> None:
    inliers = np.ones((FRAMES, 40), bool)
    assert cut(cloud(0, 40), towards(0.3), inliers)[2] is inliers
