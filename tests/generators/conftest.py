"""Requests for a preview of a textured wall."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.link.requests import GenerationRequest
from parascale.parallax.shot import Shot


@pytest.fixture(scope="session")
def texture() -> Callable[[int, int], np.ndarray]:
    """Make a smooth random picture that structure from motion could follow."""

    def make(width: int, height: int) -> np.ndarray:
        noise = np.random.default_rng(3).uniform(0, 255, (height, width, 1)).astype(np.float32)
        smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 20, 235, cv2.NORM_MINMAX)
        return np.repeat(smooth[..., None], 3, axis=-1).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def make_request(texture) -> Callable[..., GenerationRequest]:
    """Make a request along given camera centres, axes unturned, through a wall at depth 1."""

    def make(centres, width=160, height=96, image=None, depth_map="wall", fps=16.0, parameters=None):
        centres = np.asarray(centres, float)
        poses = np.tile(np.eye(4), (len(centres), 1, 1))
        poses[:, :3, 3] = centres
        intrinsics = np.array([0.9 * width, 0.9 * width, width / 2, height / 2])
        trajectory = Trajectory(poses, intrinsics, np.arange(len(centres)) / fps, width, height)
        shot = Shot("wall", fps, trajectory, np.ones(len(centres)), unit="unit-depth")
        if isinstance(depth_map, str):
            depth_map = np.ones((height, width), np.float32)
        image = texture(width, height) if image is None else image
        return GenerationRequest(shot, "preview", image, depth_map, parameters=parameters or {})

    return make
