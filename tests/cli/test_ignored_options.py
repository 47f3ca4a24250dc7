"""Options of `calibrate` and `retime`: each works by itself, or is refused without what it needs, never ignored."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer

from parascale.camera import Trajectory
from parascale.cli import app
from parascale.files.shot_file import write_shot
from parascale.parallax.shot import Shot

INPUT = 3
Typed = Callable[..., tuple[int, str, str]]

# Options that change the result, or say where it goes, whatever else is given.
ALONE = {
    "calibrate": {
        *("output", "depth", "depth_map", "scene", "preset", "method", "strength", "smooth", "lens", "anchor_frame"),
        *("along", "across", "overwrite", "json"),
        # Said where there is nothing of the kind to be kept or weighed.
        *("size", "solver"),
    },
    "retime": {
        *("output", "frames", "fps", "mode", "level", "smooth", "shake", "hold", "reverse", "ping_pong", "strength"),
        *("speed", "overwrite", "json"),
    },
}
# Of each of the others how it is given, beside what it changes nothing, and what the refusal names.
WITH = {
    "calibrate": {
        "subject": ("--subject Vase", "--depth 5", "--scene"),
        "camera": ("--camera Camera", "--depth 5", "--scene"),
        "depth_scale": ("--depth-scale 2", "--depth 5", "--depth-map"),
        "fov": ("--fov 50", "--depth 5", "--depth-map"),
        "weight": ("--weight framing=2", "--depth-map depth.npy", "--solver optimise"),
        "size_budget": ("--size-budget 0.2", "--depth-map depth.npy --size lens", "--size dolly"),
        "midpoint": ("--midpoint", "--depth-map depth.npy --method global", "--method closed-loop or felt"),
        "framing": ("--framing 1", "--depth 5", "--scene or --depth-map"),
        "horizon": ("--horizon keep", "--depth 5", "--scene or --depth-map"),
        "clearance": ("--clearance 0.2", "--depth 5", "--scene or --depth-map"),
    },
    "retime": {
        "keep_angles": ("--keep-angles", "--mode even --frames 9", "--mode keep-felt-speed"),
        "count_rotation": ("--count-rotation", "--frames 9", "--mode even"),
        "ease": ("--ease 0:0,1:1", "--mode even --frames 9", "--mode keep-path"),
        "cutoff": ("--cutoff 2", "--frames 9", "--shake"),
    },
}
WORKS = [
    "calibrate truck.shot.json --depth 5 --framing 0 --horizon free --clearance 0",
    "calibrate truck.shot.json --depth-map depth.npy --framing 0.5 --horizon keep --clearance 0.1 --midpoint --fov 60",
    "calibrate truck.shot.json --depth-map depth.npy --size dolly --size-budget 0.2 --depth-scale 2",
    "retime truck.shot.json --shake 0.5 --cutoff 2",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to type in, with a truck past a wall and a depth map."""
    poses = np.tile(np.eye(4), (25, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(25)
    path = Trajectory(poses, np.array([60.0, 60.0, 48.0, 32.0]), np.arange(25) / 24, 96, 64)
    write_shot(Shot("truck", 24.0, path, np.full(25, 2.0)), tmp_path / "truck.shot.json")
    np.save(tmp_path / "depth.npy", np.full((64, 96), 4.0, np.float32))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["calibrate", "retime"])
def test_every_option_is_in_one_of_the_tables(command: str) -> None:
    known = typer.main.get_command(app).commands[command]
    options = {each.name for each in known.params if each.param_type_name == "option"}
    here = {name for name in options if name not in ("quiet", "verbose", "log_file", "help")}
    assert here == ALONE[command] | set(WITH[command])
    assert not ALONE[command] & set(WITH[command])


@pytest.mark.parametrize(
    ("command", "option", "beside", "needs"), [(name, *row) for name, rows in WITH.items() for row in rows.values()]
)
def test_an_option_that_would_change_nothing_is_refused(
    typed: Typed, here: Path, command: str, option: str, beside: str, needs: str
) -> None:
    before = sorted(here.iterdir())
    code, _, told = typed(command, "truck.shot.json", "-o", "new.shot.json", *beside.split(), *option.split())
    assert code == INPUT
    assert option.partition(" ")[0] in told
    assert needs in " ".join(told.split())
    assert sorted(here.iterdir()) == before
    # Without it there is nothing to refuse.
    code, _, told = typed(command, "truck.shot.json", "-o", "new.shot.json", *beside.split())
    assert code == 0, told


@pytest.mark.parametrize("line", WORKS)
def test_with_what_it_needs_it_works(typed: Typed, here: Path, line: str) -> None:
    code, _, told = typed(*line.split(), "-o", "new.shot.json")
    assert code == 0, told
    assert (here / "new.shot.json").is_file()
