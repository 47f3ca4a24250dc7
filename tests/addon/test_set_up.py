"""Set Up Backend: an environment of its own outside Blender, or nothing; the public zips have none of it."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest

ROOT = Path(__file__).parents[2]
PYTHON = shutil.which("python3.11") or shutil.which("python3") or sys.executable

# Debian keeps it in a package of its own.
MAKES_ENVIRONMENTS = (
    subprocess.run([PYTHON, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0
)
needs_environments = pytest.mark.skipif(not MAKES_ENVIRONMENTS, reason=f"{PYTHON} has no ensurepip")

# Other tests leave backends running on the state that all share: each of these has its own, beside its folder.
START = """
import json, os, sys
from pathlib import Path
import bpy
archive, folder, python = sys.argv[1:4]
os.environ["XDG_STATE_HOME"] = folder + ".state"
bpy.context.preferences.system.use_online_access = True
bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
preferences = bpy.context.preferences.addons["bl_ext.user_default.parascale"].preferences
def set_up(**values):
    try:
        return sorted(bpy.ops.parascale.set_up_backend(folder=folder, extras="", **values))
    except RuntimeError as error:
        return str(error)
"""

WHOLE = """
outcome, works = set_up(python=python), bpy.ops.parascale.test_backend() == {"FINISHED"}
print("FOUND", json.dumps([outcome, preferences.executable, works]))
"""

REFUSED = """
said = [set_up(python="/nowhere/python"), set_up(python=sys.argv[4])]
Path(folder).mkdir()
(Path(folder) / "mine.txt").write_text("kept")
said.append(set_up(python=python))
bpy.context.preferences.system.use_online_access = False
said.append(set_up(python=python))
print("FOUND", json.dumps([said, preferences.executable]))
"""

CANCELLED = """
from bl_ext.user_default.parascale.operators import set_up as room
from bl_ext.user_default.parascale.steps import Call

call = Call({"python": python, "folder": folder, "extras": ""}, lambda levels, text: None, is_task=True)
steps, seen = room.PARASCALE_OT_set_up_backend.steps(bpy.context, call), []
for fraction, phase in steps:
    seen.append(phase)
    if (Path(folder) / "pyvenv.cfg").is_file():
        break
steps.close()
print("FOUND", json.dumps([Path(folder).exists(), seen[0], preferences.executable]))
"""


# An environment of somebody else's, then one that was set up here: neither is lost where a setup fails.
KEPT = """
def environment():
    Path(folder).mkdir()
    for name in ("pyvenv.cfg", "works.txt"):
        (Path(folder) / name).write_text("kept")
def files():
    return sorted(path.name for path in Path(folder).iterdir())
environment()
said, found = [set_up(python=python)], [files()]
Path(folder + ".log").write_text("set up here")
said.append(set_up(python=sys.argv[4]))
found.append(files())
print("FOUND", json.dumps([said, found]))
"""


# The backend runs, connected and then left alone with whatever it still does.
RUNS = """
preferences.executable = sys.argv[4]
bpy.ops.parascale.start_backend()
said, kept = [set_up(python=python)], preferences.executable
bpy.ops.parascale.stop_backend()
said.append(set_up(python=python))
from parascale.link.local import find_backend
print("FOUND", json.dumps([said, Path(folder).exists(), preferences.executable == kept, find_backend() is not None]))
"""


@pytest.fixture(scope="session")
def own_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small zip with the whole package."""
    folder = tmp_path_factory.mktemp("own")
    command = [
        ROOT / ".venv" / "bin" / "python",
        ROOT / "tools" / "build_extension.py",
        "--output-dir",
        folder,
        "--own",
    ]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    variant = "abi3" if bpy.app.version >= (5, 1) else "cp311"
    (path,) = (folder / "own").glob(f"parascale-*-{variant}.zip")
    return path


def found(output: str) -> object:
    import json

    (line,) = (line for line in output.splitlines() if line.startswith("FOUND "))
    return json.loads(line.removeprefix("FOUND "))


