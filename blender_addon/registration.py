"""What Blender is told about: classes, properties, menus, the overlay, the polling of jobs."""

import bpy

from . import operators, overlay, panels, preferences, settings
from .jobs import job_list, thumbnails, timer
from .panels import menus
from .scene import live
from .settings.generators import unregister_generators
from .typed_properties import expose_properties

CLASSES = (
    *preferences.CLASSES,
    *settings.CLASSES,
    *job_list.CLASSES,
    *operators.CLASSES,
    *panels.CLASSES,
)


def register() -> None:
    """Register all classes and take up the jobs of earlier runs."""
    for cls in CLASSES:
        expose_properties(cls)
        bpy.utils.register_class(cls)
    settings.attach()
    job_list.attach()
    menus.attach()
    live.start()
    overlay.start()
    timer.start()


def unregister() -> None:
    """Undo `register`."""
    timer.stop()
    overlay.stop()
    live.stop()
    menus.detach()
    thumbnails.clear()
    unregister_generators()
    job_list.detach()
    settings.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
