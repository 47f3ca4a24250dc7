"""Mountains on the horizon have no depth, but they hold the rotations: no step ahead leaves as a rise with a pitch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.camera.alignment import align_similarity
from parascale.camera.rotations import geodesic_angle
from parascale.solve import solve
from parascale.solve.reconstruction.hypotheses import Jury
from parascale.solve.reconstruction.mapping import KeyframeMap
from parascale.types import Array

FOCAL = 400.0


def ahead(step: Array, count: int = 10) -> Array:
    """Camera-to-world poses that go on by a step, and do not turn."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, 3] = np.arange(count)[:, None] * step
    return poses


def turned_about(poses: Array, middle: Array, pitch: float) -> Array:
    """World-to-camera poses that pitch by so much in all, and see the middle where the given ones see it."""
    turned = np.linalg.inv(poses)[:, :3]
    for pose, angle in zip(turned, np.linspace(0, pitch, len(poses)), strict=True):
        seen = pose[:, :3] @ middle + pose[:, 3]
        pose[:, :3] = cv2.Rodrigues(np.array([angle, 0, 0]))[0] @ pose[:, :3]
        pose[:, 3] = seen - pose[:, :3] @ middle
    return turned


@pytest.mark.parametrize("pitch", [0.15, -0.15])
def test_a_map_gives_way_to_a_twin_that_fits_better(project: Callable[..., Any], cloud: Array, pitch: float) -> None:
    poses = ahead(np.array([0.0, 0.0, 0.15]))
    far = cloud[:200] * 1000
    tracks = project(np.concatenate([cloud, far]), poses, FOCAL, noise=0.2)
    wrong = KeyframeMap("incremental", turned_about(poses, np.array([0, 0, 8.0]), pitch), FOCAL)
    jury = Jury.of(tracks.positions, seed=0, threads=1)
    found = jury.choose_twin(wrong)
    assert jury.cost(found) < 0.1 < jury.cost(wrong)
    turns = geodesic_angle(found.world_to_camera[:, :, :3], np.eye(3)[None])
    assert np.ptp(turns) < 0.005


def test_a_right_map_has_no_better_twin(project: Callable[..., Any], cloud: Array) -> None:
    poses = ahead(np.array([0.3, 0.0, 0.0]))
    tracks = project(cloud, poses, FOCAL, noise=0.2)
    right = KeyframeMap("incremental", np.linalg.inv(poses)[:, :3], FOCAL)
    found = Jury.of(tracks.positions, seed=0, threads=1).choose_twin(right)
    assert float(geodesic_angle(found.world_to_camera[:, :, :3], np.eye(3)[None]).max()) < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("step", [(0, 0, 0.25), (0, 0, -0.25), (0, -0.16, 0)], ids=["ahead", "back", "rise"])
@pytest.mark.parametrize("known", [True, False], ids=["lens-known", "lens-unknown"])
def test_a_landscape_flown_through_is_not_turned(
    rendered: Any, tmp_path: Path, step: tuple[float, float, float], known: bool
) -> None:
    camera = rendered.Camera(rendered.landscape(), (480, 270), FOCAL)
    poses = ahead(np.array(step), 31)
    clip = rendered.film(tmp_path / "clip.mp4", camera, poses, sky=rendered.clouds())
    shot = solve(clip.path, focal=FOCAL if known else None, threads=2)
    centres = poses[:, :3, 3]
    fit = align_similarity(shot.trajectory.centres, centres)
    moved = fit.scale * shot.trajectory.centres @ fit.rotation.T + fit.translation
    assert np.sqrt(((moved - centres) ** 2).sum(axis=1).mean()) < 0.005 * np.linalg.norm(centres[-1] - centres[0])
    assert np.degrees(geodesic_angle(shot.trajectory.rotations, np.eye(3)[None])).max() < 0.3


@pytest.mark.slow
def test_clouds_that_drift_do_not_bend_a_path(rendered: Any, tmp_path: Path) -> None:
    camera = rendered.Camera(rendered.landscape(), (480, 270), FOCAL)
    poses = ahead(np.array([0.13, 0.0, 0.0]), 31)
    clip = rendered.film(tmp_path / "clip.mp4", camera, poses, sky=rendered.clouds((0.006, 0.002)))
    shot = solve(clip.path, focal=FOCAL, threads=2)
    assert np.degrees(geodesic_angle(shot.trajectory.rotations, np.eye(3)[None])).max() < 0.3
    steps = np.linalg.norm(np.diff(shot.trajectory.centres, axis=0), axis=1) / shot.median_depth[:-1]
    # With the clouds it would be 0.97.
    assert abs(np.median(np.log(steps / (0.13 / clip.median_depth[:-1])))) < 0.2
