"""Rolling shutter: told where a hand shakes the camera, not where every row is seen at once."""

from typing import Any

import cv2
import numpy as np
import pytest

from parascale.solve.lens.rolling_shutter import estimate_readout
from parascale.solve.reconstruction.adjustment import adjust_bundle
from parascale.solve.reconstruction.triangulation import triangulate

pytestmark = pytest.mark.slow

FOCAL, HEIGHT = 500.0, 360.0


def handheld(times: np.ndarray) -> np.ndarray:
    """World-to-camera poses (N, 3, 4) of a shaken walk at any time, frames."""
    shake = [0.02 * np.sin(1.1 * times + k) + 0.012 * np.sin(2.3 * times + 2 * k) for k in range(3)]
    poses = np.zeros((len(times), 3, 4))
    for pose, turn, time in zip(poses, np.stack(shake, axis=1), times, strict=True):
        pose[:, :3] = cv2.Rodrigues(turn)[0]
        pose[:, 3] = -pose[:, :3] @ [0.05 * time, 0.02 * np.sin(time), 0.03 * time]
    return poses


def seen(cloud: np.ndarray, share: float) -> np.ndarray:
    """Where the points are found when rows are read over a share of the time between frames."""
    frames = np.arange(24.0)
    positions = np.zeros((24, len(cloud), 2))
    for frame in range(24):
        rows = np.zeros(len(cloud))
        for _ in range(4):
            pose = handheld(frame + share * rows / HEIGHT)
            local = np.einsum("mij,mj->mi", pose[:, :, :3], cloud) + pose[:, :, 3]
            positions[frame] = FOCAL * local[:, :2] / local[:, 2:]
            rows = positions[frame, :, 1]
    assert len(frames) == len(positions)
    positions += np.random.default_rng(3).normal(0, 0.15, positions.shape)
    positions[np.abs(positions[:, :, 1]) > HEIGHT / 2] = np.nan
    return positions


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_the_readout_is_told_from_what_is_left_of_it(cloud: np.ndarray, share: float) -> None:
    positions = seen(cloud, share)
    poses = handheld(np.arange(24.0))
    for _ in range(3):
        structure = triangulate(positions / FOCAL, poses, FOCAL)
        inliers: Any = structure.residuals < 12
        found = adjust_bundle(positions, poses, structure.points, inliers, FOCAL, loss_scale=2.0, max_iterations=10)
        poses = found.world_to_camera
    told = estimate_readout(positions, found.points, poses, FOCAL, inliers, HEIGHT)
    if share == 0:
        assert told is None
    else:
        assert told == pytest.approx(share, rel=0.35)
