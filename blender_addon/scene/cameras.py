"""The cameras that the tab works on."""

from operator import attrgetter

import bpy

from parascale.blender.untyped import untyped
from parascale.errors import InputError

from ..settings import settings_of_object, settings_of_scene
from ..stubs import Context


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
