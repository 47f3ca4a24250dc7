"""A hand on the mouse of a Blender window: finds buttons, presses them, takes pictures.

Everything is a generator of steps between redraws, which a timer takes one after another. A button is found by moving
the mouse over the region until the one below it is the operator wanted: no place on the screen is written down.
"""

import importlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy as typed_bpy

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy

SHARE = Path(os.environ["PARASCALE_WINDOW"])
MODULE = "bl_ext.user_default.parascale"
PATIENCE = 600.0
# Turns of Blender's loop, each of which takes what the mouse and the keys did and draws, that a pause is at least.
PAUSE_TURNS = 4
# A region is looked through from its top, then after so many turns of the wheel, so many times.
SCREENFULS, WHEEL_TURNS = 4, 10
Steps = Iterator[None]
Point = tuple[int, int]

# What goes into told.json.
told: dict[str, Any] = {"clicks": [], "pictures": {}, "seconds": {}}


def part(name: str) -> Any:
    """One of the add-on's modules."""
    return importlib.import_module(f"{MODULE}.{name}")


def window() -> Any:
    return bpy.context.window_manager.windows[-1]


def area_of(kind: str) -> Any:
    return next((area for area in window().screen.areas if area.type == kind), None)


def region_of(area: Any, kind: str) -> Any:
    return next(region for region in area.regions if region.type == kind)


def until(reached: Callable[[], Any], what: str, patience: float = PATIENCE) -> Steps:
    end = time.monotonic() + patience
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience:g} s for {what}")
        yield


def pause(seconds: float) -> Steps:
    """Give Blender the time of a hand, and on a busy machine the turns that it needs to follow it."""
    end = time.monotonic() + seconds
    for _ in range(PAUSE_TURNS):
        yield
    while time.monotonic() < end:
        yield


def mouse(kind: str, value: str, at: Point) -> None:
    window().event_simulate(type=kind, value=value, x=at[0], y=at[1])


def click(at: Point) -> Steps:
    """Press and release the left button, as a hand does it."""
    mouse("MOUSEMOVE", "NOTHING", at)
    yield from pause(0.15)
    mouse("LEFTMOUSE", "PRESS", at)
    yield
    mouse("LEFTMOUSE", "RELEASE", at)
    yield from pause(0.25)


def below_the_mouse(area: Any, region: Any) -> str:
    """Give the Python command of the button below the mouse, empty where there is none."""
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=window(), area=area, region=region):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
    return str(manager.clipboard)


def press(operator: str, area: Any, region_kind: str, across: float = 0.5) -> Steps:
    """Find the button of an operator in a region, from the top, and click it; further down by the mouse's wheel."""
    region = region_of(area, region_kind)
    x = region.x + int(across * region.width)
    for _ in range(SCREENFULS):
        for y in range(region.y + region.height - 6, region.y + 4, -13):
            mouse("MOUSEMOVE", "NOTHING", (x, y))
            yield from pause(0.06)
            if below_the_mouse(area, region).startswith(f"bpy.ops.{operator}("):
                told["clicks"].append({"button": operator, "at": [x, y]})
                yield from click((x, y - 2))
                return
        for _ in range(WHEEL_TURNS):
            mouse("WHEELDOWNMOUSE", "PRESS", (x, region.y + region.height // 2))
            yield from pause(0.05)
        yield from pause(0.5)
    raise LookupError(f"no button {operator} in the {region_kind} region of {area.type}")


def scroll_up(region: Any) -> Steps:
    """Turn the mouse's wheel until a region shows its top again."""
    middle = region.x + region.width // 2, region.y + region.height // 2
    mouse("MOUSEMOVE", "NOTHING", middle)
    for _ in range(SCREENFULS * WHEEL_TURNS):
        mouse("WHEELUPMOUSE", "PRESS", middle)
        yield from pause(0.05)
    yield from pause(0.5)


def grab(name: str, region: Any = None, *, is_mouse_away: bool = True) -> Steps:
    """Take the picture of the screen, and note where in it the region lies; no tooltip lies over it."""
    if is_mouse_away:
        mouse("MOUSEMOVE", "NOTHING", (1, 1))
    yield from pause(0.6)
    path = SHARE / f"{name}.png"
    subprocess.run(["import", "-window", "root", str(path)], check=True)
    box = None
    if region is not None:
        top = window().height - region.y - region.height
        box = [region.x, top, region.x + region.width, top + region.height]
    told["pictures"][name] = box


def timed(name: str, steps: Steps) -> Steps:
    start = time.monotonic()
    yield from steps
    told["seconds"][name] = round(time.monotonic() - start, 2)
