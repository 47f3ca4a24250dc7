"""Several cameras in one file are a choice, never one path that jumps; a lens of each frame is kept or said."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.cameras import split_by_name
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.shot_file import read_shot, write_shot
from parascale.files.trajectory_file import Imported, read_trajectory, write_trajectory
from parascale.parallax.distortion import join_frames
from parascale.parallax.shot import Shot
from parascale.retime import match_rate, stitch


def transforms(folder: Path, names: list[str], *frames: dict[str, object], **head: object) -> Path:
    """Write transforms.json; the second camera's frames are far away."""
    listed = []
    for index, name in enumerate(names):
        pose = np.diag([1.0, -1, -1, 1])
        pose[0, 3] = 0.1 * index
        own = frames[index % len(frames)] if frames else {}
        listed.append({"file_path": name, "transform_matrix": pose.tolist(), **own})
    path = folder / "transforms.json"
    path.write_text(json.dumps({"w": 640, "h": 480, "fl_x": 500.0, **head, "frames": listed}))
    return path


def numbered(pattern: str, count: int = 6) -> list[str]:
    return [pattern.format(index) for index in range(count)]


def told(imported: Imported) -> str:
    return " ".join(notice.message for notice in imported.notices)


def of(path: Path, camera: str | None = None, **more: object) -> Imported:
    return read_trajectory(path, overrides=UserOverrides(camera=camera, **more))  # type: ignore[arg-type]


