"""What happens inside the window: the zip installed, five clicks, Generate, and pictures of all of it."""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import bpy as typed_bpy

sys.path.insert(0, os.environ["PARASCALE_WINDOW"])

from tests.window.by_hand import try_the_rest
from tests.window.driver import (
    MODULE,
    SHARE,
    Steps,
    area_of,
    click,
    grab,
    pause,
    press,
    region_of,
    timed,
    told,
    until,
)
from tests.window.pages import picture_pages

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def install() -> None:
    """Install the zip as a user does, and open the desk with the scene's own camera in it."""
    (path,) = SHARE.glob("parascale-*-abi3.zip")
    bpy.ops.extensions.package_install_files(filepath=str(path), repo="user_default", enable_on_install=True)
    from parascale.blender.scenes.desk import build_desk

    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    scene = bpy.context.scene
    build_desk(scene)
    scene.render.fps, scene.render.fps_base = 24, 1.0
    scene.render.resolution_x, scene.render.resolution_y = 832, 480
    scene.frame_end = 121
    bpy.ops.wm.save_as_mainfile(filepath=str(SHARE / "desk.blend"))
    # The backend runs already, outside; the preferences want to know how to start one all the same.
    bpy.context.preferences.addons[MODULE].preferences.executable = str(SHARE / "parascale")


def show_view() -> Steps:
    """Look through the scene's camera, the sidebar open, its tab not chosen yet."""
    area = area_of("VIEW_3D")
    space = area.spaces.active
    space.shading.type, space.shading.color_type = "SOLID", "TEXTURE"
    space.overlay.show_floor = False
    space.region_3d.view_perspective = "CAMERA"
    space.region_3d.view_camera_zoom = 14.0
    space.region_3d.view_camera_offset = (0.09, 0.0)
    space.show_region_ui = True
    yield from until(lambda: region_of(area, "UI").width > 50, "the sidebar")
    yield from pause(1.0)


def choose_tab() -> Steps:
    """Click the tabs at the sidebar's edge one below another until ours is open."""
    region = region_of(area_of("VIEW_3D"), "UI")
    x = region.x + region.width - 8
    for y in range(region.y + region.height - 30, region.y + 30, -28):
        yield from click((x, y))
        if region.active_panel_category == "ParaScale":
            told["clicks"].append({"button": "tab", "at": [x, y]})
            return
    raise LookupError("no tab ParaScale")


def choose_file(name: str) -> Steps:
    """Click the file in the browser that has opened, then Accept."""
    yield from until(lambda: area_of("FILE_BROWSER"), "the file browser")
    yield from pause(1.0)
    area = area_of("FILE_BROWSER")
    params = area.spaces.active.params
    params.directory = str(SHARE / "clips").encode()
    yield from pause(1.0)
    region = region_of(area, "WINDOW")
    for y in range(region.y + region.height - 20, region.y + region.height // 2, -14):
        yield from click((region.x + 90, y))
        if params.filename == name:
            told["clicks"].append({"button": "file", "at": [region.x + 90, y]})
            break
    else:
        raise LookupError(f"{name} is not in the file browser: {params.filename!r}")
    yield from grab("file-browser")
    yield from press("file.execute", area, "EXECUTE", 0.95)


def strips() -> list[Any]:
    editor = bpy.context.scene.sequence_editor
    return [] if editor is None else list(editor.strips)


def five_clicks() -> Steps:
    """Go from the clip to the calibrated camera as the manual's first page does."""
    state = bpy.context.scene.parascale
    view = area_of("VIEW_3D")
    yield from choose_tab()
    yield from grab("empty", region_of(view, "UI"))
    yield from press("parascale.solve_clip", view, "UI")
    yield from choose_file("street.mp4")
    yield from until(lambda: area_of("VIEW_3D"), "the view after the file browser")
    yield from pause(1.5)
    yield from grab("solving")
    yield from timed("solve", until(lambda: state.reference is not None, "the solved reference", 400))
    yield from pause(1.0)
    view = area_of("VIEW_3D")
    yield from grab("solved", region_of(view, "UI"))
    yield from press("parascale.create_camera", view, "UI")
    yield from timed("calibrate", until(lambda: state.camera is not None, "the calibrated camera"))
    yield from pause(1.0)
    camera = state.camera
    told["camera"] = {
        "active": bpy.context.scene.camera == camera,
        "curves": sorted({curve.data_path for curve in curves_of(camera)}),
        "clicks": [entry["button"] for entry in told["clicks"]],
    }


def curves_of(item: Any) -> list[Any]:
    strips_of_action = (strip for layer in item.animation_data.action.layers for strip in layer.strips)
    return [curve for strip in strips_of_action for bag in strip.channelbags for curve in bag.fcurves]


def generate() -> Steps:
    """Press Generate and wait for the strip."""
    scene = bpy.context.scene
    scene.parascale.workbench = True
    scene.frame_set(40)
    yield from pause(1.0)
    view = area_of("VIEW_3D")
    yield from grab("calibrated", region_of(view, "UI"))
    yield from press("parascale.generate", view, "UI")
    yield from timed("generate", until(strips, "the strip"))
    yield from pause(1.0)
    (strip,) = strips()
    told["strip"] = {
        "start": strip.left_handle,
        "duration": strip.duration,
        "exists": os.path.isfile(bpy.path.abspath(strip.filepath)),
        "fps": scene.render.fps / scene.render.fps_base,
        "frame_start": scene.frame_start,
        "asked": {key: str(value) for key, value in strip.items()},
    }
    yield from grab("generated", region_of(area_of("VIEW_3D"), "UI"))


def steps() -> Steps:
    yield from timed("install", iter_once(install))
    yield from show_view()
    yield from timed("five clicks", five_clicks())
    yield from timed("to the strip", generate())
    yield from timed("the rest", try_the_rest())
    if "--pages" in sys.argv:
        yield from picture_pages()


def iter_once(work: Callable[[], None]) -> Steps:
    work()
    yield from pause(0.5)


def end(status: int, error: str | None = None) -> None:
    told["error"] = error
    (SHARE / "told.json").write_text(json.dumps(told, indent=1))
    if error:
        subprocess.run(["import", "-window", "root", str(SHARE / "failed.png")], check=False)
    os._exit(status)


def advance() -> float | None:
    """Take the next step from a timer; end the program at the last, with status 3 where something is wrong."""
    try:
        next(running)
    except StopIteration:
        end(0)
    except Exception:  # a timer's exception would only be printed
        end(3, traceback.format_exc())
    return 0.03


bpy.context.preferences.view.show_splash = False
bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
running = steps()
bpy.app.timers.register(advance, first_interval=1.0)
