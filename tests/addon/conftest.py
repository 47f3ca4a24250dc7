"""A Blender of its own with the built extension installed in it, as a user would install it."""

import base64
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
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


@pytest.fixture(scope="session")
def another_blender() -> Callable[..., str]:
    """Run code in a Blender of its own, its arguments in `sys.argv[1:]`, and give its output."""

    def run(code: str, resources: Path, *arguments: str | Path) -> str:
        environment = os.environ | {"BLENDER_USER_RESOURCES": str(resources), "PYTHONNOUSERSITE": "1"}
        # The extension's own site-packages would be found through the path that pytest leaves behind.
        environment.pop("PYTHONPATH", None)
        command: list[str | Path] = [sys.executable, "-c", code, *arguments]
        if not bpy.app.module:
            code = f"import sys; sys.argv = sys.argv[sys.argv.index('--'):]\n{code}"
            command = [bpy.app.binary_path, "--background", "--python-exit-code", "1", "--python-expr", code]
            command += ["--", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


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
def stage(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A small scene, built in a moment: a ground, a row of boxes on it, and a camera that looks along the row."""
    mesh = bpy.data.meshes.new("Box")
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, 1)]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata(corners, [], sides)
    for index in range(6):
        box = bpy.data.objects.new(f"Box {index}", mesh)
        box.location = (3.0 * (index % 2) - 1.5, 4.0 + 2.0 * index, 0)
        scene.collection.objects.link(box)
    flat = bpy.data.meshes.new("Ground")
    flat.from_pydata([(-60, -60, 0), (60, -60, 0), (60, 60, 0), (-60, 60, 0)], [], [(0, 1, 2, 3)])
    scene.collection.objects.link(bpy.data.objects.new("Ground", flat))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, 0, 1.6), (1.45, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.context.view_layer.update()
    return scene


@pytest.fixture
def calibrated(stage: bpy.types.Scene, shot_file: Callable[..., Path]) -> bpy.types.Object:
    """A calibrated camera in the small scene: 17 frames at 16 a second, so 25 at the scene's 24.

    The reference has points: a wall at depth 1, and nearer things at depth 0.5 in the middle of the frame.
    """
    from parascale.parallax.shot import Points

    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-0.4, 0.4, 9), np.linspace(-0.2, 0.2, 7)))
    wall, near = np.stack([x, y, np.ones_like(x)], axis=1), np.stack([0.1 * x, 0.1 * y, np.full_like(x, 0.5)], axis=1)
    positions = np.concatenate([wall[np.hypot(x, y) > 0.15], near]).astype(np.float32)
    points = Points(positions, np.zeros((len(positions), 3), np.uint8))
    bpy.ops.parascale.import_shot(filepath=str(shot_file(points=points)))
    bpy.ops.parascale.create_camera()
    return stage.camera


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


@pytest.fixture
def refused_clip(extension: ModuleType) -> Iterator[Callable[..., Any]]:
    """Put a clip that was refused in the open file, with the picture of why, among the jobs; return its job."""
    from bl_ext.user_default.parascale.jobs import journal, session, thumbnails

    made = []

    def refuse(**changes: Any) -> Any:
        values = {"created": time.time(), "blend": bpy.data.filepath, "message": "Too little to follow"}
        job = journal.Job(id=uuid.uuid4().hex, kind="solve", title="noise", state="failed", **(values | changes))
        session.current().jobs[job.id] = job
        journal.save(job)
        picture = thumbnails.encode_png(np.full((96, 160, 3), 128, np.uint8))
        thumbnails.save_sketch(job, base64.b64encode(picture).decode())
        made.append(job)
        return job

    yield refuse
    for job in made:
        session.current().forget(job)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny models of every family, with random weights: written by the environment that has torch."""
    folder = tmp_path_factory.mktemp("weights")
    code = "import pathlib, runpy, sys; runpy.run_path(sys.argv[1])['write_models'](pathlib.Path(sys.argv[2]))"
    python = ROOT / ".venv" / "bin" / "python"
    subprocess.run([python, "-c", code, ROOT / "tests" / "depth" / "conftest.py", folder], check=True)
    return {path.name: path for path in folder.iterdir()}


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
