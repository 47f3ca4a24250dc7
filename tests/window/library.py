"""The library of moves in an Asset Browser: its pictures, and one move dragged onto the viewport, which calibrates."""

from typing import Any

import bpy as typed_bpy
from tests.window.driver import Steps, area_of, grab, mouse, part, pause, region_of, told, until, window
from tests.window.setting import open_tab

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def steps() -> Steps:
    """Do this alone."""
    yield from open_tab()
    yield from drag_a_move()


def drag_a_move() -> Steps:
    """Put the library into the place of the properties, and drag its first move onto the middle of the view."""
    scene = bpy.context.scene
    view = area_of("VIEW_3D")
    with bpy.context.temp_override(window=window(), area=view, region=region_of(view, "WINDOW")):
        bpy.ops.parascale.add_moves()
    browser = area_of("PROPERTIES")
    browser.ui_type = "ASSETS"
    yield from pause(1.0)
    browser.spaces.active.show_region_toolbar = False
    params = browser.spaces.active.params
    params.asset_library_reference = part("scene.move_library").LIBRARY
    region = region_of(browser, "WINDOW")

    def is_listed() -> bool:
        with bpy.context.temp_override(window=window(), area=browser, region=region):
            bpy.ops.file.select_all(action="SELECT")
            found = bool(bpy.context.selected_assets)
            bpy.ops.file.select_all(action="DESELECT")
        return found

    yield from until(is_listed, "the moves in the Asset Browser")
    yield from pause(4.0)
    yield from grab("library", region)
    start = region.x + 60, region.y + region.height - 60
    shown = region_of(view, "WINDOW")
    goal = shown.x + int(0.35 * shown.width), shown.y + int(0.4 * shown.height)
    mouse("MOUSEMOVE", "NOTHING", start)
    yield from pause(0.5)
    mouse("LEFTMOUSE", "PRESS", start)
    yield from pause(0.3)
    for share in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
        at = tuple(int(a + share * (b - a)) for a, b in zip(start, goal, strict=True))
        mouse("MOUSEMOVE", "NOTHING", (at[0], at[1]))
        yield from pause(0.3)
    mouse("LEFTMOUSE", "RELEASE", goal)
    yield from until(lambda: scene.parascale.camera is not None, "the camera calibrated by the dropped move")
    yield from pause(1.0)
    told["dropped"] = {
        "reference": scene.parascale.reference.name,
        "active": scene.camera == scene.parascale.camera,
        "is_asset": scene.parascale.reference.asset_data is not None,
    }
    yield from grab("dropped", shown)
