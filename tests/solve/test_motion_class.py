from typing import Any

import cv2
import numpy as np
import pytest

from parascale.solve.motion.motion_class import classify_motion
from parascale.solve.tracking.tracks import Tracks

pytestmark = pytest.mark.slow

FOCAL = 500.0


def steps(count: int = 20) -> np.ndarray:
    return np.tile(np.eye(4), (count, 1, 1))


def rotated(angle: float, count: int = 20) -> np.ndarray:
    poses = steps(count)
    for t in range(count):
        poses[t, :3, :3] = cv2.Rodrigues(np.array([0.2 * angle, angle, 0.1 * angle]) * t / count)[0]
    return poses


@pytest.fixture(params=["focal known", "focal unknown"])
def focal(request: pytest.FixtureRequest) -> float | None:
    return FOCAL if request.param == "focal known" else None


def test_a_still_camera_is_static(project: Any, cloud: np.ndarray, focal: float | None) -> None:
    assert classify_motion(project(cloud, steps(), FOCAL, noise=0.1), focal, 640).motion == "static"


def test_a_thing_that_moves_before_a_still_camera_leaves_it_static(project: Any, cloud: np.ndarray) -> None:
    tracks = project(cloud, steps(), FOCAL, noise=0.1)
    mover = tracks.positions.copy()
    mover[:, :200] += np.arange(20)[:, None, None] * [4.0, 0.0]
    assert classify_motion(Tracks(mover), FOCAL, 640).motion == "static"


def test_a_pan_is_rotation_only(project: Any, cloud: np.ndarray, focal: float | None) -> None:
    found = classify_motion(project(cloud, rotated(0.4), FOCAL, noise=0.2), focal, 640)
    assert found.motion == "rotation-only"
    assert found.focal == pytest.approx(FOCAL, rel=0.02)


def test_a_pan_past_something_that_moves_is_rotation_only(project: Any, cloud: np.ndarray) -> None:
    tracks = project(cloud, rotated(0.3), FOCAL, noise=0.2)
    mover = tracks.positions.copy()
    mover[:, :150] += np.arange(20)[:, None, None] * [3.0, 1.0]
    assert classify_motion(Tracks(mover), FOCAL, 640).motion == "rotation-only"


def test_a_zoom_is_a_zoom(project: Any, cloud: np.ndarray, focal: float | None) -> None:
    found = classify_motion(project(cloud, steps(), np.linspace(FOCAL, 1.4 * FOCAL, 20), noise=0.2), focal, 640)
    assert found.motion == "zoom"
    assert found.zoom == pytest.approx(1.4, rel=0.02)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 0, 1), (0.5, 0.2, 1), (0, -1, 0.3)])
def test_a_camera_that_travels_is_general(
    project: Any, cloud: np.ndarray, direction: tuple[float, ...], focal: float | None
) -> None:
    poses = steps()
    poses[:, :3, 3] = np.linspace(0, 1.0, 20)[:, None] * direction
    assert classify_motion(project(cloud, poses, FOCAL, noise=0.2), focal, 640).motion == "general"


def test_travelling_along_a_wall_while_turning_is_general(project: Any, cloud: np.ndarray) -> None:
    wall = cloud / cloud[:, 2:] * 6
    poses = rotated(0.3)
    poses[:, 0, 3] = np.linspace(0, -1.5, 20)
    assert classify_motion(project(wall, poses, FOCAL, noise=0.2), FOCAL, 640).motion == "general"


def test_a_subject_that_fills_most_of_the_view_of_a_still_camera_is_doubted(project: Any, cloud: np.ndarray) -> None:
    tracks = project(cloud, steps(), FOCAL, noise=0.1).positions.copy()
    rng = np.random.default_rng(2)
    tracks[:, :350] += rng.normal(0, 6, (20, 1, 2)).cumsum(axis=0)
    for focal in (FOCAL, None):
        assert "another that does not" in str(classify_motion(Tracks(tracks), focal, 640).rejection_reason)


def test_frames_that_share_too_little_tell_no_class(project: Any, cloud: np.ndarray) -> None:
    assert "too soon" in str(classify_motion(project(cloud[:20], rotated(0.3), FOCAL), FOCAL, 640).rejection_reason)


