"""What a file does not say is told by evidence, and said: order of quaternions, meaning of stamps, kind of rows."""

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
    ],
    ids=["from 0", "every second", "nanoseconds", "microseconds", "milliseconds", "clock", "seconds"],
)
def test_a_whole_stamp_is_told_by_how_far_apart_they_are(
    tmp_path: Path, stamps: np.ndarray, seconds: float | None, said: str
) -> None:
    path = write(tmp_path / "traj.txt", *handheld(Rotation.identity()), "xyzw", stamps.tolist())
    imported = read_trajectory(path, overrides=UserOverrides(fps=None if seconds else 24))
    shot = imported.shot
    step = seconds or (stamps[1] - stamps[0]) / 24
    np.testing.assert_allclose(np.diff(shot.trajectory.times), step, rtol=1e-3)
    assert said in told(imported)
    assert shot.fps == pytest.approx(24 if seconds is None else 1 / seconds, rel=1e-3)


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


@pytest.mark.parametrize("stamp", [1, 40_000], ids=["frames", "microseconds"])
def test_realestate_rows_tell_size_and_stamps(tmp_path: Path, stamp: int) -> None:
    pose = "1 0 0 0 0 1 0 0 0 0 1 0"
    path = tmp_path / "poses.txt"
    rows = [f"{frame * stamp} 0.5 0.9 0.5 0.5 1920 1080 {pose}" for frame in range(5)]
    path.write_text("\n".join(["https://youtu.be/x", *rows]))
    imported = read_trajectory(path, overrides=UserOverrides(fps=25))
    assert imported.shot.trajectory.size == (1920, 1080)
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[:, 0], 960)
    np.testing.assert_allclose(imported.shot.trajectory.times, np.arange(5) / 25)
    assert ("numbers of the frames" in told(imported)) == (stamp == 1)
