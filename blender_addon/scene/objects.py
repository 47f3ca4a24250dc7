"""The cameras that the tab works on, and how the add-on treats objects."""

from operator import attrgetter

import bpy

from parascale.blender.untyped import untyped
from parascale.errors import InputError

from ..settings import settings_of_object, settings_of_scene
from ..stubs import Context

COLLECTION = "ParaScale"


def scene_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the scene camera."""
    if scene.camera is None:
        raise InputError("the scene has no active camera: add one where the move starts")
    return scene.camera


def calibrated_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the calibrated camera the tab works on."""
    camera = settings_of_scene(scene).camera
    if camera is None:
        raise InputError("there is no calibrated camera: create one first")
    return camera


def reference_of_scene(scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the reference camera the tab works on."""
    camera = settings_of_scene(scene).reference
    if camera is None:
        raise InputError("there is no reference: solve a clip or import a shot")
    return camera


def reference_of_camera(camera: bpy.types.Object) -> bpy.types.Object:
    """Return the reference camera that a calibrated camera follows."""
    reference = settings_of_object(camera).reference
    if reference is None:
        raise InputError(f"{camera.name} has lost its reference: choose another below its name, or import the shot")
    return reference


def reference_at_hand(scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the reference that the calibrated camera at hand follows, or without one the scene's."""
    camera = settings_of_scene(scene).camera
    return reference_of_scene(scene) if camera is None else reference_of_camera(camera)


def chosen_camera(context: Context) -> bpy.types.Object | None:
    """Return the camera that is the active object, else the only selected one, else the scene's own.

    Importers select all that they bring in and make any of it active: where that is several cameras, none is chosen.
    """
    active: bpy.types.Object | None = context.active_object
    if active is not None and active.type == "CAMERA":
        return active
    scene: bpy.types.Scene = context.scene
    selected = selected_cameras(context)
    if selected and scene.camera not in selected:
        return selected[0] if len(selected) == 1 else None
    return scene.camera


def selected_cameras(context: Context) -> list[bpy.types.Object]:
    """Return the selected cameras."""
    return [item for item in getattr(context, "selected_objects", ()) if item.type == "CAMERA"]


def source_of_camera(camera: bpy.types.Object) -> str:
    """Name a camera as the source of a reference that is sampled from it."""
    return f"Blender camera {camera.name}"


def reason_linked(camera: bpy.types.Object) -> str:
    """Say of which file a calibrated camera is, in part or whole, that the open one only links; empty of its own."""
    parts = [untyped(item) for item in (camera, camera.parent, camera.data) if item is not None]
    parts += [item.animation_data.action for item in parts if item.animation_data and item.animation_data.action]
    library = next(filter(None, map(attrgetter("library"), parts)), None)
    if library is None:
        return ""
    name = bpy.path.basename(library.filepath)
    return f"{camera.name} is linked from {name}: make it local, with its data, or bake it"


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
