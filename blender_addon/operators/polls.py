"""What operators need before they run; each says in Blender's own tooltip what is missing."""

import bpy

from ..jobs import session
from ..jobs.connection import has_link
from ..scene.objects import chosen_camera
from ..settings import settings_of_object, settings_of_scene
from ..settings.preferences import backend_choice
from ..stubs import Context

Operator = type[bpy.types.Operator]


def needs_scene_camera(cls: Operator, context: Context) -> bool:
    """Whether the scene has a camera."""
    if context.scene.camera is None:
        cls.poll_message_set("No scene camera: add one where the move starts")
        return False
    return True


def needs_chosen_camera(cls: Operator, context: Context) -> bool:
    """Whether there is a camera to take a move from."""
    if chosen_camera(context) is None:
        cls.poll_message_set("No camera: make one the active object or the scene camera")
        return False
    return True


def needs_own_camera(cls: Operator, context: Context) -> bool:
    """Whether there is a camera to work on that is not a reference's."""
    if not needs_chosen_camera(cls, context):
        return False
    camera = chosen_camera(context)
    if camera is not None and settings_of_object(camera).role == "REFERENCE":
        cls.poll_message_set("This is a reference camera: choose the calibrated one, or one of your own")
        return False
    return True


def needs_calibrated_camera(cls: Operator, context: Context) -> bool:
    """Whether there is a calibrated camera."""
    camera = settings_of_scene(context.scene).camera
    if camera is None:
        cls.poll_message_set("No calibrated camera: create one first")
        return False
    if camera.name not in context.scene.objects:
        cls.poll_message_set("The calibrated camera is in no collection of this scene any more")
        return False
    return True


def needs_backend(cls: Operator) -> bool:
    """Whether a backend can be reached."""
    if not has_link():
        cls.poll_message_set("This build of ParaScale has no link to a backend: install the one for your Blender")
        return False
    if not session.current().connection.is_open and not backend_choice():
        cls.poll_message_set("No backend: set it in Preferences")
        return False
    return True