def test_the_public_zips_set_nothing_up(extension: ModuleType, zips: Path) -> None:
    assert not hasattr(bpy.types, "PARASCALE_OT_set_up_backend")
    for path in [*zips.glob("*.zip"), *zips.glob("pure/*.zip")]:
        with zipfile.ZipFile(path) as archive:
            assert not [name for name in archive.namelist() if "set_up" in name]
            assert not any(b'"-m", "pip"' in archive.read(name) for name in archive.namelist() if name.endswith(".py"))


@needs_environments
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backend_is_set_up_outside_blender_and_used(
    own_zip: Path, another_blender: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "environment"
    output = another_blender(START + WHOLE, tmp_path / "blender", own_zip, folder, PYTHON)
    outcome, executable, works = found(output)  # type: ignore[misc]
    assert outcome == ["FINISHED"]
    assert Path(executable).parent.parent == folder
    assert works
    assert "Successfully installed" in (tmp_path / "environment.log").read_text()


@needs_environments
@pytest.mark.skipif(os.name == "nt", reason="an executable of our own making")
def test_what_cannot_be_set_up_is_one_sentence_and_changes_nothing(
    own_zip: Path, another_blender: Callable[..., str], tmp_path: Path
) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\necho version 3 9\n")
    old.chmod(0o755)
    folder = tmp_path / "environment"
    output = another_blender(START + REFUSED, tmp_path / "blender", own_zip, folder, PYTHON, old)
    said, executable = found(output)  # type: ignore[misc]
    wanted = ("cannot be run", "3.11 or later is needed", "holds something else", "may not go online")
    for sentence, part in zip(said, wanted, strict=True):
        assert part in sentence
        assert len(sentence.strip().splitlines()) == 1
    assert executable == ""
    assert (folder / "mine.txt").read_text() == "kept"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_set_up_while_a_backend_runs(
    own_zip: Path, another_blender: Callable[..., str], tmp_path: Path
) -> None:
    folder, program = tmp_path / "environment", ROOT / ".venv" / "bin" / "parascale"
    # Held here, it does not end once nobody is connected.
    command = [program, "serve", "--bind", "tcp://127.0.0.1:*", "--held"]
    environment = os.environ | {"XDG_STATE_HOME": f"{folder}.state"}
    held = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
    try:
        end = time.monotonic() + 240
        while not list(Path(f"{folder}.state").rglob("backend.json")) and time.monotonic() < end:
            time.sleep(0.1)
        code = START + RUNS
        output = another_blender(code, tmp_path / "blender", own_zip, folder, PYTHON, program)
    finally:
        held.communicate(timeout=240)
    said, exists, kept, runs = found(output)  # type: ignore[misc]
    assert "connected" in said[0]
    assert "still runs" in said[1]
    assert (exists, kept, runs) == (False, True, True)


@needs_environments
def test_a_setup_that_is_cancelled_leaves_nothing(
    own_zip: Path, another_blender: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "environment"
    output = another_blender(START + CANCELLED, tmp_path / "blender", own_zip, folder, PYTHON)
    assert found(output) == [False, "Looking at Python", ""]


@needs_environments
@pytest.mark.skipif(os.name == "nt", reason="an executable of our own making")
def test_a_setup_that_fails_leaves_what_was_there(
    own_zip: Path, another_blender: Callable[..., str], tmp_path: Path
) -> None:
    # A Python that tells its version and makes no environment.
    useless = tmp_path / "useless-python"
    useless.write_text('#!/bin/sh\n[ "$1" = -c ] && echo version 3 11 || exit 1\n')
    useless.chmod(0o755)
    folder = tmp_path / "environment"
    output = another_blender(START + KEPT, tmp_path / "blender", own_zip, folder, PYTHON, useless)
    said, files = found(output)  # type: ignore[misc]
    assert "holds something else" in said[0]
    assert "could not be set up" in said[1]
    assert files == [["pyvenv.cfg", "works.txt"]] * 2
    assert sorted(path.name for path in tmp_path.glob("environment*")) == ["environment", "environment.log"]