SEVERAL = {
    "folders": (numbered("images/left/{:04d}.png") + numbered("images/right/{:04d}.png", 3), {"left": 6, "right": 3}),
    "words": (numbered("{:04d}-left.jpg") + numbered("{:04d}-right.jpg", 3), {"left": 6, "right": 3}),
    "first words": (numbered("robot_{:04d}.jpg") + numbered("phone_{:04d}.jpg", 3), {"robot": 6, "phone": 3}),
    "numbers": (numbered("cam1_{:04d}.jpg") + numbered("cam2_{:04d}.jpg", 3), {"cam1": 6, "cam2": 3}),
    "numbers behind": (numbered("{:04d}_cam0.jpg") + numbered("{:04d}_cam1.jpg", 3), {"cam0": 6, "cam1": 3}),
    "rig": (numbered("rig1/camera1/{:04d}.png") + numbered("rig1/camera2/{:04d}.png", 3), {"camera1": 6, "camera2": 3}),
    "numbered folders": (
        numbered("images/0/{:04d}.png") + numbered("images/1/{:04d}.png", 3),
        {"images/0": 6, "images/1": 3},
    ),
    "other frames": (numbered("cam1/1{:03d}.png") + numbered("cam2/2{:03d}.png", 3), {"cam1": 6, "cam2": 3}),
    "a folder a frame": (numbered("{:04d}/cam_0.png") + numbered("{:04d}/cam_1.png", 3), {"cam_0": 6, "cam_1": 3}),
    "Windows": (
        numbered("img\\left\\{:04d}.png") + numbered("img\\right\\{:04d}.png", 3),
        {"left": 6, "right": 3},
    ),
    "splits": (numbered("./train/r_{}") + numbered("./test/r_{}", 3), {"train": 6, "test": 3}),
}
ONE = {
    "frames": numbered("images/frame_{:05d}.png"),
    "stamps": [f"{1305031102 + index / 4:.6f}.jpg" for index in range(12)],
    "whole seconds": [f"13050311{second:02d}.{part:06d}.png" for second in range(3) for part in range(0, 10**6, 10**5)],
    "a folder a frame": numbered("{:05d}/color.png"),
    "no ending": numbered("./train/r_{}"),
    "photos": ["door.png", "hall.png", "stairs.png"],
    "dates": [f"2024-01-0{day}_12-00-{second:02d}.jpg" for day in (1, 2) for second in range(5)],
    "take": numbered("shot_12_{:03d}.exr"),
    "unnamed": [""] * 6,
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_pictures_of_several_cameras_are_a_choice(tmp_path: Path, kind: str) -> None:
    names, cameras = SEVERAL[kind]
    path = transforms(tmp_path, names)
    imported = of(path)
    assert len(imported.shot) == max(cameras.values())
    notice = next(notice for notice in imported.notices if notice.remedy == "camera")
    assert set(notice.choices) == set(cameras)
    assert "the longest of 2 cameras" in notice.message
    for name, count in cameras.items():
        chosen = of(path, name)
        assert (len(chosen.shot), chosen.shot.name) == (count, name)
        assert not any(notice.remedy == "camera" for notice in chosen.notices)
    with pytest.raises(InputError, match="has no camera 'third'") as refused:
        of(path, "third")
    assert refused.value.notice.choices == notice.choices


def test_more_cameras_than_frames_are_cameras() -> None:
    names = [f"cam_{camera:02d}/{frame}.png" for camera in range(30) for frame in range(4)]
    assert set(split_by_name(names)) == {f"cam_{camera:02d}" for camera in range(30)}


@pytest.mark.parametrize("kind", ONE)
def test_pictures_of_one_camera_are_one_path(tmp_path: Path, kind: str) -> None:
    names = ONE[kind]
    assert len(set(split_by_name(names))) == 1
    path = transforms(tmp_path, names)
    imported = of(path)
    assert len(imported.shot) == len(names)
    assert not any(notice.remedy == "camera" for notice in imported.notices)
    with pytest.raises(InputError, match="one camera"):
        of(path, "left")


def test_pictures_of_other_sizes_are_of_another_camera(tmp_path: Path) -> None:
    path = transforms(tmp_path, numbered("{:04d}.png", 6), {}, {}, {"w": 1920, "h": 1080})
    imported = of(path)
    assert (len(imported.shot), imported.shot.trajectory.size) == (4, (640, 480))
    assert of(path, "1920x1080").shot.trajectory.size == (1920, 1080)


@pytest.mark.parametrize("binary", [False, True])
def test_the_cameras_of_a_colmap_rig_are_a_choice(tmp_path: Path, binary: bool) -> None:
    """Renamed so that the pictures' names tell nothing: the rig does."""
    import pycolmap

    options = pycolmap.SyntheticDatasetOptions(num_rigs=1, num_cameras_per_rig=2, num_frames_per_rig=5, num_points3D=20)
    model = pycolmap.synthesize_dataset(options)
    for number, image in model.images.items():
        image.name = f"{number:04d}.png"
    (model.write_binary if binary else model.write_text)(tmp_path)
    imported = of(tmp_path)
    assert len(imported.shot) == 5
    notice = next(notice for notice in imported.notices if notice.remedy == "camera")
    assert notice.choices == ("camera 1", "camera 2")
    for name in notice.choices:
        expected = [
            image.projection_center()
            for _, image in sorted(model.images.items())
            if f"camera {image.camera_id}" == name
        ]
        np.testing.assert_allclose(of(tmp_path, name).shot.trajectory.centres, expected, atol=1e-9)


def test_lenses_of_one_camera_are_no_rig(tmp_path: Path) -> None:
    """COLMAP may give each picture a camera of its own, and a rig of one for each."""
    (tmp_path / "cameras.txt").write_text("".join(f"{n} PINHOLE 640 480 {500 + n} 500 320 240\n" for n in range(1, 5)))
    (tmp_path / "images.txt").write_text("".join(f"{n} 1 0 0 0 {-n} 0 0 {n} {n:03d}.png\n\n" for n in range(1, 5)))
    (tmp_path / "rigs.txt").write_text("".join(f"{n} 1 CAMERA {n}\n" for n in range(1, 5)))
    imported = of(tmp_path)
    np.testing.assert_array_equal(imported.shot.trajectory.intrinsics[:, 0], [501, 502, 503, 504])


@pytest.mark.parametrize("within", ["", "sparse"])
def test_parts_of_a_reconstruction_are_said_and_the_largest_is_read(tmp_path: Path, within: str) -> None:
    for part, count in enumerate((2, 4, 3)):
        folder = tmp_path / within / str(part)
        folder.mkdir(parents=True)
        (folder / "cameras.txt").write_text("1 PINHOLE 640 480 500 500 320 240\n")
        images = [f"{n} 1 0 0 0 {-n} 0 0 1 {n:03d}.png\n\n" for n in range(1, count + 1)]
        (folder / "images.txt").write_text("".join(images))
    imported = of(tmp_path)
    assert len(imported.shot) == 4
    assert "in 3 parts" in told(imported)
    assert "0 with 2, 1 with 4, 2 with 3" in told(imported)
    assert len(of(tmp_path / within / "2").shot) == 3


@pytest.mark.parametrize("model", ["EQUIRECTANGULAR", "VR180_L", "OMNIDIRECTIONALSTEREO_R", "ORTHOPHOTO"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_what_is_no_lens_is_refused_by_name(tmp_path: Path, model: str, everywhere: bool) -> None:
    own = {"camera_model": model}
    path = transforms(tmp_path, numbered("{:04d}.png"), {} if everywhere else own, **(own if everywhere else {}))
    with pytest.raises(InputError, match=model):
        of(path)


def fisheyes() -> Iterator[tuple[str, dict[str, object]]]:
    yield "said", {"camera_model": "OPENCV_FISHEYE", "k1": 0.1}
    yield "without coefficients", {"camera_model": "OPENCV_FISHEYE"}
    yield "instant-ngp", {"is_fisheye": True, "k1": 0.1}


@pytest.mark.parametrize(("kind", "own"), list(fisheyes()))
@pytest.mark.parametrize("everywhere", [True, False])
def test_fisheye_is_kept_and_said(tmp_path: Path, kind: str, own: dict[str, object], everywhere: bool) -> None:
    path = transforms(tmp_path, numbered("{:04d}.png"), {} if everywhere else own, **(own if everywhere else {}))
    imported = of(path)
    assert imported.shot.distortion is not None
    assert imported.shot.distortion["model"] == "OPENCV_FISHEYE"
    assert "fisheye" in told(imported)


def test_fisheye_of_colmap_is_kept_and_said(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 OPENCV_FISHEYE 640 480 500 500 320 240 0 0 0 0\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 1.png\n\n2 1 0 0 0 1 0 0 1 2.png\n\n")
    imported = of(tmp_path)
    assert imported.shot.distortion == {"model": "OPENCV_FISHEYE", "k1": 0, "k2": 0, "k3": 0, "k4": 0}
    assert "fisheye" in told(imported)


def test_distortion_that_changes_is_kept(tmp_path: Path) -> None:
    names = numbered("{:04d}.png")
    path = transforms(tmp_path, names, {"k1": 0.1, "k2": 0.5}, {"k1": 0.2, "k2": 0.5, "p1": 0.01})
    shot = of(path).shot
    expected = {"model": "OPENCV", "k1": [0.1, 0.2] * 3, "k2": 0.5, "p1": [0.0, 0.01] * 3, "p2": 0.0}
    assert shot.distortion == expected
    assert shot[1:3].distortion == {**expected, "k1": [0.2, 0.1], "p1": [0.01, 0.0]}
    write_shot(shot, tmp_path / "own.shot.json")
    assert read_shot(tmp_path / "own.shot.json").distortion == expected
    for name in ("colmap", "colmap-binary", "nerfstudio"):
        target = tmp_path / (name if name != "nerfstudio" else "again.json")
        write_trajectory(shot, target, name)
        assert read_trajectory(target).shot.distortion == expected
    again = match_rate(shot, 2 * shot.fps).distortion
    assert again is not None
    np.testing.assert_allclose(np.array(again["k1"])[:3], [0.1, 0.15, 0.2])
    moving = dataclasses.replace(shot, median_depth=np.full(len(shot), 2.0))
    both = stitch(moving, moving).distortion
    assert both is not None
    assert both["k1"] == [0.1, 0.2] * 3 + [0.2, 0.1, 0.2, 0.1, 0.2]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"k1": 0.1}, {"k1": 0.1, "maker": "x"}),
        ({"k1": 0.1, "k2": 0.3}, {"k1": 0.1, "maker": "x", "k2": [0.0, 0.0, 0.3, 0.3, 0.3]}),
        ({"k1": [0.1, 0.2, 0.3], "maker": "y"}, {"k1": [0.1, 0.1, 0.1, 0.2, 0.3], "maker": "x"}),
        ({}, {"k1": [0.1, 0.1, 0.0, 0.0, 0.0], "maker": "x"}),
    ],
)
def test_a_coefficient_that_one_shot_does_not_name_is_not_lost(
    second: dict[str, Any], expected: dict[str, Any]
) -> None:
    joined = join_frames({"model": "OPENCV", "k1": 0.1, "maker": "x"}, 2, {"model": "OPENCV", **second}, 3)
    assert joined == {"model": "OPENCV", **expected}


