"""The add-on as it is installed: its polling tick while a job runs, its sliders, and Rebuild.

Run: python tests/benchmarks/bench_addon.py (PARASCALE_ZIPS names the folder of built zips; built here where not set)
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = tempfile.TemporaryDirectory(prefix="parascale-bench-")
os.environ["BLENDER_USER_RESOURCES"] = HERE.name
os.environ["XDG_STATE_HOME"] = str(Path(HERE.name) / "state")

import bpy  # noqa: E402
import budget  # noqa: E402
import numpy as np  # noqa: E402

MODULE = "bl_ext.user_default.parascale"


def install() -> None:
    """Install the extension as a user would."""
    zips = Path(os.environ.get("PARASCALE_ZIPS") or Path(HERE.name) / "zips").resolve()
    if not zips.is_dir():
        build = [sys.executable, ROOT / "tools" / "build_extension.py", "--output-dir", zips]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    variant = "abi3" if bpy.app.version >= (5, 1) else "cp311"
    (path,) = zips.glob(f"parascale-*-{variant}.zip")
    bpy.ops.extensions.package_install_files(filepath=str(path), repo="user_default", enable_on_install=True)


def scene_of(objects: int, triangles: int) -> bpy.types.Scene:
    """Scatter that many objects over a ground, with a calibrated camera of 81 frames before them."""
    bpy.ops.wm.read_homefile(use_empty=True)
    from parascale.blender.scenes.parts import sheet, sphere

    scene = bpy.context.scene
    rng = np.random.default_rng(0)
    ball = sphere(0.5, 24, 12)
    side = int(np.sqrt((triangles - (objects - 1) * 2 * len(ball.faces)) / 2))
    shapes = ((sheet((80, 80), (side, side), rng.normal(0, 0.02, (side + 1, side + 1))), 1), (ball, objects - 1))
    for shape, count in shapes:
        mesh = bpy.data.meshes.new("Shape")
        mesh.from_pydata(shape.vertices.tolist(), [], shape.faces)
        for _ in range(count):
            item = bpy.data.objects.new("Item", mesh)
            if shape is ball:
                item.location = (*rng.uniform(-40, 40, 2), rng.uniform(0.5, 4))
            scene.collection.objects.link(item)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler.x = (0, -40, 6), 1.35
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = 832, 480
    bpy.context.view_layer.update()
    return scene


def flight(path: Path) -> None:
    """Write a shot of 81 frames, forward and aside."""
    from parascale.camera import Trajectory
    from parascale.files.shot_file import write_shot
    from parascale.parallax.shot import Shot

    poses = np.tile(np.eye(4), (81, 1, 1))
    poses[:, 0, 3], poses[:, 2, 3] = 0.004 * np.arange(81), 0.006 * np.arange(81)
    lens = np.array([700.0, 700.0, 416.0, 240.0])
    write_shot(
        Shot("flight", 24.0, Trajectory(poses, lens, np.arange(81) / 24, 832, 480), np.ones(81), "unit-depth"), path
    )


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sliders(objects: int, triangles: int, solver: str = "march") -> None:
    """Move a slider: the strength, or, with the optimisation, one of its weights."""
    scene = scene_of(objects, triangles)
    path = Path(HERE.name) / "flight.shot.json"
    flight(path)
    bpy.ops.parascale.import_shot(filepath=str(path))
    bpy.ops.parascale.create_camera()
    camera = scene.camera
    camera.parascale.calibration.solver = solver
    owner, name = camera.parascale, "strength"
    if solver == "optimise":
        owner, name = camera.parascale.calibration, "weight_framing"
    rebuild = min(timed(bpy.ops.parascale.rebuild) for _ in range(3))
    spans, own = [], []
    for value in np.linspace(0.5, 1.5, 21):
        camera.parascale.draft = False
        # Where other programs take their share of the processor, the process's own time says what it would be without.
        begin = time.process_time()
        spans.append(timed(lambda value=value: setattr(owner, name, float(value))))
        if camera.parascale.draft:
            own.append(time.process_time() - begin)
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    draws = [timed(lambda: reason_stale(scene, camera)) for _ in range(50)]
    case = f"{objects:5d} objects {triangles:8d} triangles, {solver}"
    if len(own) < 2:
        print(f"{case}: sliders wait for Rebuild, which takes {rebuild:.2f} s")
        return
    # The first answer also finds out how many rays there is time for.
    first, *others = np.array(own) * 1e3
    median, slowest = np.median(others), np.max(others)
    print(
        f"{case}: {len(own)} of {len(spans)} slider moves answered at once,"
        f" median {median:.0f} ms of the processor ({np.median(spans) * 1e3:.0f} ms by the clock),"
        f" {budget.told(median, 150, ' ms')};"
        f" first {first:.0f} ms, slowest after it {slowest:.0f} ms; Rebuild {rebuild:.2f} s;"
        f" staleness {np.median(draws) * 1e3:.2f} ms a redraw"
    )


def ticks() -> None:
    from bl_ext.user_default.parascale.jobs import session, timer

    scene = bpy.context.scene
    addon = bpy.context.preferences.addons[MODULE].preferences
    addon.executable = os.environ.get("PARASCALE_EXECUTABLE") or str(ROOT / ".venv" / "bin" / "parascale")
    state = scene.parascale
    state.long_side, state.workbench, state.fps, state.frames = 832, True, 240.0, 600
    bpy.ops.parascale.submit()
    job = session.current().jobs[state.job_id]
    spans = []
    end = time.monotonic() + 120
    while job.state not in ("fetched", "used", "failed", "lost") and time.monotonic() < end:
        spans.append(timed(session.current().poll))
        time.sleep(0.01)
    idle = [timed(session.current().poll) for _ in range(200)]
    insertion = timed(timer.on_timer)
    slow = np.percentile(spans, 99) * 1e3
    print(
        f"polling tick, a job of {state.frames} frames running: median {np.median(spans) * 1e3:.2f} ms, p99"
        f" {slow:.2f} ms of {len(spans)}, {budget.told(slow, 8, ' ms')}; idle {np.median(idle) * 1e3:.3f} ms;"
        f" {job.state}; insertion {insertion * 1e3:.0f} ms"
    )
    bpy.ops.parascale.stop_backend()


if __name__ == "__main__":
    install()
    for objects, triangles in ((1, 100_000), (200, 250_000), (2000, 1_200_000)):
        for solver in ("march", "optimise"):
            sliders(objects, triangles, solver)
    ticks()
