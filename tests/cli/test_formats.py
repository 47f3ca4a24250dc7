"""import, export and formats as a user types them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.files.shot_file import read_shot, write_shot
from parascale.parallax.shot import Shot

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shot_file(tmp_path: Path) -> Path:
    """Return a truck to the right past a wall at 2, two seconds at 24 a second: P is 0.05."""
    poses = np.tile(np.eye(4), (49, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(49)
    path = Trajectory(poses, np.array([900.0, 900.0, 960.0, 540.0]), np.arange(49) / 24, 1920, 1080)
    write_shot(Shot("truck", 24.0, path, np.full(49, 2.0)), tmp_path / "truck.shot.json")
    return tmp_path / "truck.shot.json"


def test_there_and_back_keeps_the_parallax_number(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    told = parascale("export", shot_file, "-o", tmp_path / "truck.txt", "--format", "realestate10k")
    assert "stores no median depth" in told.stderr
    parascale("import", tmp_path / "truck.txt", "-o", tmp_path / "back.shot.json", "--depth", 2)
    back = read_shot(tmp_path / "back.shot.json")
    np.testing.assert_allclose(back.parallax_number, 0.05)
    np.testing.assert_allclose(back.felt_parallax, 0.05)


def test_depth_from_a_map(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "wall.npy", np.full((54, 96), 4.0, np.float32))
    parascale("export", shot_file, "-o", tmp_path / "truck.txt", "--format", "wan-fun")
    told = parascale(
        "import", tmp_path / "truck.txt", "-o", tmp_path / "b.shot.json", "--depth-map", tmp_path / "wall.npy", "--json"
    )
    answer = json.loads(told.stdout)
    assert answer["format"] == "wan-fun"
    np.testing.assert_allclose([p for p in answer["parallax_number"] if p is not None][:5], 0.025, rtol=1e-6)


def test_export_resamples_to_what_the_generator_takes(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    """Two seconds at 16 a second are 33 frames, which is 4n+1; 1920x1080 covers 832x480 at 0.4444."""
    latents = tmp_path / "camera.npz"
    options = ["--fps", 16, "--size", "832x480", "--json"]
    told = json.loads(parascale("export", shot_file, "-o", latents, "--format", "wan-fun-latents", *options).stdout)
    assert (told["frames"], told["fps"], told["size"]) == (33, 16, [832, 480])
    with np.load(latents) as archive:
        camera = archive["camera_latents"]
    assert camera.shape == (1, 24, 9, 480, 832)
    # Straight ahead of the last frame: moment = centre x direction = 4.8 e_x x e_z = -4.8 e_y.
    np.testing.assert_allclose(camera[0, [3, 7, 11], 8, 240, 416], [0, -4.8, 0], atol=0.02)


def test_frames_play_the_whole_move(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    parascale("export", shot_file, "-o", tmp_path / "x.json", "--format", "recammaster", "--frames", 81)
    parascale("import", tmp_path / "x.json", "-o", tmp_path / "x.shot.json")
    path = read_shot(tmp_path / "x.shot.json").trajectory
    assert len(path) == 81
    assert np.linalg.norm(path.centres[-1] - path.centres[0]) == pytest.approx(4.8)


def test_what_does_not_fit_is_said_and_refused(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    for arguments in (
        ["--format", "fbx"],
        ["--format", "plucker", "--size", "big"],
        ["--format", "wan-fun-latents", "--size", "833x480", "--fps", 16],
        ["--format", "wan-fun", "--fps", -1],
    ):
        refused = parascale("export", shot_file, "-o", tmp_path / "x", *arguments, code=3)
        assert len(refused.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "x").exists()


def test_a_broken_file_is_one_sentence_with_its_line(parascale: Run, tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0,5 0.0 1 0 0 0 0 1 0\n")
    refused = parascale("import", tmp_path / "poses.txt", "-o", tmp_path / "x.shot.json", code=3)
    assert "line 2: '0,5' has a comma" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x.shot.json").exists()


def test_formats_lists_what_each_can_hold(parascale: Run) -> None:
    told = json.loads(parascale("formats", "--json").stdout)
    known = {entry["name"]: entry for entry in told["formats"]}
    assert known["kitti"]["lens"] == "none"
    assert known["nerfstudio"]["depth"] is True
    assert known["wan-fun"]["frames"] == "4n+1 frames at 16 a second, 81 by custom"
    text = parascale("formats").stdout
    assert all(name in text for name in (*known, *(entry["name"] for entry in told["tensors"])))