def test_a_lens_that_becomes_a_fisheye_is_said(tmp_path: Path) -> None:
    fisheye = {"camera_model": "OPENCV_FISHEYE", "k1": 0.2}
    imported = of(transforms(tmp_path, numbered("{:04d}.png"), {"k1": 0.1}, fisheye))
    assert imported.shot.distortion == {"model": "SIMPLE_RADIAL", "k1": 0.1}
    assert "the kind of lens changes from frame to frame" in told(imported)


@pytest.mark.parametrize("values", [[0.1], [0.1, None, 0.2], ["a"] * 3, [0.1, float("nan"), 0.3], [10**400, 1, 2]])
def test_coefficients_that_are_not_one_a_frame_are_refused(values: list[object]) -> None:
    path = Trajectory(np.tile(np.eye(4), (3, 1, 1)), np.array([500.0, 500, 320, 240]), np.arange(3.0), 640, 480)
    with pytest.raises(InputError, match="lens distortion's 'k1'"):
        Shot("lens", 1.0, path, np.ones(3), distortion={"model": "SIMPLE_RADIAL", "k1": values})


def test_lenses_that_change_are_kept(tmp_path: Path) -> None:
    path = transforms(tmp_path, numbered("{:04d}.png"), {"fl_x": 500.0}, {"fl_x": 600.0, "fl_y": 610.0, "cx": 300.0})
    lens = of(path).shot.trajectory.intrinsics
    np.testing.assert_array_equal(lens[:2], [[500, 500, 320, 240], [600, 610, 300, 240]])


