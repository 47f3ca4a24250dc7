"""The probe and the verification of a generated video, as a user types them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parascale.evaluation.pictures import drawn_rooms
from parascale.evaluation.probe import Plan, moving_shot
from parascale.files.shot_file import write_shot
from parascale.generators import GENERATORS

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """A picture, its depth, and a shot of a truck through it, as files; the user's own state is kept out."""
    from PIL import Image

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    (picture,) = drawn_rooms(1, (416, 240))
    image, depth, shot = tmp_path / "room.png", tmp_path / "room.npy", tmp_path / "truck.shot.json"
    Image.fromarray(picture.image).save(image)
    np.save(depth, picture.depth)
    write_shot(moving_shot(picture, "truck", 2.0, Plan((picture,), frames=9)), shot)
    return image, depth, shot


@pytest.mark.slow
def test_probing_writes_a_profile_that_is_taken_from_then_on(parascale: Run, room: tuple, tmp_path: Path) -> None:
    image, depth, _ = room
    told = json.loads(
        parascale(
            *("probe", "--generator", "preview", "--image", image, "--depth-map", depth, "--frames", 9),
            *("-o", tmp_path / "preview.json", "--use", "--json"),
        ).stdout
    )
    assert told["units_per_depth"] == pytest.approx(1, rel=0.05)
    assert Path(told["plot"]).read_bytes().startswith(b"\x89PNG")
    profile = json.loads((tmp_path / "preview.json").read_text())
    assert len(profile["response"]) == 10
    generator = json.loads(parascale("doctor", "--json").stdout)["generators"]["preview"]
    assert generator["units_measured"]
    assert generator["units_per_depth"] == profile["units_per_depth"]


@pytest.mark.slow
def test_a_generated_video_is_verified_and_a_second_pass_not_needed(
    parascale: Run, room: tuple, tmp_path: Path
) -> None:
    image, depth, shot = room
    command = ("generate", shot, "-g", "preview", "--image", image, "--depth-map", depth, "-o", tmp_path / "out.mp4")
    told = json.loads(parascale(*command, "--verify", "--second-pass", "--json").stdout)
    assert told["verification"]["pce"] < 0.1
    assert "corrected" not in told
    assert Path(told["files"]["video"]).is_file()


@pytest.mark.slow
def test_a_video_at_another_scale_is_offered_a_second_pass_which_brings_it_right(
    parascale: Run, room: tuple, tmp_path: Path
) -> None:
    """The depth map is half as deep as the shot says: the camera goes twice as far as asked."""
    image, depth, shot = room
    near = tmp_path / "near.npy"
    np.save(near, np.load(depth) / 2)
    document = json.loads(shot.read_text()) | {"unit": "arbitrary"}
    shot.write_text(json.dumps(document))
    command = ("generate", shot, "-g", "preview", "--image", image, "--depth-map", near, "-o", tmp_path / "out.mp4")
    offered = parascale(*command, "--verify")
    assert "times what was asked" in offered.stderr
    assert "--second-pass generates again with the path times 0.5" in offered.stderr
    assert not (tmp_path / "out.corrected.mp4").exists()
    told = json.loads(parascale(*command, "--second-pass", "--json").stdout)
    assert told["corrected"]["gain"] == pytest.approx(0.5, rel=0.05)
    assert abs(told["corrected"]["verification"]["pce_scale_gap"]) < 0.06
    assert Path(told["corrected"]["files"]["video"]) == tmp_path / "out.corrected.mp4"


def test_probing_an_unknown_generator_names_those_there_are(parascale: Run, tmp_path: Path) -> None:
    done = parascale("probe", "--generator", "nothing", "-o", tmp_path / "x.json", code=3)
    assert f"there is no generator 'nothing': take one of {', '.join(GENERATORS)}" in done.stderr
