"""What Blender is told about: classes, properties, menus, the overlay, the polling of jobs."""

import bpy

from . import jobs_list, live, operators, overlay, panels, parameters, preferences, session, settings, thumbnails
from .panels import menus
from .typed_properties import expose_properties

CLASSES = (
    *preferences.CLASSES,
    *settings.CLASSES,
    *jobs_list.CLASSES,
    *operators.CLASSES,
    *panels.CLASSES,
)


def register() -> None:
    """Register all classes and take up the jobs of earlier runs."""
    for cls in CLASSES:
        expose_properties(cls)
        bpy.utils.register_class(cls)
    settings.attach()
    jobs_list.attach()
    menus.attach()
    live.start()
    overlay.start()
    session.start()


def unregister() -> None:
    """Undo `register`."""
    session.stop()
    overlay.stop()
    live.stop()
    menus.detach()
    thumbnails.clear()
    parameters.unregister()
    jobs_list.detach()
    settings.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