@pytest.mark.parametrize("angle", ["camera_angle_x", "camera_angle_y"])
def test_an_angle_is_that_of_the_size_asked_for(tmp_path: Path, angle: str) -> None:
    path = transforms(tmp_path, numbered("./train/r_{}"), **{"w": None, "h": None, "fl_x": None, angle: np.pi / 2})
    lens = of(path, size=(1000, 800)).shot.trajectory.intrinsics[0]
    focal = 500 if angle == "camera_angle_x" else 400
    np.testing.assert_allclose(lens, [focal, focal, 500, 400])


@pytest.mark.parametrize("size", [(320, 240), (2560, 1920)], ids=["halved", "doubled twice"])
def test_a_lens_for_pictures_of_another_size_is_said(tmp_path: Path, size: tuple[int, int]) -> None:
    lens = {"fl_x": 500.0, "cx": 320.0, "cy": 240.0}
    path = transforms(tmp_path, numbered("{:04d}.png"), **lens, w=size[0], h=size[1])
    (notice,) = [notice.message for notice in of(path).notices if "principal point" in notice.message]
    assert "320, 240" in notice
    assert "another size" in notice


def test_a_lens_that_is_shifted_is_not_doubted(tmp_path: Path) -> None:
    path = transforms(tmp_path, numbered("{:04d}.png"), fl_x=500.0, cx=200.0, cy=300.0)
    assert not [notice for notice in of(path).notices if "principal point" in notice.message]


def test_a_matrix_column_by_column_is_refused(tmp_path: Path) -> None:
    path = transforms(tmp_path, numbered("{:04d}.png"))
    document = json.loads(path.read_text())
    for frame in document["frames"]:
        frame["transform_matrix"] = np.array(frame["transform_matrix"]).T.tolist()
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"frame 1.*last row"):
        of(path)


def test_a_camera_of_a_format_that_has_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n" * 3)
    with pytest.raises(InputError, match="one camera"):
        of(path, "left")
