"""Registration, refinement and judgement, on tracks of known points."""

from typing import Any

import cv2
import numpy as np
import pytest

from parascale.camera.alignment import align_similarity
from parascale.solve.reconstruction.adjustment import adjust_bundle
from parascale.solve.reconstruction.noise import estimate_step_noise
from parascale.solve.reconstruction.registration import register_frames
from parascale.solve.reconstruction.solution import Solution, complete_solution, evaluate_solution
from parascale.solve.reconstruction.triangulation import triangulate
from parascale.solve.tracking.tracks import Tracks

FOCAL = 500.0


@pytest.fixture
def poses() -> np.ndarray:
    """Thirty frames on a bent path."""
    u = np.linspace(0, 1, 30)
    result = np.tile(np.eye(4), (30, 1, 1))
    for t in range(30):
        result[t, :3, :3] = cv2.Rodrigues(np.array([0.05 * u[t], -0.2 * u[t], 0.0]))[0]
        result[t, :3, 3] = [1.5 * u[t], 0.2 * np.sin(3 * u[t]), 0.8 * u[t] ** 2]
    return result


def world_to_camera(poses: np.ndarray) -> np.ndarray:
    return np.linalg.inv(poses)[:, :3]


def test_frames_are_placed_between_and_beyond_those_known(project: Any, cloud: np.ndarray, poses: np.ndarray) -> None:
    tracks, true = project(cloud, poses, FOCAL), world_to_camera(poses)
    known = np.full_like(true, np.nan)
    known[[10, 14, 18]] = true[[10, 14, 18]]
    np.testing.assert_allclose(register_frames(tracks.positions, FOCAL, known, 0), true, atol=1e-5)


def test_a_frame_that_sees_nothing_is_left_out(project: Any, cloud: np.ndarray, poses: np.ndarray) -> None:
    positions, true = project(cloud, poses, FOCAL).positions, world_to_camera(poses)
    positions[20] = np.nan
    known = true.copy()
    known[[19, 20, 21]] = np.nan
    placed = np.isfinite(register_frames(positions, FOCAL, known, 0)[:, 0, 0])
    assert np.flatnonzero(~placed).tolist() == [20]


def test_refinement_undoes_a_disturbance(project: Any, cloud: np.ndarray, poses: np.ndarray) -> None:
    tracks, true = project(cloud, poses, FOCAL), world_to_camera(poses)
    shaken = true.copy()
    shaken[1:-1, :, 3] += np.random.default_rng(0).normal(0, 0.01, (28, 3))
    start = triangulate(tracks.positions / FOCAL, shaken, FOCAL)
    found = adjust_bundle(tracks.positions, shaken, start.points, tracks.seen, FOCAL, max_iterations=40)
    centres = -np.einsum("tji,tj->ti", found.world_to_camera[:, :, :3], found.world_to_camera[:, :, 3])
    similar = align_similarity(centres, poses[:, :3, 3])
    moved = similar.scale * centres @ similar.rotation.T + similar.translation
    assert np.abs(moved - poses[:, :3, 3]).max() < 1e-4


def test_refinement_finds_the_focal_length_of_a_turning_camera(
    project: Any, cloud: np.ndarray, poses: np.ndarray
) -> None:
    tracks, true = project(cloud, poses, FOCAL), world_to_camera(poses)
    wrong = 1.15 * FOCAL
    start = triangulate(tracks.positions / wrong, true, wrong)
    found = adjust_bundle(
        tracks.positions, true, start.points, tracks.seen, wrong, refine_focal=True, max_iterations=60
    )
    assert found.focal == pytest.approx(FOCAL, rel=0.005)


def test_points_that_move_by_themselves_are_thrown_out(project: Any, cloud: np.ndarray, poses: np.ndarray) -> None:
    tracks, true = project(cloud, poses, FOCAL, noise=0.1), world_to_camera(poses)
    tracks.positions[:, :100] += 15 * np.sin(np.arange(30) / 3)[:, None, None]
    known = np.full_like(true, np.nan)
    known[::4] = true[::4]
    found = complete_solution(tracks, known, FOCAL, seed=0, threads=1)
    assert isinstance(found, Solution)
    assert found.rejection_reason is None
    assert found.inliers[:, :100].mean() < 0.05 * found.inliers[:, 100:].mean()


