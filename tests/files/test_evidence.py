"""What a file does not say is told by evidence, and said: order of quaternions, meaning of stamps, kind of rows."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from parascale.camera.rotations import geodesic_angle
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.trajectory_file import Imported, read_trajectory

COUNT = 30


def orbit(start: Rotation) -> tuple[Rotation, np.ndarray]:
    """Return a camera that circles what it looks at, in a world turned by ``start``."""
    angle = np.linspace(0, 1.2, COUNT)
    centres = 3 * np.column_stack([np.sin(angle), np.zeros(COUNT), 1 - np.cos(angle)])
    turns = Rotation.from_rotvec(np.outer(angle, [0, -1, 0]))
    return start * turns, start.apply(centres)


def handheld(start: Rotation) -> tuple[Rotation, np.ndarray]:
    """Return a camera that is carried about, in a world turned by ``start``."""
    phase = np.linspace(0, 7, COUNT)[:, None] * [1, 1.3, 0.7]
    return start * Rotation.from_rotvec(0.3 * np.sin(phase)), start.apply(np.cumsum(0.05 * np.cos(phase), axis=0))


def write(path: Path, turns: Rotation, centres: np.ndarray, order: str, stamps: object = None) -> Path:
    quaternions = turns.as_quat()
    quaternions = quaternions if order == "xyzw" else quaternions[:, [3, 0, 1, 2]]
    rows = [" ".join(f"{value:.6f}" for value in row) for row in np.column_stack([centres, quaternions])]
    if stamps is not None:
        rows = [f"{stamp} {row}" for stamp, row in zip(stamps, rows, strict=True)]
    path.write_text("\n".join(rows) + "\n")
    return path


def told(imported: Imported) -> str:
    return " ".join(notice.message for notice in imported.notices)


@pytest.mark.parametrize("move", [orbit, handheld])
@pytest.mark.parametrize("order", ["xyzw", "wxyz"])
@pytest.mark.parametrize("stamps", [None, range(COUNT), np.arange(COUNT) / 30], ids=["none", "frames", "seconds"])
def test_a_path_that_begins_at_the_identity_tells_its_order(tmp_path: Path, move, order: str, stamps: object) -> None:  # type: ignore[no-untyped-def]
    turns, centres = move(Rotation.identity())
    first = turns[0].inv()
    imported = read_trajectory(write(tmp_path / "traj.txt", first * turns, first.apply(centres), order, stamps))
    assert imported.format == ("tum" if order == "xyzw" else "tum-w-first")
    found = imported.shot.trajectory.rotations
    assert geodesic_angle(found, (first * turns).as_matrix()).max() < 1e-4
    assert ("w first" in told(imported)) == (order == "wxyz")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("order", ["xyzw", "wxyz"])
def test_an_orbit_from_anywhere_tells_its_order_by_its_smoothness(tmp_path: Path, order: str, seed: int) -> None:
    turns, centres = orbit(Rotation.random(random_state=seed))
    imported = read_trajectory(write(tmp_path / "traj.txt", turns, centres, order, np.arange(COUNT) / 30))
    assert geodesic_angle(imported.shot.trajectory.rotations, turns.as_matrix()).max() < 1e-4
    if order == "wxyz":
        notice = next(notice for notice in imported.notices if "w first" in notice.message)
        assert "smoother" in notice.message
        assert (notice.remedy, notice.choices) == ("other-format", ("tum",))


@pytest.mark.parametrize("seed", range(8))
def test_without_evidence_the_order_of_the_format_holds(tmp_path: Path, seed: int) -> None:
    turns, centres = handheld(Rotation.random(random_state=seed))
    imported = read_trajectory(write(tmp_path / "traj.txt", turns, centres, "xyzw", np.arange(COUNT) / 30))
    assert imported.format == "tum"
    assert geodesic_angle(imported.shot.trajectory.rotations, turns.as_matrix()).max() < 1e-4


def test_a_format_that_is_named_is_read_as_named_and_doubted(tmp_path: Path) -> None:
    path = write(tmp_path / "traj.txt", *orbit(Rotation.identity()), "wxyz", np.arange(COUNT) / 30)
    imported = read_trajectory(path, "tum")
    assert "may begin with w" in told(imported)


@pytest.mark.parametrize(
    ("stamps", "seconds", "said"),
    [
        (np.arange(COUNT), None, "numbers of the frames"),
        (1001 + 2 * np.arange(COUNT), None, "numbers of the frames"),
        (1403636579763555584 + 50_000_000 * np.arange(COUNT), 0.05, "nanoseconds"),
        (33_333 * np.arange(COUNT), 0.033333, "microseconds"),
        (1_403_636_579_763 + 40 * np.arange(COUNT), 0.04, "milliseconds"),
        (1_403_636_579 + np.arange(COUNT), 1.0, ""),
        (np.arange(COUNT) / 25, 0.04, ""),
        (np.array([f"{1_403_636_579_763_555.5 + 40_000 * i:.1f}" for i in range(COUNT)]), 0.04, "microseconds"),
        (np.array([f"{1_403_636_579_763.25 + 40 * i:.2f}" for i in range(COUNT)]), 0.04, "milliseconds"),
        (0.25 + 40 * np.arange(COUNT), 0.04, "milliseconds"),
        (40 * np.arange(COUNT), 0.04, "milliseconds"),
        (np.floor(1000 / 30 * np.arange(COUNT)).astype(int), 1 / 30, "milliseconds"),
    ],
    ids=[
        *("from 0", "every second", "nanoseconds", "microseconds", "milliseconds", "clock", "seconds"),
        *("microseconds with decimals", "milliseconds with decimals", "milliseconds from 0 with decimals"),
        *("milliseconds of 25 a second", "milliseconds of 30 a second"),
    ],
)
def test_a_whole_stamp_is_told_by_how_far_apart_they_are(
    tmp_path: Path, stamps: np.ndarray, seconds: float | None, said: str
) -> None:
    path = write(tmp_path / "traj.txt", *handheld(Rotation.identity()), "xyzw", stamps.tolist())
    imported = read_trajectory(path, overrides=UserOverrides(fps=None if seconds else 24))
    shot = imported.shot
    step = seconds or (stamps[1] - stamps[0]) / 24
    np.testing.assert_allclose(np.diff(shot.trajectory.times), step, rtol=1e-3, atol=1e-3)
    assert said in told(imported)
    assert shot.fps == pytest.approx(24 if seconds is None else 1 / seconds, rel=0.02)


def test_a_rate_that_contradicts_the_times_is_said_and_not_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "traj.txt", *handheld(Rotation.identity()), "xyzw", np.arange(COUNT) / 30)
    imported = read_trajectory(path, overrides=UserOverrides(fps=24))
    assert imported.shot.fps == pytest.approx(30, rel=1e-3)
    assert imported.shot.trajectory.times[-1] == pytest.approx((COUNT - 1) / 30)
    assert "used the times of the file, 30 frames a second" in told(imported)


def test_a_rate_that_is_nearly_that_of_the_times_names_it(tmp_path: Path) -> None:
    path = write(
        tmp_path / "traj.txt", *handheld(Rotation.identity()), "xyzw", [f"{i / 29.97:.4f}" for i in range(COUNT)]
    )
    imported = read_trajectory(path, overrides=UserOverrides(fps=29.97))
    assert imported.shot.fps == 29.97
    assert "used the times" not in told(imported)


@pytest.mark.parametrize("frame", ["{}", "{}.0", "{}.000000"])
@pytest.mark.parametrize("fov", ["", " 34.5"])
def test_rows_that_end_in_degrees_are_nukes_however_their_frames_are_written(
    tmp_path: Path, frame: str, fov: str
) -> None:
    path = tmp_path / "cam.txt"
    rows = [f"{frame.format(1001 + i)} {0.1 * i} 1.5 -2 0 {i} 0{fov}" for i in range(COUNT)]
    path.write_text("\n".join(rows))
    imported = read_trajectory(path)
    assert imported.format == "chan"
    assert imported.shot.frames is not None
    assert imported.shot.frames.tolist() == list(range(1001, 1001 + COUNT))


@pytest.mark.parametrize(
    ("stamp", "said"),
    [(1, "numbers of the frames"), (40_000, ""), (40_000_000, "nanoseconds"), (40, "milliseconds"), (0.04, "")],
    ids=["frames", "microseconds", "nanoseconds", "milliseconds", "seconds"],
)
def test_realestate_rows_tell_size_and_stamps(tmp_path: Path, stamp: float, said: str) -> None:
    pose = "1 0 0 0 0 1 0 0 0 0 1 0"
    path = tmp_path / "poses.txt"
    rows = [f"{frame * stamp:.10g} 0.5 0.9 0.5 0.5 1920 1080 {pose}" for frame in range(5)]
    path.write_text("\n".join(["https://youtu.be/x", *rows]))
    imported = read_trajectory(path, overrides=UserOverrides(fps=25))
    assert imported.shot.trajectory.size == (1920, 1080)
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[:, 0], 960)
    np.testing.assert_allclose(imported.shot.trajectory.times, np.arange(5) / 25)
    assert ("stamps" in told(imported)) == bool(said)
    assert said in told(imported)


def test_realestate_rows_with_a_lens_in_pixels_are_said(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text("\n".join(f"{40_000 * frame} 800 800 640 360 0 0 1 0 0 0 0 1 0 0 0 0 1 0" for frame in range(5)))
    imported = read_trajectory(path, "realestate10k")
    assert "the principal point of frame 0, 640 and 360, looks like pixels" in told(imported)


@pytest.mark.parametrize("order", ["xyzw", "wxyz"])
def test_an_order_that_nothing_tells_is_said_with_what_reads_it_otherwise(tmp_path: Path, order: str) -> None:
    turns, centres = handheld(Rotation.random(random_state=2))
    imported = read_trajectory(write(tmp_path / "traj.txt", turns, centres, order, np.arange(COUNT) / 30))
    told = [notice for notice in imported.notices if "quaternions" in notice.message]
    assert imported.format == "tum"
    assert [(notice.remedy, notice.choices) for notice in told] == [("other-format", ("tum-w-first",))]


def matrices(kind: str) -> np.ndarray:
    """Return camera-to-world poses of a camera that is carried, drives straight ahead, or rests."""
    poses = np.tile(np.eye(4), (COUNT, 1, 1))
    if kind == "handheld":
        shake = np.random.default_rng(4).normal(0, 0.01, (COUNT, 3))
        poses[:, :3, :3] = (Rotation.random(random_state=2) * Rotation.from_rotvec(shake)).as_matrix()
        poses[:, :3, 3] = [40, 2, -30] + np.arange(COUNT)[:, None] * [0.1, 0, 0.05]
    if kind == "drives":
        poses[:, 2, 3] = 0.1 * np.arange(COUNT)
    return poses


def write_matrices(path: Path, poses: np.ndarray, layout: str, comment: str = "") -> Path:
    if layout == "folder":
        path.mkdir()
        for frame, pose in enumerate(poses):
            np.savetxt(path / f"{frame:06d}.txt", pose, fmt="%.9f")
        return path
    rows = poses[:, : {"rows of 12": 3, "rows of 16": 4}[layout]].reshape(len(poses), -1)
    np.savetxt(path, rows, fmt="%.9f", header=comment, comments="# " if comment else "")
    return path


@pytest.mark.parametrize(
    "row", ["{frame} {x} 0 1 0 0 0", "{frame} {x} 0 1 0 0 0 40"], ids=["without a lens", "with a lens"]
)
def test_a_nuke_camera_that_does_not_turn_is_no_row_of_quaternions(tmp_path: Path, row: str) -> None:
    path = tmp_path / "cam.chan"
    path.write_text("\n".join(row.format(frame=1001 + frame, x=0.1 * frame) for frame in range(COUNT)))
    imported = read_trajectory(path)
    assert imported.format == "chan"
    np.testing.assert_allclose(np.linalg.norm(imported.shot.trajectory.baselines, axis=1), 0.1, rtol=1e-9)


@pytest.mark.parametrize("lost", ["identity", "far away"])
def test_a_frame_that_was_lost_is_said_with_its_place(tmp_path: Path, lost: str) -> None:
    turns, centres = handheld(Rotation.random(random_state=2))
    centres += [0.5, 0.4, 0]
    path = write(tmp_path / "traj.txt", turns, centres, "xyzw", np.arange(COUNT) / 30)
    assert "jumps" not in told(read_trajectory(path))
    lines = path.read_text().splitlines()
    pose = "0 0 0 0 0 0 1" if lost == "identity" else " ".join(["30 0 0", *lines[9].split()[4:]])
    lines[9] = f"{lines[9].split()[0]} {pose}"
    path.write_text("\n".join(lines))
    assert "line 10 jumps out of the path and back" in told(read_trajectory(path))


PICTURES = {
    "seconds": lambda i: f"rgb/{1305031102.175304 + i / 25:.6f}.png",
    "nanoseconds": lambda i: f"{1403636579763555584 + 40_000_000 * i}.png",
    "milliseconds": lambda i: f"frame_{1403636579763 + 40 * i}.jpg",
    "dates with seconds": lambda i: f"2024-02-29T12-00-{i // 25:02d}.{40 * (i % 25):03d}.jpg",
    "bare nanoseconds": lambda i: f"{1_000_000_000 + 40_000_000 * i}.jpg",
    "frames": lambda i: f"frame_{i:05d}.jpg",
    "a version and frames": lambda i: f"shot1.{i:04d}.jpg",
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("layout", ["nerfstudio", "splat-cameras"])
def test_time_stamps_in_the_names_of_pictures_are_times(tmp_path: Path, kind: str, layout: str) -> None:
    names = [PICTURES[kind](frame) for frame in range(COUNT)]
    poses = np.tile(np.eye(4), (COUNT, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(COUNT)
    if layout == "nerfstudio":
        frames = [{"file_path": name, "transform_matrix": p.tolist()} for name, p in zip(names, poses, strict=True)]
        text = json.dumps({"fl_x": 800, "w": 1280, "h": 720, "frames": frames})
    else:
        shared = {"width": 1280, "height": 720, "fx": 800, "fy": 800, "rotation": np.eye(3).tolist()}
        pairs = zip(names, poses[:, :3, 3].tolist(), strict=True)
        text = json.dumps([shared | {"id": i, "img_name": n, "position": p} for i, (n, p) in enumerate(pairs)])
    path = tmp_path / "cameras.json"
    path.write_text(text)
    imported = read_trajectory(path, overrides=UserOverrides(fps=25))
    np.testing.assert_allclose(np.diff(imported.shot.trajectory.times), 0.04, rtol=1e-4)
    assert ("time stamps" in told(imported)) == ("seconds" in kind)


LAYOUTS = ["rows of 12", "rows of 16", "folder"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["handheld", "drives"])
def test_matrices_are_said_to_be_camera_to_world_and_read_the_other_way_where_that_is_asked(
    tmp_path: Path, layout: str, kind: str
) -> None:
    poses = matrices(kind)
    path = write_matrices(tmp_path / "poses", np.linalg.inv(poses), layout)
    [notice] = [notice for notice in read_trajectory(path).notices if "camera-to-world" in notice.message]
    assert (notice.remedy, notice.choices) == ("other-format", ("world-to-camera",))
    tells = {"handheld": "times smoother", "drives": "go where it looks"}[kind]
    assert tells in notice.message
    found = read_trajectory(path, "world-to-camera")
    np.testing.assert_allclose(found.shot.trajectory.camera_to_world, poses, atol=1e-6)
    assert "camera-to-world" not in "".join(notice.message for notice in found.notices)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["handheld", "drives"])
def test_matrices_in_the_direction_of_the_format_are_not_doubted(tmp_path: Path, layout: str, kind: str) -> None:
    path = write_matrices(tmp_path / "poses", matrices(kind), layout)
    [notice] = [notice for notice in read_trajectory(path).notices if "camera-to-world" in notice.message]
    assert "would" not in notice.message


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_camera_that_rests_has_no_direction_to_be_told(tmp_path: Path, layout: str) -> None:
    path = write_matrices(tmp_path / "poses", matrices("rests"), layout)
    assert "camera-to-world" not in told(read_trajectory(path))


@pytest.mark.parametrize("comment", ["world-to-camera matrices", "w2c", "frame extrinsics", "world2cam, row-major"])
@pytest.mark.parametrize("layout", LAYOUTS[:2])
def test_a_comment_that_says_the_direction_is_believed(tmp_path: Path, comment: str, layout: str) -> None:
    poses = matrices("handheld")
    imported = read_trajectory(write_matrices(tmp_path / "poses.txt", np.linalg.inv(poses), layout, comment))
    assert imported.format == "world-to-camera"
    np.testing.assert_allclose(imported.shot.trajectory.camera_to_world, poses, atol=1e-6)


@pytest.mark.parametrize(
    "comment", ["camera-to-world extrinsics", "c2w, inverted extrinsics", "inverse of w2c", "extrinsics c2w_mats"]
)
@pytest.mark.parametrize("layout", LAYOUTS[:2])
def test_a_comment_that_says_the_other_direction_too_is_no_word_for_it(
    tmp_path: Path, comment: str, layout: str
) -> None:
    poses = matrices("handheld")
    imported = read_trajectory(write_matrices(tmp_path / "poses.txt", poses, layout, comment))
    assert imported.format != "world-to-camera"
    np.testing.assert_allclose(imported.shot.trajectory.camera_to_world, poses, atol=1e-6)
    assert "read as camera-to-world" in told(imported)
