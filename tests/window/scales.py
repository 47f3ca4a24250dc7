"""All panels at a scale of 1.5 and in a narrow sidebar: pictures to look at."""

from typing import Any

import bpy as typed_bpy
from tests.window.driver import Steps, area_of, grab, mouse, pause, region_of, told, until, window
from tests.window.setting import calibrate_by_example, open_tab

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


# Share of its width by which the sidebar is narrowed.
NARROWER = 0.3


def steps() -> Steps:
    """Calibrate by an example, and look at the tab: plain, narrow, large, large and narrow."""
    yield from open_tab()
    scene = bpy.context.scene
    yield from calibrate_by_example()
    scene.parascale.side_by_side = "BESIDE"
    view = bpy.context.preferences.view
    for scale in (1.0, 1.5):
        view.ui_scale = scale
        yield from pause(1.5)
        yield from look(f"scale-{scale:g}")
    yield from narrow()
    yield from look("scale-1.5-narrow")
    view.ui_scale = 1.0
    yield from pause(1.5)
    yield from look("scale-1-narrow")


def narrow() -> Steps:
    """Drag the sidebar's edge to the right, near to where the sidebar would hide."""
    region = region_of(area_of("VIEW_3D"), "UI")
    y = region.y + int(0.9 * region.height)
    start, width = region.x, region.width
    # The edge is found by the mouse that comes to it, and dragged once Blender has seen the button go down.
    for x in (start - 30, start):
        mouse("MOUSEMOVE", "NOTHING", (x, y))
        yield from pause(0.5)
    mouse("LEFTMOUSE", "PRESS", (start, y))
    yield from until(lambda: window().modal_operators, "the sidebar's edge in hand")
    for share in (0.02, 0.1, 0.2, NARROWER):
        mouse("MOUSEMOVE", "NOTHING", (start + int(share * width), y))
        yield from pause(0.5)
    mouse("LEFTMOUSE", "RELEASE", (start + int(NARROWER * width), y))
    yield from until(lambda: not window().modal_operators, "the edge let go")
    told["narrower"] = [width, region.width]


def look(name: str) -> Steps:
    """Take pictures of the tab from its top to its end."""
    region = region_of(area_of("VIEW_3D"), "UI")
    x, y = region.x + region.width // 2, region.y + region.height // 2
    mouse("MOUSEMOVE", "NOTHING", (x, y))
    for _ in range(60):
        mouse("WHEELUPMOUSE", "PRESS", (x, y))
    yield from pause(0.8)
    for page in range(3):
        yield from grab(f"{name}-{page}", region)
        for _ in range(14):
            mouse("WHEELDOWNMOUSE", "PRESS", (x, y))
            yield from pause(0.04)
        yield from pause(0.6)