def test_misfit_counts_what_is_seen_from_nearly_one_place_as_well(
    project: Any, cloud: np.ndarray, poses: np.ndarray
) -> None:
    near = poses.copy()
    near[:, :3, 3] *= 0.01
    found = evaluate_solution(project(cloud, near, FOCAL, noise=0.1), world_to_camera(near), FOCAL)
    # They have no depth, but they fit.
    assert found.inliers.sum() < 0.5 * np.isfinite(found.structure.residuals).sum()
    assert found.inlier_ratio > 0.99
    # Two coordinates, each 0.1 pixels off, of a limit of 1.5, make 0.009; a point that falls behind a camera counts 1.
    assert found.msac_cost < 0.02


def seen_in(tracks: Tracks, count: int) -> Tracks:
    """Return matched tracks, each seen in so many frames only, far apart."""
    positions = tracks.positions.copy()
    for track in range(positions.shape[1]):
        kept = (np.arange(count) * 7 + track) % len(positions)
        positions[~np.isin(np.arange(len(positions)), kept), track] = np.nan
    return Tracks(positions, matched=True)


def test_a_feature_in_three_photos_fits_where_all_three_do(project: Any, cloud: np.ndarray, poses: np.ndarray) -> None:
    true, tracks = world_to_camera(poses), project(cloud, poses, FOCAL, noise=0.3)
    for count in (3, 4):
        few = seen_in(tracks, count)
        found = evaluate_solution(few, true, FOCAL)
        assert found.inlier_ratio == pytest.approx(found.fits.sum() / few.seen.sum())
        whole = few.seen.sum(axis=0) >= 3
        assert found.fits[:, whole].sum() > 0.95 * few.seen[:, whole].sum()
        # Of three, and of four, none fits where one observation does not.
        away = few.positions.copy()
        away[few.seen[:, whole].argmax(axis=0), np.flatnonzero(whole)] += 25.0
        assert evaluate_solution(Tracks(away, matched=True), true, FOCAL).fits[:, whole].mean() < 0.02
    # Three neighbouring frames of a film prove nothing.
    assert not evaluate_solution(Tracks(seen_in(tracks, 3).positions), true, FOCAL).fits.any()


def test_features_in_three_photos_do_not_fit_wrong_poses(project: Any, cloud: np.ndarray, poses: np.ndarray) -> None:
    few, wrong = seen_in(project(cloud, poses, FOCAL, noise=0.3), 3), world_to_camera(poses)
    wrong[:, :, 3] += np.random.default_rng(0).normal(0, 0.15, (30, 3))
    found = evaluate_solution(few, wrong, FOCAL)
    assert found.rejection_reason is not None
    assert found.inlier_ratio < 0.1


def test_noise_predicts_the_scatter_of_steps(project: Any, cloud: np.ndarray, poses: np.ndarray) -> None:
    # Thirty draws of the sightings' noise; each time, every frame placed against the true points.
    true = world_to_camera(poses)
    clean = project(cloud, poses, FOCAL).positions
    errors, predicted = [], []
    for seed in range(6):
        noisy = clean + np.random.default_rng(seed).normal(0, 0.3, clean.shape)
        alone = np.full_like(true, np.nan)
        alone[[0, 29]] = true[[0, 29]]
        placed = adjust_bundle(
            noisy, true, cloud, np.isfinite(noisy[:, :, 0]), FOCAL, max_iterations=20
        ).world_to_camera
        centres = -np.einsum("tji,tj->ti", placed[:, :, :3], placed[:, :, 3])
        similar = align_similarity(centres, poses[:, :3, 3])
        steps = similar.scale * np.diff(centres, axis=0) @ similar.rotation.T
        errors.append(np.linalg.norm(steps - np.diff(poses[:, :3, 3], axis=0), axis=1))
        predicted.append(estimate_step_noise(noisy, cloud, true, FOCAL, np.isfinite(noisy[:, :, 0])))
    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(predicted)))
    assert 0.6 < ratio < 1.5