def test_errors_that_could_hide_a_move_are_no_turn(project: Any, cloud: np.ndarray) -> None:
    few = project(cloud[:150], rotated(0.05, 4), FOCAL, noise=3.0)
    found = classify_motion(few, FOCAL, 640)
    assert found.motion != "rotation-only" or found.rejection_reason is not None


def test_a_zoom_that_turns_is_a_zoom_with_a_wrong_focal_length(project: Any, cloud: np.ndarray) -> None:
    zooming = project(cloud, rotated(0.4), np.linspace(FOCAL, 1.5 * FOCAL, 20), noise=0.2)
    assert classify_motion(zooming, 1.3 * FOCAL, 640).motion == "zoom"
    assert classify_motion(zooming, None, 640).motion == "zoom"


def test_a_dolly_before_a_wall_with_things_before_it_is_general(project: Any, cloud: np.ndarray) -> None:
    scene = cloud.copy()
    scene[200:] *= 12 / scene[200:, 2:]
    poses = steps()
    poses[:, 2, 3] = np.linspace(0, 1.5, 20)
    assert classify_motion(project(scene, poses, FOCAL, noise=0.2), FOCAL, 640).motion == "general"


def waving(tracks: Tracks, share: float, limbs: int = 6, amount: float = 9.0) -> Tracks:
    """Let a share of the points, in the middle of the picture, swing as limbs do, each its own way."""
    positions = tracks.positions.copy()
    rng = np.random.default_rng(3)
    middle = np.nansum(positions[:, :, 0], axis=0) / np.maximum(tracks.seen.sum(axis=0), 1)
    nearest = np.argsort(np.where(tracks.seen.any(axis=0), np.abs(middle), np.inf))[: int(share * len(tracks))]
    for limb in np.array_split(rng.permutation(nearest), limbs):
        phase = np.sin(rng.uniform(0.3, 0.9) * np.arange(20) + rng.uniform(0, 6))
        turn = rng.uniform(0, 2 * np.pi)
        positions[:, limb] += amount * phase[:, None, None] * [np.cos(turn), np.sin(turn)]
    return Tracks(positions)


@pytest.mark.parametrize("share", [0.25, 0.35])
def test_a_waving_man_leaves_a_turning_camera_turning(
    project: Any, cloud: np.ndarray, focal: float | None, share: float
) -> None:
    tracks = waving(project(cloud, rotated(0.2), FOCAL, noise=0.2), share)
    found = classify_motion(tracks, focal, 640)
    assert (found.motion, found.rejection_reason) == ("rotation-only", None)


@pytest.mark.parametrize("turn", [0.0005, 0.004])
def test_a_body_that_passes_before_a_still_camera_leaves_it_still(
    project: Any, cloud: np.ndarray, focal: float | None, turn: float
) -> None:
    positions = project(cloud, rotated(turn), FOCAL, noise=0.1).positions.copy()
    middle = np.abs(np.nanmedian(positions[:, :, 0], axis=0)) < 90
    assert 0.25 < middle.mean() < 0.4
    # A lorry seen from above: all of it moves the same way, and so along lines through one place.
    positions[:, middle] += np.arange(20)[:, None, None] * [0.0, 12.0]
    found = classify_motion(Tracks(positions), focal, 640)
    assert found.motion in ("static", "rotation-only")
    assert found.rejection_reason is None


@pytest.mark.parametrize("slipping", [0.0, 0.05])
def test_a_car_that_fills_half_the_view_of_a_turning_camera_is_doubted(
    project: Any, cloud: np.ndarray, focal: float | None, slipping: float
) -> None:
    positions = project(cloud, rotated(0.25), FOCAL, noise=0.3).positions.copy()
    rng = np.random.default_rng(3)
    middle = np.nanmedian(positions, axis=0)
    car = (np.abs(middle[:, 0]) < 160) & (np.abs(middle[:, 1]) < 90)
    assert 0.25 < car.mean() < 0.45
    # Tracks on its edges slip: they go along with it for a part of the way only.
    pull = np.where(car, np.where(rng.random(len(car)) < slipping / car.mean(), rng.uniform(0.1, 0.35, len(car)), 1), 0)
    positions += np.arange(20)[:, None, None] * pull[:, None] * [3.0, 0.0]
    found = classify_motion(Tracks(positions), focal, 640)
    assert found.motion != "general" or "another that does not" in str(found.rejection_reason)


