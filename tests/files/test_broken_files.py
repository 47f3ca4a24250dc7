"""Broken files of every format: one sentence that says where, and nothing read by half."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.formats import FORMATS
from parascale.files.raw_trajectory import MOST_FRAMES
from parascale.files.trajectory_file import find_format, read_trajectory, write_trajectory
from parascale.parallax.shot import Shot

PLACE = re.compile(r"line \d+|frame ?\d+|image \d+|camera \d+|byte \d+|cut short|\.camera")
# The file of a folder whose damage is tried; a file of its own has none.
WITHIN = {
    "colmap": "images.txt",
    "colmap-binary": "images.bin",
    "pose-folder": "walk.txt",
    "lingbot-world": "poses.npy",
    "vipe": "pose/x.npz",
    "strecha": "frame_000003.png.camera",
}
WRITTEN = [known.name for known in FORMATS.values() if known.write is not None]
BINARY = ["colmap-binary", "gen3c", "lingbot-world", "megasam", "vipe"]
TEXT = [name for name in WRITTEN if name not in BINARY]


def walk() -> Shot:
    poses = np.tile(np.eye(4), (9, 1, 1))
    angle = np.linspace(0.1, 0.5, 9)
    poses[:, 0, 0] = poses[:, 2, 2] = np.cos(angle)
    poses[:, 0, 2], poses[:, 2, 0] = np.sin(angle), -np.sin(angle)
    poses[:, :3, 3] = np.arange(9)[:, None] * [0.125, -0.25, 0.5]
    path = Trajectory(poses, np.array([600.0, 600.0, 416.0, 240.0]), np.arange(9) / 16, 832, 480)
    return Shot("walk", 16.0, path, np.full(9, 2.0))


def written(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a good file; return what to read, and the file to damage."""
    path = folder / f"x{find_format(name).suffix}"
    write_trajectory(walk(), path, name)
    return path, path / WITHIN[name] if name in WITHIN else path


def assert_refused(path: Path, name: str) -> str:
    with pytest.raises(InputError) as caught:
        read_trajectory(path, name)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert PLACE.search(sentence), sentence
    assert len(sentence) < 500
    return sentence


def damage(file: Path, pattern: str, replacement: str, which: int) -> None:
    """Replace one match of a pattern."""
    text = file.read_text()
    matches = list(re.finditer(pattern, text))
    found = matches[which]
    file.write_text(text[: found.start()] + replacement + text[found.end() :])


# Which number of those belongs to a pose, where the fourth from the end does not.
POSE = {"csv": 3}
# A number of a pose: with a point, and neither in a note nor in a name.
NUMBER = r"(?<![\w.=-])-?\d+\.\d+(?![\w.])"


