"""What happens inside the window: the zip installed, five clicks, Generate, and pictures of all of it."""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import bpy as typed_bpy
from tests.window.by_hand import try_the_rest
from tests.window.driver import (
    PATIENCE,
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
    window,
)
from tests.window.pages import picture_pages
from tests.window.setting import choose_tab, install, show_view

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def choose_file(name: str) -> Steps:
    """Click the file in the browser that has opened, then Accept."""
    yield from until(lambda: area_of("FILE_BROWSER"), "the file browser")
    yield from pause(1.0)
    area = area_of("FILE_BROWSER")
    params = area.spaces.active.params
    params.directory = str(SHARE / "clips").encode()
    yield from pause(1.0)
    # The folder is read beside the window: what is not there yet comes.
    end = time.monotonic() + PATIENCE
    while params.filename != name:
        if time.monotonic() > end:
            raise LookupError(f"{name} is not in the file browser: {params.filename!r}")
        yield from click_down_to(name, area)
    yield from grab("file-browser")
    yield from press("file.execute", area, "EXECUTE", 0.95)


def click_down_to(name: str, area: Any) -> Steps:
    """Click one file below another until one of this name is chosen."""
    region = region_of(area, "WINDOW")
    for y in range(region.y + region.height - 20, region.y + region.height // 2, -14):
        yield from click((region.x + 90, y))
        if area.spaces.active.params.filename == name:
            told["clicks"].append({"button": "file", "at": [region.x + 90, y]})
            return


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
    yield from grab("solving", region_of(area_of("VIEW_3D"), "UI"))
    told["usable"] = usable_meanwhile()
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


def usable_meanwhile() -> dict[str, bool]:
    """Do something else while the clip is solved: nothing is modal, and an object is added and removed."""
    before = len(bpy.data.objects)
    with bpy.context.temp_override(window=window(), area=area_of("VIEW_3D")):
        bpy.ops.object.empty_add()
    added = len(bpy.data.objects) == before + 1
    bpy.data.objects.remove(bpy.context.view_layer.objects.active)
    return {"modal": bool(window().modal_operators), "added": added}


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
    workspace = bpy.context.workspace or window().workspace
    told["found"] = {
        "active": scene.sequence_editor.active_strip == strip,
        "edited": getattr(workspace, "sequencer_scene", scene) == scene,
        "name": strip.name,
    }
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
