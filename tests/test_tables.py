"""One table a fact: the documentation names its rows, and one row more is known everywhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.files.shot_file import read_shot, write_shot
from parascale.parallax.lens import LENSES
from parascale.parallax.methods import METHODS
from parascale.parallax.shot import Shot
from parascale.retime.modes import MODES

DOCS = Path(__file__).parents[1] / "docs"

# Adds rows before anything else of the package is imported, then runs the command line.
WITH_ONE_MORE = """
import sys

from parascale.parallax.gains import raw_gain
from parascale.parallax.methods import METHODS, GainMethod
from parascale.retime.modes import MODES, RetimeMode
from parascale.retime.resample import keep_path

METHODS["twice"] = GainMethod("twice", "Twice", "Two units for one", lambda shot, start: 2 * raw_gain(shot, start))
MODES["late"] = RetimeMode("late", "Late", "The last frames only", lambda shot, frames, fps: keep_path(shot, 2, fps))

from parascale.cli import main
from parascale.evaluation.methods import METHODS as COMPARED

assert "twice" in COMPARED
main()
"""


def rows(page: str, heading: str, column: int) -> list[str]:
    """The names in backquotes in one column of the first table under a heading of a page."""
    section = (DOCS / page).read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split(" | ")[column] for line in section.splitlines() if line.startswith("| ")]
    return [name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)[:1]]


def test_the_conventions_name_the_gain_methods() -> None:
    assert rows("conventions.md", "Gains", 0) == list(METHODS)


def test_the_conventions_name_the_lenses() -> None:
    text = (DOCS / "conventions.md").read_text().split("- **Lens**", 1)[1].split("\n- ", 1)[0]
    assert re.findall(r"`([a-z]+)`:", text) == list(LENSES)


def test_the_manual_names_the_retiming_modes() -> None:
    named = rows("retiming.md", "Which mode", 1)
    assert list(dict.fromkeys(named)) == list(MODES)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITH_ONE_MORE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = np.arange(5)
    path = Trajectory(poses, np.array([600.0, 600.0, 416.0, 240.0]), np.arange(5) / 24, 832, 480)
    write_shot(Shot("truck", 24.0, path, np.full(5, 2.0)), tmp_path / "truck.shot.json")
    return tmp_path / "truck.shot.json"


def test_one_more_gain_method_is_a_choice_of_the_command_line(shot: Path, tmp_path: Path) -> None:
    assert "twice" in run("calibrate", "--help").stdout
    done = run("calibrate", shot, "--depth", 3, "--method", "twice", "-o", tmp_path / "out.shot.json", "--json")
    assert done.returncode == 0, done.stderr
    assert read_shot(tmp_path / "out.shot.json").gain.tolist() == [2.0] * 4
    assert json.loads(done.stdout)["gain_range"] == [2.0, 2.0]


def test_one_more_retiming_mode_is_a_choice_of_the_command_line(shot: Path, tmp_path: Path) -> None:
    assert "late" in run("retime", "--help").stdout
    done = run("retime", shot, "--mode", "late", "-o", tmp_path / "out.shot.json")
    assert done.returncode == 0, done.stderr
    assert len(read_shot(tmp_path / "out.shot.json")) == 2
