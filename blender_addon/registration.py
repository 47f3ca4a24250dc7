"""What Blender is told about: classes, properties, the polling of jobs."""

import bpy

from . import operators, panels, preferences, properties, session

CLASSES = (*preferences.CLASSES, *properties.CLASSES, *operators.CLASSES, *panels.CLASSES)


def register() -> None:
    """Register all classes and take up the jobs of earlier runs."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    session.start()


def unregister() -> None:
    """Undo `register`."""
    session.stop()
    properties.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
