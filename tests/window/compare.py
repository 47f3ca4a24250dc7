"""The reference's film beside and over the view, in step with it, and P of both as moving dots."""

from typing import Any

import bpy as typed_bpy
import numpy as np
from tests.window.driver import Steps, area_of, grab, part, pause, region_of, told, until, window
from tests.window.pages import panel_alone
from tests.window.repeats import idle
from tests.window.setting import calibrate_by_example, open_tab

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def steps() -> Steps:
    """Do this alone."""
    yield from open_tab()
    yield from calibrate_by_example()
    yield from compare()
    yield from compare_shots()


def compare() -> Steps:
    """Show the film beside the view and over it, at two frames, and through the reference's own camera."""
    scene = bpy.context.scene
    state = scene.parascale
    area = area_of("VIEW_3D")
    region = region_of(area, "WINDOW")
    camera = state.camera
    film = part("overlay.film")
    scale = bpy.context.preferences.system.ui_scale
    left = round(region.x + film.MARGIN * scale)
    top = round(window().height - region.y - region.height + film.TOP * scale)
    width = round(min(film.WIDTH * scale, 0.4 * region.width))
    told["film_box"] = [left, top, left + width, top + round(width * 272 / 480)]
    told["clip_frames"] = part("scene.report").report_of_camera(camera)["clip_frames"]
    for name, frame in (("BESIDE", 2), ("BESIDE", 25), ("OVER", 25)):
        state.side_by_side = name
        scene.frame_set(frame)
        yield from pause(1.0)
        yield from grab(f"film-{name.lower()}-{frame}", region)
    state.side_by_side = "OFF"
    # The film is seen through the reference's camera though the set stands in the way.
    scene.camera = state.reference
    yield from pause(1.0)
    yield from grab("film-behind", region)
    behind = state.reference.data.background_images[0]
    told["film_in_front"] = [
        behind.display_depth,
        state.reference.data.show_background_images,
        behind.show_background_image,
    ]
    scene.camera = camera
    frames = np.array(told["clip_frames"])
    told["film_advances"] = bool((np.diff(frames) >= 0).all() and frames[-1] > frames[0])


def compare_shots() -> Steps:
    """Have the three ways drawn beside each other while the window stays usable, and look at them in their panel."""
    scene = bpy.context.scene
    area = area_of("VIEW_3D")
    before = [(item.name, tuple(map(tuple, item.matrix_world))) for item in bpy.data.objects], scene.camera.name
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        told["compare_began"] = sorted(bpy.ops.parascale.compare_shots("INVOKE_DEFAULT", True))
    phases = set()

    def is_done() -> bool:
        task = part("tasks").current()
        phases.add(task.phase if task is not None else "")
        return idle()

    yield from until(is_done, "the comparison")
    told["compare_phases"] = sorted(phases)
    told["compare_trouble"] = part("tasks").trouble()
    told["compare_leaves"] = before == (
        [(item.name, tuple(map(tuple, item.matrix_world))) for item in bpy.data.objects],
        scene.camera.name,
    )
    kept = part("scene.shot_comparison").kept_comparison(scene, scene.parascale.camera)
    told["compared"] = [part("panels.compare").words(way) for way in kept.ways]
    yield from panel_alone("compare")
