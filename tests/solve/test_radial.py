"""Radial distortion: told where it shows, undone exactly, and left alone elsewhere."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.camera.alignment import align_similarity
from parascale.solve import solve
from parascale.solve.lens.radial import estimate_radial_distortion, undistort
from parascale.solve.tracking.tracks import Tracks

pytestmark = pytest.mark.slow

FOCAL = 400.0


def distorted(positions: np.ndarray, focal: float, k1: float) -> np.ndarray:
    straight = positions / focal
    return focal * straight * (1 + k1 * (straight**2).sum(axis=-1, keepdims=True))


@settings(max_examples=30, deadline=None)
@given(k1=st.floats(-0.2, 0.3), seed=st.integers(0, 1000))
def test_straightening_undoes_the_distortion(k1: float, seed: int) -> None:
    positions = np.random.default_rng(seed).uniform([-240, -135], [240, 135], (3, 40, 2))
    bent = Tracks(distorted(positions, FOCAL, k1))
    np.testing.assert_allclose(undistort(bent, FOCAL, k1).positions, positions, atol=1e-2)


@pytest.mark.parametrize("k1", [-0.15, 0.0, 0.12])
def test_it_is_told_from_tracks(project: Any, cloud: np.ndarray, k1: float) -> None:
    poses = np.tile(np.eye(4), (10, 1, 1))
    poses[:, :2, 3] = np.linspace(0, 1.5, 10)[:, None] * [1, 0.2]
    positions = distorted(project(cloud, poses, FOCAL, noise=0.2).positions, FOCAL, k1)
    found = estimate_radial_distortion(positions, np.linalg.inv(poses)[:, :3], FOCAL, seed=0, threads=1)
    if k1 == 0:
        assert found is None
    else:
        assert found == pytest.approx(k1, rel=0.1)


def test_a_clip_through_a_bending_lens_says_so(rendered: Any, street: Any, tmp_path: Path) -> None:
    y, x = np.mgrid[:270, :480]
    bent = np.stack([(x + 0.5 - 240) / FOCAL, (y + 0.5 - 135) / FOCAL], axis=-1)
    straight = bent
    for _ in range(30):
        straight = bent / (1 - 0.12 * (straight**2).sum(axis=-1, keepdims=True))
    source = (straight * FOCAL + [240, 135] - 0.5).astype(np.float32)

    def retouch(_: int, picture: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.remap(picture, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))

    poses = rendered.move("handheld", 24, 0.6)
    clip = rendered.film(tmp_path / "bent.mp4", street, poses, retouch=retouch)
    shot = solve(clip.path, focal=FOCAL, threads=1)
    assert shot.distortion is not None
    assert shot.distortion["k1"] == pytest.approx(-0.12, rel=0.1)
    truth = poses[:, :3, 3]
    fit = align_similarity(shot.trajectory.centres, truth)
    moved = fit.scale * shot.trajectory.centres @ fit.rotation.T + fit.translation
    length = np.linalg.norm(np.diff(truth, axis=0), axis=1).sum()
    assert np.sqrt(((moved - truth) ** 2).sum(axis=1).mean()) < 0.001 * length