@pytest.mark.parametrize("name", TEXT)
def test_a_file_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    text = file.read_text().rstrip()
    # As after a crash: within the last row, or somewhere in the JSON.
    file.write_text(text[: int(0.8 * len(text))] if file.suffix == ".json" else text[: max(map(text.rfind, " \t,"))])
    assert_refused(path, name)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_binary_file_cut_short_is_refused(name: str, share: float, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError) as caught:
        read_trajectory(path, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("bad", ["nan", "inf", "1e999", "0,5", "one", "1_0.0"])
def test_a_number_that_is_none_is_refused(name: str, bad: str, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    damage(
        file,
        NUMBER,
        {"nan": "NaN", "inf": "Infinity"}.get(bad, bad) if file.suffix == ".json" else bad,
        POSE.get(name, -4),
    )
    assert_refused(path, name)


@pytest.mark.parametrize("name", TEXT)
def test_a_row_with_a_number_too_few_is_refused(name: str, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    damage(file, NUMBER + r"[\s,]+", "", -4)
    assert_refused(path, name)


@pytest.mark.parametrize("name", TEXT)
def test_mixed_line_ends_and_a_byte_order_mark_change_nothing(name: str, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    good = read_trajectory(path, name).shot.trajectory
    lines = file.read_text().split("\n")
    mixed = "".join(line + ("\r\n", "\n", "\r")[index % 3] for index, line in enumerate(lines))
    file.write_bytes(b"\xef\xbb\xbf" + mixed.encode())
    same = read_trajectory(path, name).shot.trajectory
    np.testing.assert_array_equal(same.camera_to_world, good.camera_to_world)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "cp037"])
@pytest.mark.parametrize("name", TEXT)
def test_encodings_that_no_mark_tells_are_refused(name: str, encoding: str, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    file.write_bytes(file.read_text().encode(encoding))
    assert_refused(path, name)


@pytest.mark.parametrize("name", TEXT)
def test_an_empty_file_is_refused(name: str, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    file.write_text("")
    with pytest.raises(InputError) as caught:
        read_trajectory(path, name)
    assert "\n" not in str(caught.value)


def rows(scale: float, decimals: int) -> str:
    """KITTI rows of rotations scaled and rounded."""
    poses = walk().trajectory.camera_to_world[:, :3].copy()
    poses[4, :, :3] *= scale
    return "\n".join(" ".join(f"{value:.{decimals}f}" for value in pose.ravel()) for pose in poses) + "\n"


@pytest.mark.parametrize("decimals", [3, 4, 6, 9])
def test_a_rotation_off_by_rounding_is_mended_silently(tmp_path: Path, decimals: int) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(rows(1.0, decimals))
    imported = read_trajectory(path, "kitti")
    rotations = imported.shot.trajectory.rotations
    np.testing.assert_allclose(rotations, walk().trajectory.rotations, atol=10.0**-decimals)
    np.testing.assert_allclose(np.swapaxes(rotations, 1, 2) @ rotations, np.tile(np.eye(3), (9, 1, 1)), atol=1e-14)
    assert not any("rotation" in notice.message for notice in imported.notices)


@pytest.mark.parametrize("scale", [1.01, 0.9, 0.0])
def test_a_rotation_off_by_more_is_refused_with_its_line(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(rows(scale, 9))
    assert "line 5" in assert_refused(path, "kitti")


def test_a_single_mirrored_rotation_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    lines = rows(1.0, 9).splitlines()
    words = lines[6].split()
    lines[6] = " ".join([f"-{words[0]}", f"-{words[1]}", f"-{words[2]}", *words[3:]]).replace("--", "")
    path.write_text("\n".join(lines))
    assert "line 7" in assert_refused(path, "kitti")


@pytest.mark.parametrize("name", ["tum", "chan"])
def test_time_that_stands_still_is_refused(name: str, tmp_path: Path) -> None:
    path, file = written(name, tmp_path)
    lines = file.read_text().splitlines()
    lines.insert(5, lines[4])
    file.write_text("\n".join(lines))
    assert "line 6" in assert_refused(path, name)


def test_noise_is_of_no_known_format(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8)))
    (tmp_path / "empty").mkdir()
    for name in ("noise", "empty"):
        with pytest.raises(InputError, match="no known format"):
            read_trajectory(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        read_trajectory(tmp_path / "gone.txt")


def test_an_archive_of_pickles_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", cam_c2w=np.array([{"a": 1}], object))
    with pytest.raises(InputError, match="plain numbers"):
        read_trajectory(tmp_path / "x.npz")


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    """The shape is a promise of the file, which nobody should set memory aside for."""
    np.savez(tmp_path / "x.npz", cam_c2w=np.eye(4)[None])
    data = (tmp_path / "x.npz").read_bytes().replace(b"(1, 4, 4), }      ", b"(99999999, 4, 4), }"[:18])
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(InputError):
        read_trajectory(tmp_path / "x.npz")


@pytest.mark.slow
def test_a_hundred_megabytes_of_rows_stay_within_limits(tmp_path: Path) -> None:
    """Read in a process that may take 2 GB: as many rows as a shot may have are read, more are refused."""
    row = " 0.5 0.9 0.5 0.5 0 0 " + " ".join(f"{value:.17f}" for value in np.eye(4)[:3].ravel())
    fits, too_many = tmp_path / "fits.txt", tmp_path / "more.txt"
    for path, count in ((fits, MOST_FRAMES), (too_many, 100_000_000 // len(row))):
        with path.open("w") as file:
            file.write("header\n")
            file.writelines(f"{number}{row}\n" for number in range(count))
    assert too_many.stat().st_size >= 100_000_000
    script = (
        "import sys; from pathlib import Path; from parascale.files.trajectory_file import read_trajectory\n"
        "print(len(read_trajectory(Path(sys.argv[1])).shot))"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))

    def read(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, str(path)]
        return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, timeout=250, check=False)

    assert read(fits).stdout.strip() == str(MOST_FRAMES)
    refused = read(too_many)
    assert f"line {MOST_FRAMES + 2}: a shot has at most" in refused.stderr
