"""The pictures of the manual: every panel alone, and the editors where something of ours shows."""

from typing import Any

import bpy as typed_bpy
from tests.window.driver import MODULE, Steps, area_of, grab, part, pause, region_of, until, window

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def picture_pages() -> Steps:
    """Take all pictures; a camera is calibrated and its result in the sequencer."""
    yield from overview()
    # Panels on the editor's own ground instead of on the scene.
    bpy.context.preferences.system.use_region_overlap = False
    fill_in()
    for name in tab_panels():
        yield from panel_alone(name)
    yield from graph_editor()
    yield from sequencer()
    yield from preferences()


def overview() -> Steps:
    """Look at the path from outside."""
    area = area_of("VIEW_3D")
    space = area.spaces.active
    space.show_region_ui = False
    view = space.region_3d
    before = view.view_matrix.copy(), view.view_perspective
    view.view_perspective = "PERSP"
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        for item in bpy.context.scene.objects:
            item.select_set(item == bpy.context.scene.parascale.camera)
        bpy.ops.view3d.view_selected()
        bpy.ops.view3d.view_orbit(angle=0.9, type="ORBITRIGHT")
        bpy.context.scene.parascale.camera.select_set(False)
        view.view_distance = 1.4
    yield from pause(1.0)
    yield from grab("overview", region_of(area, "WINDOW"))
    view.view_matrix, view.view_perspective = before
    space.show_region_ui = True
    yield from pause(1.0)


def fill_in() -> None:
    """Press what fills the panels: a measured target, a comparison of the methods."""
    with bpy.context.temp_override(window=window(), area=area_of("VIEW_3D")):
        bpy.ops.parascale.rebuild("EXEC_DEFAULT")
        bpy.ops.parascale.measure()
        bpy.ops.parascale.compare_methods("EXEC_DEFAULT")
        bpy.ops.parascale.compare_shots("EXEC_DEFAULT")


def tab_panels() -> dict[str, Any]:
    """All registered panels of the tab, by the last part of their name."""
    found: dict[str, Any] = {}
    waiting = [bpy.types.Panel]
    while waiting:
        for known in waiting.pop().__subclasses__():
            waiting.append(known)
            if known.__name__.startswith("PARASCALE_PT_") and known.is_registered:
                found[known.__name__.removeprefix("PARASCALE_PT_")] = known
    ours = {name: known for name, known in found.items() if getattr(known, "bl_category", "") == "ParaScale"}
    return {name: known for name, known in ours.items() if known.bl_space_type == "VIEW_3D"}


def panel_alone(name: str) -> Steps:
    """Leave one panel in the tab, open, and take its picture; nothing where it does not show."""
    original = tab_panels()[name]
    if not hasattr(original, "poll") or original.poll(bpy.context):
        yield from alone(name, picture_panel(name))


def picture_panel(name: str) -> Steps:
    """Take the picture of a panel; the moves are drawn one after another while theirs is shown."""
    if name == "moves":
        yield from until(lambda: part("scene.move_films").icon_of_move("slow-drift"), "the last move's pictures")
        yield from pause(1.0)
    yield from grab(f"panel-{name}", region_of(area_of("VIEW_3D"), "UI"))


def alone(name: str, look: Steps) -> Steps:
    """Leave one panel in the tab, open, and look at it."""
    panels = tab_panels()
    original = panels[name]
    for known in panels.values():
        bpy.utils.unregister_class(known)
    single = type(f"PARASCALE_PT_{name}_alone", original.__bases__, own_parts(original))
    bpy.utils.register_class(single)
    region = region_of(area_of("VIEW_3D"), "UI")
    region.tag_redraw()
    yield from pause(0.6)
    region.active_panel_category = "ParaScale"
    yield from look
    bpy.utils.unregister_class(single)
    for known in sorted(panels.values(), key=lambda known: ancestry(known, panels)):
        bpy.utils.register_class(known)


def ancestry(panel: Any, panels: dict[str, Any]) -> int:
    """How many panels a panel lies in: those have to be there before it."""
    parent = getattr(panel, "bl_parent_id", "").removeprefix("PARASCALE_PT_")
    return 1 + ancestry(panels[parent], panels) if parent in panels else 0


def own_parts(panel: Any) -> dict[str, Any]:
    """What a panel's class says itself, but for being closed and below another."""
    left_out = ("bl_rna", "bl_options", "bl_parent_id", "__dict__", "__weakref__")
    return {name: value for name, value in vars(panel).items() if name not in left_out}


def graph_editor() -> Steps:
    """Show our curves where the animator sees them."""
    area = area_of("VIEW_3D")
    area.ui_type = "FCURVES"
    yield from pause(0.6)
    with bpy.context.temp_override(window=window(), area=area):
        bpy.ops.parascale.show_curves()
    yield from pause(1.0)
    yield from grab("curves", region_of(area_of("GRAPH_EDITOR"), "WINDOW"))
    area_of("GRAPH_EDITOR").ui_type = "VIEW_3D"
    yield from pause(0.6)


def sequencer() -> Steps:
    """Show the strip, what it shows, and what it says of itself."""
    scene = bpy.context.scene
    strip = scene.sequence_editor.strips[0]
    scene.sequence_editor.active_strip = strip
    strip.select = True
    bpy.context.workspace.sequencer_scene = scene
    area = area_of("VIEW_3D")
    area.ui_type = "SEQUENCE_EDITOR"
    space = area.spaces.active
    space.view_type = "SEQUENCER_PREVIEW"
    space.show_region_ui = True
    yield from until(lambda: region_of(area, "UI").width > 50, "the sequencer's sidebar")
    yield from pause(1.0)
    region_of(area, "UI").active_panel_category = "ParaScale"
    yield from pause(1.0)
    yield from grab("sequencer")
    yield from grab("panel-strip", region_of(area, "UI"))
    area.ui_type = "VIEW_3D"
    yield from pause(0.6)


def preferences() -> Steps:
    """Show the add-on's own preferences."""
    yield from open_preferences()
    yield from grab("preferences", region_of(area_of("PREFERENCES"), "WINDOW"))


def open_preferences() -> Steps:
    """Put the add-on's own preferences into the place of the 3D view."""
    area = area_of("VIEW_3D")
    bpy.context.preferences.active_section = "ADDONS"
    area.ui_type = "PREFERENCES"
    bpy.context.window_manager.addon_search = "ParaScale"
    with bpy.context.temp_override(window=window(), area=area):
        bpy.ops.preferences.addon_expand(module=MODULE)
    yield from pause(1.0)
