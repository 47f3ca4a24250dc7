"""A folder of scene-linear EXR frames is solved as the same frames in PNG files are."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest

from parascale.files.shot_file import read_shot
from parascale.media.frames import read_frames

pytestmark = pytest.mark.slow


def test_exr_frames_give_the_path_of_the_same_frames_in_png(clips: Any, tmp_path: Path) -> None:
    for folder in ("exr", "png"):
        (tmp_path / folder).mkdir()
    for number, _, picture in read_frames(clips("crane", 24).path):
        cv2.imwrite(str(tmp_path / "png" / f"{number}.png"), picture[:, :, ::-1])
        value = picture / 255
        light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float16)
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": light}).write(str(tmp_path / "exr" / f"{number}.exr"))
    shots = []
    for folder in ("exr", "png"):
        output = tmp_path / f"{folder}.shot.json"
        command = [sys.executable, "-m", "parascale.cli", "solve", tmp_path / folder, "-o", output]
        subprocess.run([*command, "--focal", "400", "--threads", "1"], check=True, stdout=subprocess.DEVNULL)
        shots.append(read_shot(output))
    assert shots[0].motion_class == "general"
    np.testing.assert_array_equal(shots[0].trajectory.camera_to_world, shots[1].trajectory.camera_to_world)
