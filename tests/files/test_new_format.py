"""A new trajectory format is one file: everything that reads the table of formats knows it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import parascale
from parascale.camera import Trajectory
from parascale.files.formats import FORMATS
from parascale.files.shot_file import read_shot, write_shot
from parascale.parallax.shot import Shot

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"

CENTRES = '''
"""A line a frame: "at x y z"."""

from pathlib import Path

import numpy as np

from parascale.files.disk import read_text, replace_files
from parascale.files.format import Format, register
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory


def read_centres(path: Path) -> RawTrajectory:
    centres = [[float(word) for word in line.split()[1:]] for line in read_text(path).splitlines()]
    poses = np.tile(np.eye(4), (len(centres), 1, 1))
    poses[:, :3, 3] = centres
    return RawTrajectory(poses)


def write_centres(shot, path: Path) -> None:
    lines = [" ".join(["at", *map(repr, row)]) for row in shot.trajectory.centres.tolist()]
    replace_files({path: "\\n".join(lines).encode()})


register(
    Format(
        name="centres",
        description="centres alone",
        suffix=".txt",
        lens="none",
        time="none",
        read=read_centres,
        write=write_centres,
        recognise=lambda sample: sample.text.startswith("at "),
        defaults=FormatDefaults(size=(640, 480)),
        unit=False,
        size=False,
    )
)
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package that has one more file."""
    source = Path(parascale.__file__).parent
    shutil.copytree(source, tmp_path / "lib" / "parascale", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "lib" / "parascale" / "files" / "formats" / "centres.py").write_text(CENTRES)
    return tmp_path / "lib"


def run(package: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parascale.cli", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_one_file_makes_a_format_known_to_every_command(package: Path, tmp_path: Path) -> None:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = np.arange(5)
    path = Trajectory(poses, np.array([600.0, 600.0, 416.0, 240.0]), np.arange(5) / 24, 832, 480)
    write_shot(Shot("truck", 24.0, path, np.full(5, 2.0)), tmp_path / "truck.shot.json")

    listed = json.loads(run(package, "formats", "--json").stdout)["formats"]
    assert [known["name"] for known in listed] == sorted([*FORMATS, "centres"])
    told = run(package, "export", tmp_path / "truck.shot.json", "-o", tmp_path / "truck.txt", "--format", "centres")
    assert "centres stores no lens" in told.stderr
    back = tmp_path / "back.shot.json"
    told = run(package, "import", tmp_path / "truck.txt", "-o", back, "--json")
    assert json.loads(told.stdout)["format"] == "centres"
    assert "no picture size in the file; assuming 640x480: override with --size" in told.stderr
    np.testing.assert_array_equal(read_shot(back).trajectory.centres, path.centres)


def test_the_documentation_has_a_row_for_every_format() -> None:
    table = DOCS.read_text().split("\n\n", 3)[2]
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]]
    lens = {name: row[4] for row in rows for name in re.findall(r"`([^`]+)`", row[1])}
    assert list(lens) == list(FORMATS)
    named = {"height": "vertical field of view"}
    assert lens == {known.name: named.get(known.lens, known.lens) for known in FORMATS.values()}
