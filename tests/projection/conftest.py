"""Cameras, and pictures whose geometry is known."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from parascale.camera import View


@pytest.fixture(scope="session")
def camera() -> Callable[..., View]:
    """Make a camera from a size, a centre and a rotation vector in degrees."""

    def make(width=96, height=64, centre=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0), focal=None) -> View:
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec(turn, degrees=True).as_matrix()
        pose[:3, 3] = centre
        focal = focal or 0.9 * width
        return View(pose, np.array([focal, focal, width / 2, height / 2]), width, height)

    return make


@pytest.fixture(scope="session")
def living_room(testdata: Path) -> Callable[[int], tuple[np.ndarray, np.ndarray, View]]:
    """Return picture, metric depth (0 where none) and camera of a frame of the rendered living room."""
    folder = testdata / "icl_livingroom49"
    log = (folder / "trajectory.log").read_text().splitlines()
    # Its principal point counts from the centre of the top left pixel.
    intrinsics = np.array([525.0, 525.0, 320.0, 240.0])

    def load(frame: int) -> tuple[np.ndarray, np.ndarray, View]:
        pose = np.array([[float(value) for value in line.split()] for line in log[5 * frame + 1 : 5 * frame + 5]])
        picture = cv2.imread(str(sorted((folder / "image").iterdir())[frame]))[..., ::-1]
        depth = cv2.imread(str(sorted((folder / "depth").iterdir())[frame]), cv2.IMREAD_UNCHANGED) / 1000.0
        return np.ascontiguousarray(picture), depth, View(pose, intrinsics, 640, 480)

    return load
