"""A picture of the scene rendered by a Blender of its own, from a copy of the file, while this one stays usable."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import bpy

from parascale.blender.render import render_still, temporary
from parascale.blender.scene_state import at_frame
from parascale.types import Image

from ..settings.preferences import ADDON
from ..steps import Steps
from .pictures import read_picture, render_frame

_CODE = "import addon_utils, importlib; addon_utils.enable({0!r}); importlib.import_module({1!r}).render_as_told()"


def render_beside(
    scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int], fraction: float
) -> Steps[Image]:
    """Render what a camera sees at a frame with the scene's own engine, (H, W, 3) sRGB; closing the steps ends it.

    Where no other Blender can do it, this one does. The fraction is what the steps say of themselves.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy, picture, log = (Path(folder) / name for name in ("scene.blend", "first.png", "render.log"))
        yield fraction, "Saving a copy to render"
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, check_existing=False, compress=False)
        told = json.dumps([scene.name, camera.name, frame, *size, str(picture)])
        code = _CODE.format(ADDON, __name__)
        preferences = bpy.context.preferences
        runs_scripts = preferences is not None and preferences.filepaths.use_scripts_auto_execute
        trust = "--enable-autoexec" if runs_scripts else "--disable-autoexec"
        command = [bpy.app.binary_path, "--background", trust, "--offline-mode", str(copy)]
        command += ["--python-exit-code", "1", "--python-expr", code, "--", told]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                while process.poll() is None:
                    yield fraction, "Rendering the first picture"
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if process.returncode == 0 and picture.is_file():
            return read_picture(picture)
    return render_frame(scene, camera, frame, size, None)


def render_as_told() -> None:
    """Render in the other Blender, as the last of its arguments says."""
    scene_name, camera_name, frame, width, height, picture = json.loads(sys.argv[-1])
    scene, camera = bpy.data.scenes[scene_name], bpy.data.objects[camera_name]
    with at_frame(scene) as go_to, temporary(scene, {"camera": camera}):
        go_to(frame)
        render_still(scene, Path(picture), (width, height), engine=None)
