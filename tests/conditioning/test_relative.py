"""Poses relative to frame 0, and ReCamMaster's numbers from its own file."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.conditioning.relative import recammaster_vectors, relative_poses
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.trajectory_file import read_trajectory


def test_relative_poses_begin_with_the_identity() -> None:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, :3, :3] = Rotation.random(5, random_state=1).as_matrix()
    poses[:, :3, 3] = np.random.default_rng(1).normal(size=(5, 3))
    path = Trajectory(poses, np.array([20.0, 20.0, 16.0, 8.0]), np.arange(5) / 16, 32, 16)
    relative = relative_poses(path)
    np.testing.assert_array_equal(relative[0], np.eye(4))
    np.testing.assert_allclose(relative, np.linalg.inv(poses[0]) @ poses, atol=1e-14)


@pytest.mark.realdata
@pytest.mark.parametrize("camera", [f"cam{number:02d}" for number in range(1, 11)])
def test_recammaster_vectors_are_what_the_tool_makes_of_its_file(testdata: Path, camera: str) -> None:
    """Its recipe: transpose, columns 1 2 0 3, second column negated, centimetres to metres, every fourth frame."""
    path = testdata / "camera_files" / "recammaster_camera_extrinsics.json"
    document = json.loads(path.read_text())
    poses = []
    for frame in range(0, 81, 4):
        numbers = [float(word) for word in re.findall(r"[-+.\de]+", document[f"frame{frame}"][camera])]
        matrix = np.array(numbers).reshape(4, 4).T[:, [1, 2, 0, 3]]
        matrix[:3, 1] *= -1
        matrix[:3, 3] /= 100
        poses.append(matrix)
    expected = [(np.linalg.inv(poses[0]) @ pose)[:3].ravel() for pose in poses]
    shot = read_trajectory(path, overrides=UserOverrides(camera=camera)).shot
    np.testing.assert_allclose(recammaster_vectors(shot.trajectory), expected, atol=1e-5)


def test_recammaster_vectors_are_in_metres() -> None:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = np.arange(5)
    path = Trajectory(poses, np.array([20.0, 20.0, 16.0, 8.0]), np.arange(5) / 16, 32, 16)
    np.testing.assert_array_equal(recammaster_vectors(path, 0.5)[1], [1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 0])