@pytest.mark.parametrize("far", [40, 60, 90])
def test_one_near_thing_that_a_camera_passes_is_no_body(project: Any, focal: float | None, far: float) -> None:
    rng = np.random.default_rng(7)
    depth = far * rng.uniform(0.8, 1.5, 500)
    behind = np.column_stack([rng.uniform(-0.8, 0.8, 500) * depth, rng.uniform(-0.35, 0.35, 500) * depth, depth])
    depth = rng.uniform(2.7, 3.3, 150)
    near = np.column_stack([rng.uniform(-0.15, 0.15, 150) * depth, rng.uniform(-0.3, 0.3, 150) * depth, depth])
    poses = np.tile(np.eye(4), (20, 1, 1))
    poses[:, 0, 3] = np.linspace(-0.15, 0.15, 20)
    found = classify_motion(project(np.concatenate([behind, near]), poses, FOCAL, noise=0.1), focal, 640)
    assert found.motion == "general" or found.rejection_reason is not None


def test_near_things_that_a_camera_passes_are_no_body(project: Any, focal: float | None) -> None:
    rng = np.random.default_rng(7)
    far = np.column_stack([rng.uniform(-0.6, 0.6, 400), rng.uniform(-0.35, 0.35, 400), np.ones(400)]) * 60
    near = np.column_stack([rng.uniform(-0.15, 0.2, 180), rng.uniform(-0.3, 0.3, 180), np.ones(180)]) * 3
    poses = rotated(0.03)
    poses[:, 0, 3] = np.linspace(0, 0.3, 20)
    found = classify_motion(project(np.concatenate([far, near]), poses, FOCAL, noise=0.1), focal, 640)
    assert found.motion == "general" or found.rejection_reason is not None


def test_a_pan_that_zooms_out_past_walkers_is_a_zoom(project: Any, cloud: np.ndarray, focal: float | None) -> None:
    zooming = project(cloud, rotated(0.3), np.linspace(1.5 * FOCAL, FOCAL, 20), noise=0.2)
    assert classify_motion(waving(zooming, 0.35, limbs=12), focal, 640).motion == "zoom"


def test_clouds_over_a_camera_on_a_tripod_leave_it_static(project: Any, cloud: np.ndarray, focal: float | None) -> None:
    positions = project(cloud, steps(), FOCAL, noise=0.1).positions.copy()
    sky = positions[0, :, 1] < 20
    assert sky.mean() > 0.5
    rng = np.random.default_rng(4)
    drift = np.arange(20)[:, None, None] * rng.uniform([1.0, -0.4], [3.0, 0.2], (1, int(sky.sum()), 2))
    positions[:, sky] += drift
    assert classify_motion(Tracks(positions), focal, 640).motion == "static"


def test_ground_that_moves_below_a_far_horizon_is_travel(project: Any, focal: float | None) -> None:
    rng = np.random.default_rng(5)
    z = rng.uniform(4, 15, 250)
    ground = np.column_stack([rng.uniform(-0.6, 0.6, 250) * z, np.full(250, 1.5), z])
    far = np.column_stack([rng.uniform(-0.6, 0.6, 400), rng.uniform(-0.3, 0.05, 400), np.ones(400)]) * 5000
    poses = steps()
    poses[:, 2, 3] = np.linspace(0, 1.0, 20)
    found = classify_motion(project(np.concatenate([ground, far]), poses, FOCAL, noise=0.1), focal, 640)
    assert (found.motion, found.rejection_reason) == ("general", None)


@pytest.mark.parametrize("size", [0.05, 0.15])
def test_a_short_step_is_travel_however_many_points_a_turn_explains(
    project: Any, cloud: np.ndarray, focal: float | None, size: float
) -> None:
    poses = steps()
    poses[:, 0, 3] = np.linspace(0, size, 20)
    assert classify_motion(project(cloud, poses, FOCAL, noise=0.1), focal, 640).motion == "general"


def test_a_small_turn_does_not_determine_the_lens(project: Any, cloud: np.ndarray) -> None:
    small, wide = (classify_motion(project(cloud, rotated(by), FOCAL, noise=0.3), None, 640) for by in (0.005, 0.4))
    assert small.focal_spread > 0.05 > wide.focal_spread
    assert abs(np.log(wide.focal / FOCAL)) < 3 * wide.focal_spread
