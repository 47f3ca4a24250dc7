"""Requests for the link's tests."""

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.link.kinds.generate import GenerationRequest
from parascale.parallax.shot import Shot


@pytest.fixture
def shot() -> Shot:
    """Three frames that slide sideways at unit depth."""
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = [0.0, 0.1, 0.3]
    path = Trajectory(poses, np.array([60.0, 60.0, 32.0, 18.0]), np.arange(3) / 16, 64, 36)
    return Shot("slide", 16.0, path, np.array([1.0, 1.1, np.nan]), "unit-depth")


@pytest.fixture
def generation(shot: Shot) -> GenerationRequest:
    """A request with everything in it."""
    rng = np.random.default_rng(5)
    depth = np.ones((9, 16), np.float32)
    depth[0, 0] = np.inf
    image = rng.integers(0, 256, (36, 64, 3), dtype=np.uint8)
    return GenerationRequest(shot, "preview", image, depth, "a désk", 2**62, {"a": 1, "b": 0.1, "c": "x", "d": True})
