"""Pictures and films of the scene, rendered by a Blender of its own while this one stays usable."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy

from parascale.blender.render import render_still
from parascale.blender.render_settings import temporary
from parascale.blender.scene_state import at_frame
from parascale.blender.untyped import untyped
from parascale.errors import InputError
from parascale.types import Image, Json

from ..settings.preferences import ADDON
from ..steps import Steps
from .pictures import read_picture, render_frame

_CODE = "import addon_utils, importlib; addon_utils.enable({0!r}); importlib.import_module({1!r}).do_as_told()"
_APPENDED = re.compile(rb"[Aa]ppend(?:ed)? frame (\d+)")


def render_beside(
    scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int], fraction: float
) -> Steps[Image]:
    """Render what a camera sees at a frame with the scene's own engine, (H, W, 3) sRGB; closing the steps ends it.

    Where no other Blender can do it, this one does. The fraction is what the steps say of themselves.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        picture = Path(folder) / "first.png"
        told: list[Json] = ["still", scene.name, camera.name, str(picture), frame, *size]
        status = yield from _other_blender(Path(folder), told, lambda _: (fraction, "Rendering the first picture"))
        if status == 0 and picture.is_file():
            return read_picture(picture)
    return render_frame(scene, camera, frame, size, None)


def render_film_beside(
    scene: bpy.types.Scene, camera: bpy.types.Object, frames: tuple[int, int], path: Path
) -> Steps[None]:
    """Render what a camera sees from one frame to another, both included, as a film, by the scene's own engine.

    Raises
    ------
    InputError
        Where there is no Blender program to do it, or it does not.
    """
    if not bpy.app.binary_path:
        raise InputError("this is Blender as a module, which has no program to render with: use Blender itself")
    count = frames[1] - frames[0] + 1
    path.parent.mkdir(parents=True, exist_ok=True)

    def state(log: Path) -> tuple[float, str]:
        done = len(_APPENDED.findall(log.read_bytes()))
        return done / count, f"Rendering frame {min(done + 1, count)} of {count}"

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        told: list[Json] = ["film", scene.name, camera.name, str(path), *frames]
        status = yield from _other_blender(Path(folder), told, state)
        if status != 0 or not path.is_file():
            raise InputError(f"the film could not be rendered: {_last_words(Path(folder) / 'render.log')}")


def _other_blender(folder: Path, told: list[Json], state: Callable[[Path], tuple[float, str]]) -> Steps[int]:
    """Have another Blender do something with a copy of the file, kept in a folder; return its exit status."""
    copy, log = folder / "scene.blend", folder / "render.log"
    yield 0.0, "Saving a copy to render"
    bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, check_existing=False, compress=False)
    preferences = bpy.context.preferences
    runs_scripts = preferences is not None and preferences.filepaths.use_scripts_auto_execute
    trust = "--enable-autoexec" if runs_scripts else "--disable-autoexec"
    command = [bpy.app.binary_path, "--background", trust, "--offline-mode", str(copy)]
    command += ["--python-exit-code", "1", "--python-expr", _CODE.format(ADDON, __name__), "--", json.dumps(told)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                yield state(log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return process.returncode


def _last_words(log: Path) -> str:
    """Return the last line of a Blender's log that says more than its name and that it quit."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    # What it says of itself may follow what went wrong, which is not buffered.
    told = [line for line in lines if line and not line.startswith("Blender ")]
    return told[-1] if told else "Blender said nothing"


def do_as_told() -> None:
    """Do in the other Blender what the last of its arguments says."""
    what, scene_name, camera_name, path, *numbers = json.loads(sys.argv[-1])
    scene, camera = bpy.data.scenes[scene_name], bpy.data.objects[camera_name]
    if what == "still":
        frame, width, height = numbers
        with at_frame(scene) as go_to, temporary(scene, {"camera": camera}):
            go_to(frame)
            render_still(scene, Path(path), (width, height), engine=None)
        return
    for marker in scene.timeline_markers:
        marker.camera = None
    render = untyped(scene.render)
    scene.camera, (scene.frame_start, scene.frame_end), scene.frame_step = camera, numbers, 1
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.audio_codec = "MPEG4", "H264", "NONE"
    render.ffmpeg.constant_rate_factor = "HIGH"
    render.filepath, render.use_file_extension, render.use_sequencer = path, False, False
    # A film has sides of even length.
    for side in ("resolution_x", "resolution_y"):
        setattr(render, side, max(2, getattr(render, side) * render.resolution_percentage // 200 * 2))
    render.resolution_percentage = 100
    bpy.ops.render.render(animation=True, scene=scene.name)
