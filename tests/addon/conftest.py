"""A Blender of its own with the built extension installed in it, as a user would install it."""

import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

# Blender reads it once, when bpy is first imported.
RESOURCES = tempfile.TemporaryDirectory(prefix="parascale-blender-")
os.environ.setdefault("BLENDER_USER_RESOURCES", RESOURCES.name)
os.environ["XDG_STATE_HOME"] = str(Path(RESOURCES.name) / "state")

import bpy  # noqa: E402

ROOT = Path(__file__).parents[2]
MODULE = "bl_ext.user_default.parascale"


@pytest.fixture(scope="session")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the built zips: PARASCALE_ZIPS, else built here by the project's own environment."""
    if named := os.environ.get("PARASCALE_ZIPS"):
        return Path(named).resolve()
    folder = tmp_path_factory.mktemp("zips")
    python = ROOT / ".venv" / "bin" / "python"
    subprocess.run([python, ROOT / "tools" / "build_extension.py", "--output-dir", folder], check=True)
    return folder


@pytest.fixture(scope="session")
def extension(zips: Path) -> ModuleType:
    """The add-on, installed from its zip and enabled."""
    variant = "abi3" if bpy.app.version >= (5, 1) else "cp311"
    (path,) = zips.glob(f"parascale-*-{variant}.zip")
    bpy.ops.extensions.package_install_files(filepath=str(path), repo="user_default", enable_on_install=True)
    import parascale

    assert Path(str(parascale.__file__)).is_relative_to(os.environ["BLENDER_USER_RESOURCES"])
    return importlib.import_module(MODULE)


@pytest.fixture
def scene(extension: ModuleType) -> bpy.types.Scene:
    """An empty scene of a fresh file, 24 frames a second."""
    bpy.ops.wm.read_homefile(use_empty=True)
    fresh = bpy.context.scene
    fresh.render.fps = 24
    fresh.render.resolution_x, fresh.render.resolution_y = 320, 180
    return fresh


@pytest.fixture(scope="session")
def desk_file(extension: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The desk, built once: its textures take seconds."""
    from parascale.blender.scenes.desk import build_desk

    bpy.ops.wm.read_homefile(use_empty=True)
    render = bpy.context.scene.render
    build_desk(bpy.context.scene)
    render.fps, render.resolution_x, render.resolution_y = 24, 320, 180
    path = tmp_path_factory.mktemp("desk") / "desk.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


@pytest.fixture
def desk(desk_file: Path, tmp_path: Path) -> bpy.types.Scene:
    """A file of its own with the desk in it and a camera that looks at it, 24 frames a second."""
    path = shutil.copy(desk_file, tmp_path / "desk.blend")
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return bpy.context.scene


@pytest.fixture
def shot_file(extension: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """Write a shot that flies forward and sideways through its own unit depth, and return the file."""

    def write(count: int = 17, fps: float = 16.0, step: float = 0.02, **changes: Any) -> Path:
        from parascale.camera import Trajectory
        from parascale.files.shot_file import write_shot
        from parascale.parallax.shot import Shot

        poses = np.tile(np.eye(4), (count, 1, 1))
        poses[:, 0, 3] = step * np.arange(count)
        poses[:, 2, 3] = 0.5 * step * np.arange(count)
        trajectory = Trajectory(poses, [300.0, 300.0, 160.0, 90.0], np.arange(count) / fps, 320, 180)
        values = {"name": "flight", "fps": fps, "median_depth": np.linspace(1.0, 1.2, count), "unit": "unit-depth"}
        path = tmp_path / "flight.shot.json"
        write_shot(Shot(trajectory=trajectory, **(values | changes)), path)
        return path

    return write


@pytest.fixture(scope="session")
def backend_stopped_at_the_end(extension: ModuleType) -> Iterator[None]:
    """One backend serves all tests that want one: starting it takes seconds."""
    yield
    if bpy.ops.parascale.stop_backend.poll():
        bpy.ops.parascale.stop_backend()


@pytest.fixture
def preferences(extension: ModuleType) -> Iterator[Any]:
    """The add-on's preferences, as they were afterwards."""
    # Looked up again every time: disabling an add-on frees its preferences.
    addons = bpy.context.preferences.addons
    before = addons[MODULE].preferences.executable
    yield addons[MODULE].preferences
    addons[MODULE].preferences.executable = before


@pytest.fixture
def backend(preferences: Any, backend_stopped_at_the_end: None) -> None:
    """Preferences that name the project's own backend."""
    preferences.executable = os.environ.get("PARASCALE_EXECUTABLE") or str(ROOT / ".venv" / "bin" / "parascale")
