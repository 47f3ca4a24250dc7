"""The complete zip: installed in a Blender without a network or a `parascale` beside it, it solves a dropped clip."""

import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "build_extension.py"
PYTHONS = {"3.11": ROOT / ".venv-blender45", "3.13": ROOT / ".venv-blender52"}

SCRIPT = """
import importlib, json, sys, time
from pathlib import Path
import bpy

archive, clip = sys.argv[1:]
begin = time.monotonic()
bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
installed = time.monotonic()
(handler,) = (cls for cls in bpy.types.FileHandler.__subclasses__()[:] + [
    sub for cls in bpy.types.FileHandler.__subclasses__() for sub in cls.__subclasses__()]
    if getattr(cls, "bl_import_operator", "") == "parascale.solve_clip")
assert Path(clip).suffix in handler.bl_file_extensions
scene = bpy.context.scene
group, name = handler.bl_import_operator.split(".")
getattr(getattr(bpy.ops, group), name)(filepath=clip)
solved = time.monotonic()
bpy.ops.parascale.create_camera()
scene.parascale.long_side, scene.parascale.workbench = 160, True
bpy.ops.parascale.generate()
(strip,) = scene.sequence_editor.strips if hasattr(scene.sequence_editor, "strips") else scene.sequence_editor.sequences
bpy.ops.parascale.open_report()
report = importlib.import_module("bl_ext.user_default.parascale.jobs.session").current().newest_jobs(1)[0]
choice = importlib.import_module("bl_ext.user_default.parascale.settings.preferences").backend_choice()
bpy.ops.parascale.stop_backend()
print("FOUND", json.dumps({
    "install": installed - begin, "solve": solved - installed, "all": time.monotonic() - begin,
    "keys": len(scene.camera.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points),
    "strip": Path(strip.filepath).is_file(), "command": list(choice.command),
    "page": Path(report.files["page"]).stat().st_size,
    "typed": sorted({"typer", "rich"} & set(sys.modules)),
}))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="built for Linux here")
@pytest.mark.parametrize("python", PYTHONS)
def test_dropped_clip_becomes_a_keyed_camera_with_nothing_but_the_zip(python: str, tmp_path: Path) -> None:
    blender = PYTHONS[python] / "bin" / "python"
    if not blender.exists():
        pytest.skip(f"{blender} is not on this machine")
    build = [sys.executable, TOOL, "--output-dir", tmp_path, "--complete", "linux-x64", "--python", python]
    done = subprocess.run(build, check=False, capture_output=True, text=True)
    if done.returncode and "could not be downloaded" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    (archive,) = (tmp_path / "complete").glob("*.zip")
    assert archive.stat().st_size < 200_000_000
    with zipfile.ZipFile(archive) as content:
        names = content.namelist()
    assert not any("numba" in name or "llvmlite" in name or "numpy-" in name for name in names)

    clip = tmp_path / "street.mp4"
    subprocess.run([sys.executable, ROOT / "tests" / "window" / "reference.py", clip], check=True, capture_output=True)
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "BLENDER_USER_RESOURCES": str(tmp_path / "blender"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    command = [str(blender), "-c", SCRIPT, str(archive), str(clip)]
    if os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip"):
        command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    print(f"Blender's Python {python}, {archive.stat().st_size / 1e6:.0f} MB: {found}")
    assert found["command"][1:] == ["-m", "parascale.service"]
    assert found["keys"] == 49  # 33 frames at 16 a second, in the scene's 24
    assert found["strip"]
    # Pictures of both sides are in the report.
    assert found["page"] > 100_000
    assert found["typed"] == []
