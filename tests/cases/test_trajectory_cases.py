"""Trajectory files as other tools write them; the right values stand in each case's README."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.camera.rotations import geodesic_angle
from parascale.parallax.shot import Shot

Import = Callable[..., tuple[Shot, str]]


def turn(shot: Shot) -> float:
    """Degrees from the first camera to the last."""
    rotations = shot.trajectory.rotations
    return float(np.degrees(geodesic_angle(rotations[0], rotations[-1])))


def test_a_slam_trajectory_of_whole_stamps_is_tum(cases: Path, imported: Import) -> None:
    shot, _ = imported(cases / "tum_integer_stamps" / "slam_traj.txt")
    assert "tum" in shot.provenance["format"]
    assert len(shot) == 24
    assert turn(shot) == pytest.approx(30.0, abs=0.1)


def test_a_chan_of_decimal_frame_numbers_is_a_chan(cases: Path, imported: Import) -> None:
    shot, _ = imported(cases / "chan_decimal_frames" / "shotcam.chan")
    assert "chan" in shot.provenance["format"]
    assert len(shot) == 24
    assert shot.frames is not None
    assert shot.frames[0] == 1001
    height = 2 * np.degrees(np.arctan(shot.trajectory.height / 2 / shot.trajectory.intrinsics[0, 1]))
    assert height == pytest.approx(34.5, abs=1e-6)


def test_quaternions_that_begin_with_w_are_found_and_said(cases: Path, imported: Import) -> None:
    shot, said = imported(cases / "monst3r_pred_traj" / "pred_traj.txt", "--fps", 30)
    np.testing.assert_allclose(shot.trajectory.rotations[0], np.eye(3), atol=1e-9)
    assert shot.fps == 30
    assert shot.trajectory.times[-1] == pytest.approx(23 / 30)
    assert "w" in said
    assert turn(shot) == pytest.approx(30.0, abs=0.1)


def test_realestate_rows_that_hold_the_picture_size(cases: Path, imported: Import) -> None:
    shot, said = imported(cases / "realestate_sized_rows" / "poses.txt")
    assert shot.trajectory.size == (1920, 1080)
    np.testing.assert_allclose(shot.trajectory.intrinsics[:, 0], 960, rtol=1e-6)
    assert "picture size" not in said


def test_a_lens_angle_needs_only_the_width_the_user_gives(cases: Path, imported: Import) -> None:
    shot, said = imported(cases / "nerf_angle_without_size" / "transforms_train.json", "--size", "800x800")
    np.testing.assert_allclose(shot.trajectory.intrinsics[:, 0], 1111.1, atol=0.05)
    assert "lens" not in said
    assert "field of view" not in said


def test_distortion_that_stands_in_every_frame_is_kept(cases: Path, imported: Import) -> None:
    shot, _ = imported(cases / "nerf_distortion_per_frame" / "transforms.json")
    assert shot.distortion is not None
    assert shot.distortion["model"] == "OPENCV"
    found = [shot.distortion[name] for name in ("k1", "k2", "p1", "p2")]
    np.testing.assert_allclose(found, [0.128966, -0.250879, -0.002045, -0.001853], atol=1e-6)


def test_a_panorama_is_refused_by_name(cases: Path, parascale: Any, tmp_path: Path) -> None:
    path = cases / "nerf_panorama" / "transforms.json"
    said = parascale("import", path, "-o", tmp_path / "x.shot.json", code=3).stderr
    assert "EQUIRECTANGULAR" in said


def test_several_cameras_in_one_transforms_are_a_choice(
    cases: Path, parascale: Any, imported: Import, tmp_path: Path
) -> None:
    path = cases / "nerf_several_cameras" / "transforms.json"
    robot, _ = imported(path, "--camera", "robot")
    assert len(robot) == 24
    without, said = imported(path)
    assert len(without) in {3, 24}
    assert "robot" in said
    assert "realsense" in said


def test_a_camera_path_of_the_nerfstudio_viewer(cases: Path, imported: Import) -> None:
    shot, _ = imported(cases / "nerf_camera_path" / "camera_path.json")
    assert len(shot) == 24
    assert shot.fps == 24
    np.testing.assert_allclose(shot.trajectory.centres[0], 0, atol=1e-9)
    np.testing.assert_allclose(np.abs(shot.trajectory.centres[-1]), [1.5, 0.007, 0.8], atol=6e-4)
    assert shot.trajectory.height == 720
    np.testing.assert_allclose(shot.trajectory.intrinsics[:, 1], 360 / np.tan(np.radians(25)))


def test_cameras_of_gaussian_splatting(cases: Path, imported: Import) -> None:
    path = cases / "splat_cameras" / "cameras.json"
    shot, _ = imported(path)
    first = json.loads(path.read_text())[0]
    assert len(shot) == 24
    np.testing.assert_allclose(shot.trajectory.intrinsics[:, 0], 900)
    np.testing.assert_allclose(shot.trajectory.centres[0], first["position"], atol=1e-9)
    np.testing.assert_allclose(shot.trajectory.rotations[0], first["rotation"], atol=1e-6)


def test_a_rig_of_two_cameras_is_a_choice(cases: Path, imported: Import) -> None:
    shot, said = imported(cases / "colmap_rig")
    assert len(shot) == 10
    assert "2 cameras" in said
    steps = np.linalg.norm(np.diff(shot.trajectory.centres, axis=0), axis=1)
    assert steps.max() < 3 * np.median(steps)


def test_the_larger_part_of_a_split_reconstruction_is_taken_and_said(cases: Path, imported: Import) -> None:
    shot, said = imported(cases / "colmap_split")
    assert len(shot) == 40
    assert "2" in said
    assert "3" in said
