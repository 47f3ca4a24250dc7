"""Small everyday inputs, each with its right value: `../shared/cases` beside the checkout, or PARASCALE_CASES."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parascale.files.shot_file import read_shot
from parascale.parallax.shot import Shot

CASES = Path(os.environ.get("PARASCALE_CASES", Path(__file__).parents[3] / "shared" / "cases"))


@pytest.fixture(scope="session")
def cases() -> Path:
    """Return the folder of cases; the test skips where it is absent."""
    if not CASES.is_dir():
        pytest.skip(f"no cases at {CASES}: set PARASCALE_CASES")
    return CASES


@pytest.fixture(scope="session")
def parascale() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line as a user types it, in a folder."""

    def run(*arguments: object, code: int = 0, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "parascale.cli", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=folder)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def imported(parascale: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[Shot, str]]:
    """Import a trajectory and give the shot with what was said on standard error."""

    def run(path: Path, *options: object) -> tuple[Shot, str]:
        output = tmp_path / "imported.shot.json"
        said = parascale("import", path, "-o", output, *options).stderr
        return read_shot(output), said

    return run


@pytest.fixture
def solved(parascale: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[Shot, dict[str, Any], str]]:
    """Solve a clip and give the shot, what `--json` prints, and what was said on standard error."""

    def run(path: object, *options: object, folder: Path | None = None) -> tuple[Shot, dict[str, Any], str]:
        output = tmp_path / "solved.shot.json"
        done = parascale("solve", path, "-o", output, "--json", *options, folder=folder)
        return read_shot(output), json.loads(done.stdout), done.stderr

    return run
