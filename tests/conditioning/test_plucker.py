"""Plücker maps against a slow way of making them, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.conditioning.plucker import plucker_maps


def trajectory(count: int = 3, size: tuple[int, int] = (12, 8), reach: float = 1.0, seed: int = 0) -> Trajectory:
    """Return cameras that turn, move and zoom, far from the world's origin."""
    generator = np.random.default_rng(seed)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.random(count, random_state=seed).as_matrix()
    poses[:, :3, 3] = [3, -2, 7] + reach * generator.uniform(-1, 1, (count, 3))
    lens = np.column_stack(
        [generator.uniform(6, 30, (count, 2)), generator.uniform(4, 8, count), generator.uniform(3, 6, count)]
    )
    return Trajectory(poses, lens, np.arange(count) / 16, *size)


def scaled(path: Trajectory, factor: float) -> Trajectory:
    poses = path.camera_to_world.copy()
    poses[:, :3, 3] *= factor
    return Trajectory(poses, path.intrinsics, path.times, *path.size)


def slow_maps(path: Trajectory) -> np.ndarray:
    """Return [o x d, d] of every pixel, from inverse camera matrices and 4x4 poses, one by one in float64."""
    maps = np.zeros((len(path), 6, path.height, path.width))
    world_to_first = np.linalg.inv(path.camera_to_world[0])
    for frame in range(len(path)):
        relative = world_to_first @ path.camera_to_world[frame]
        fx, fy, cx, cy = path.intrinsics[frame]
        inverse = np.linalg.inv([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        for row in range(path.height):
            for column in range(path.width):
                ray = relative[:3, :3] @ (inverse @ [column + 0.5, row + 0.5, 1])
                direction = ray / np.linalg.norm(ray)
                maps[frame, :3, row, column] = np.cross(relative[:3, 3], direction)
                maps[frame, 3:, row, column] = direction
    return maps


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 3, 5])
def test_maps_agree_with_a_slow_implementation(seed: int, count: int) -> None:
    """Three frames, too: there a cross product over the wrong axis goes unnoticed otherwise."""
    path = trajectory(count, seed=seed)
    np.testing.assert_allclose(plucker_maps(path), slow_maps(path), atol=1e-6)


def test_a_full_size_map_agrees_at_its_corners() -> None:
    path = trajectory(2, (832, 480))
    lens = np.array([454.1, 454.1, 416.0, 240.0])
    path = Trajectory(path.camera_to_world, lens, path.times, 832, 480)
    maps = plucker_maps(path)
    relative = np.linalg.inv(path.camera_to_world[0]) @ path.camera_to_world[1]
    for row, column in [(0, 0), (0, 831), (479, 0), (479, 831), (240, 416)]:
        ray = relative[:3, :3] @ [(column + 0.5 - 416) / 454.1, (row + 0.5 - 240) / 454.1, 1]
        direction = ray / np.linalg.norm(ray)
        expected = [*np.cross(relative[:3, 3], direction), *direction]
        np.testing.assert_allclose(maps[1, :, row, column], expected, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(power=st.integers(-20, 20), seed=st.integers(0, 1000))
def test_a_power_of_two_scales_moments_alone_and_exactly(power: int, seed: int) -> None:
    path = trajectory(4, seed=seed)
    maps, again = plucker_maps(path), plucker_maps(scaled(path, 2.0**power))
    np.testing.assert_array_equal(again[:, :3], maps[:, :3] * np.float32(2.0**power))
    assert again[:, 3:].tobytes() == maps[:, 3:].tobytes()


def test_frame_0_has_no_moment_and_looks_along_z() -> None:
    path = trajectory(2, (13, 9))
    lens = np.array([10.0, 10.0, 6.5, 4.5])
    maps = plucker_maps(Trajectory(path.camera_to_world, lens, path.times, 13, 9))
    assert not maps[0, :3].any()
    np.testing.assert_array_equal(maps[0, 3:, 4, 6], [0, 0, 1])


def test_the_world_the_path_lives_in_does_not_matter() -> None:
    path = trajectory(3)
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = Rotation.from_rotvec([1, 2, 3]).as_matrix(), [5, 6, 7]
    elsewhere = Trajectory(moved @ path.camera_to_world, path.intrinsics, path.times, *path.size)
    np.testing.assert_allclose(plucker_maps(elsewhere), plucker_maps(path), atol=2e-6)
