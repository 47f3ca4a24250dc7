"""A clip of two shots: the panel shows a picture of each, and the second one's button has it solved."""

from typing import Any

import bpy as typed_bpy
import numpy as np
from tests.window.driver import (
    SHARE,
    Steps,
    area_of,
    grab,
    part,
    press,
    region_of,
    scroll_up,
    told,
    until,
    window,
)
from tests.window.setting import open_tab

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def steps() -> Steps:
    """Do this alone."""
    yield from open_tab()
    yield from choose_a_shot()


def choose_a_shot() -> Steps:
    """Solve pictures of two shots: the panel lists them, and the first button that is found is pressed."""
    folder = SHARE / "two-shots"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for shot, size in enumerate((8, 20)):
        coarse = rng.integers(110 * shot, 110 * shot + 140, (240 // size + 1, 340 // size + 1, 3), np.uint8)
        wide = np.kron(coarse, np.ones((size, size, 1), np.uint8))
        for frame in range(6):
            picture = np.ascontiguousarray(wide[:240, 2 * frame : 2 * frame + 320])
            (folder / f"{6 * shot + frame:04d}.png").write_bytes(part("jobs.thumbnails").encode_png(picture))
    area, jobs = area_of("VIEW_3D"), part("jobs.session").current()
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        bpy.ops.parascale.solve_clip("INVOKE_DEFAULT", filepath=str(folder))
    yield from until(lambda: jobs.newest_jobs(1) and jobs.newest_jobs(1)[0].shots, "the refusal of a clip of two shots")
    refused = jobs.newest_jobs(1)[0]
    yield from scroll_up(region_of(area, "UI"))

    def icons() -> list[bool]:
        return [bool(part("jobs.thumbnails").icon_of_shot(refused, number)) for number in range(2)]

    yield from until(lambda: all(icons()), "the pictures of both shots")
    told["shot_icons"] = icons()
    yield from grab("shots", region_of(area, "UI"))
    yield from press("parascale.retry_job", area, "UI")
    told["clicks"].pop()
    yield from until(lambda: jobs.newest_jobs(1)[0] is not refused, "the first shot on its way")
    chosen = jobs.newest_jobs(1)[0]
    told["shots"] = [refused.shots, chosen.request["start"], chosen.request["end"]]
    yield from until(lambda: not chosen.is_open, "the end of the first shot")
