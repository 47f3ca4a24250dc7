"""Set Up Backend in the preferences: the dialog that names size and source, and the refusal while a backend runs."""

from typing import Any

import bpy as typed_bpy
from tests.window.driver import Steps, area_of, grab, mouse, part, pause, press, region_of, told, until, window
from tests.window.pages import open_preferences
from tests.window.setting import install

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def steps() -> Steps:
    """Open the dialog, look at it, and say yes: the backend outside runs."""
    install()
    yield from pause(1.0)
    yield from open_preferences()
    area = area_of("PREFERENCES")
    before = part("settings.preferences").preferences().executable
    yield from press("parascale.set_up_backend", area, "WINDOW", across=0.4)
    yield from pause(1.0)
    # It closes where the mouse leaves it.
    yield from grab("set-up", region_of(area, "WINDOW"), is_mouse_away=False)
    x, y = told["clicks"][-1]["at"]
    for value in ("PRESS", "RELEASE"):
        mouse("RET", value, (x, y))
        yield from pause(0.3)
    yield from pause(1.0)
    yield from grab("set-up-refused", region_of(area, "WINDOW"), is_mouse_away=False)
    area.ui_type = "INFO"
    yield from pause(0.5)

    def reports() -> str:
        with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
            bpy.ops.info.select_all(action="SELECT")
            bpy.ops.info.report_copy()
        return str(bpy.context.window_manager.clipboard)

    yield from until(lambda: "still runs" in reports(), "the refusal")
    told["reports"] = reports()
    told["executable"] = [before, part("settings.preferences").preferences().executable]
