"""The example moves play in their panel while it is shown; neither they nor a task have the scene drawn anew."""

import time
from collections.abc import Iterator
from typing import Any

import bpy as typed_bpy
from tests.window.driver import Steps, area_of, grab, part, pause, region_of, told, until
from tests.window.pages import alone
from tests.window.setting import open_tab

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy

PICTURES = 4


def steps() -> Steps:
    """Look at the panel four times, then see that the moves stand still where nothing shows them."""
    yield from open_tab()
    films = part("scene.move_films")
    region = region_of(area_of("VIEW_3D"), "UI")
    bpy.context.preferences.system.use_region_overlap = False

    def look() -> Steps:
        yield from until(lambda: films.icon_of_move("slow-drift"), "the last move's pictures")
        yield from pause(1.0)
        # More than two: on a busy machine a film may just have come round again.
        for number in range(1, PICTURES + 1):
            yield from grab(f"moves-{number}", region)
            yield from pause(0.45)

    yield from alone("moves", look())
    # What was to be redrawn is, once.
    yield from pause(2.0)
    films.play()
    yield from pause(2.0)
    told["played_on"] = films.play()
    yield from work()


def work() -> Steps:
    """Count how often the scene is drawn while a task shows how far it is."""
    tasks = part("tasks")
    told["drawn"] = 0

    def count() -> None:
        told["drawn"] += 1

    def busy() -> Iterator[tuple[float, str]]:
        for step in range(100):
            time.sleep(0.02)
            yield step / 100, "Working"

    handle = bpy.types.SpaceView3D.draw_handler_add(count, (), "WINDOW", "POST_PIXEL")
    tasks.start(tasks.Task("Work", busy(), lambda: None))
    yield from until(lambda: tasks.current() is None, "the end of the work")
    bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
