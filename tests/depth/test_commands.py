"""Photos, depth maps and depth models on the command line: what is refused, what is warned of, what is handled."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from parascale.camera import Trajectory
from parascale.files.shot_file import read_shot, write_shot
from parascale.parallax.shot import Shot

SIZE = (96, 54)

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """Five frames sideways, in the unit-depth gauge."""
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = 0.02 * np.arange(5)
    path = Trajectory(poses, [80.0, 80.0, SIZE[0] / 2, SIZE[1] / 2], np.arange(5) / 24, *SIZE)
    write_shot(Shot("aside", 24.0, path, np.ones(5), unit="unit-depth"), tmp_path / "aside.shot.json")
    return tmp_path / "aside.shot.json"


@pytest.fixture
def calibrate(parascale: Run, shot: Path, tmp_path: Path) -> Run:
    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        return parascale("calibrate", shot, "-o", tmp_path / "out.shot.json", *arguments, "--json", code=code)

    return run


def saved(path: Path, depth: np.ndarray) -> Path:
    np.save(path, depth.astype(np.float32))
    return path


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def test_a_constant_of_zero_is_refused(calibrate: Run, tmp_path: Path) -> None:
    assert "a depth of 0.0 is not positive" in refusal(calibrate("--depth", 0, code=3))
    zeros = saved(tmp_path / "zeros.npy", np.zeros(SIZE[::-1]))
    assert "has no positive depth: give a map that shows a surface" in refusal(calibrate("--depth-map", zeros, code=3))
    assert not (tmp_path / "out.shot.json").exists()


def test_holes_of_a_map_are_handled(calibrate: Run, tmp_path: Path) -> None:
    depth = np.full(SIZE[::-1], 2.0)
    depth[10:20, 30:60] = np.nan
    depth[30:40] = 0.0
    found = json.loads(calibrate("--depth-map", saved(tmp_path / "holes.npy", depth), "--fov", 60).stdout)
    assert found["pce"] < 1e-6
    assert read_shot(tmp_path / "out.shot.json").median_depth[0] == pytest.approx(2.0)


def test_channels_of_colour_are_no_depth(calibrate: Run, tmp_path: Path) -> None:
    grey = np.ones(SIZE[::-1], np.float32)
    OpenEXR.File({}, {"R": grey, "G": 2 * grey, "B": grey}).write(str(tmp_path / "colour.exr"))
    assert "has no channel that is surely depth" in refusal(calibrate("--depth-map", tmp_path / "colour.exr", code=3))


def test_a_depth_picture_of_8_bits_is_warned_of(calibrate: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "depth.png"), np.full(SIZE[::-1], 128, np.uint8))
    assert "has 8 bits a pixel" in calibrate("--depth-map", tmp_path / "depth.png").stderr


def test_picture_and_depth_of_different_shape_are_refused(parascale: Run, shot: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), np.full((*SIZE[::-1], 3), 90, np.uint8))
    square = saved(tmp_path / "square.npy", np.ones((64, 64)))
    out = tmp_path / "out.mp4"
    given = ("--generator", "preview", "--image", tmp_path / "photo.png", "--depth-map", square, "-o", out)
    assert "64x64" in refusal(parascale("generate", shot, *given, code=3))
    assert not out.exists()


def test_a_missing_depth_model_is_named_before_anything_is_solved(parascale: Run, tmp_path: Path) -> None:
    asked = ("solve", tmp_path / "none.mp4", "-o", tmp_path / "x.shot.json", "--depth-model", "zoedepth")
    assert "parascale weights fetch zoedepth" in refusal(parascale(*asked, code=3))
