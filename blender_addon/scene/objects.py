"""Objects of ours and of the scene: linked, locked, selected."""

import bpy

from parascale.errors import InputError

from ..stubs import Context

COLLECTION = "ParaScale"


def lock(target: bpy.types.Object, *channels: str) -> None:
    """Keep "location", "rotation" or "scale" of an object from being changed by hand."""
    for channel in channels:
        setattr(target, f"lock_{channel}", (True, True, True))
    target.lock_rotation_w = "rotation" in channels


def link_object(scene: bpy.types.Scene, item: bpy.types.Object) -> None:
    """Link an object of ours to the scene's collection for them, made where there is none."""
    children = scene.collection.children
    # One that is linked from another file takes no objects of this one.
    local = (child for child in children if child.is_editable and child.override_library is None)
    ours = next((child for child in local if child.name.split(".")[0] == COLLECTION), None)
    if ours is None:
        ours = bpy.data.collections.new(COLLECTION)
        children.link(ours)
    ours.objects.link(item)


def select_only(context: Context, item: bpy.types.Object) -> None:
    """Make one object the selected and active one."""
    try:
        context.view_layer.objects.active = item
    except RuntimeError:
        raise InputError(
            f"{item.name} is switched off in this view layer: tick its collection in the Outliner"
        ) from None
    for other in context.view_layer.objects:
        other.select_set(other == item)


def selected_surfaces(context: Context) -> list[bpy.types.Object]:
    """Return the selected objects that show a surface."""
    kinds = {"MESH", "CURVE", "SURFACE", "META", "FONT"}
    chosen: list[bpy.types.Object] = context.selected_objects if hasattr(context, "selected_objects") else []
    return [item for item in chosen if item.type in kinds or item.instance_type != "NONE"]
