"""What Blender is told about: classes, properties, menus, the overlay, the polling of jobs."""

from collections.abc import Iterator
from types import ModuleType

import bpy

from . import operators, overlay, panels, preferences
from .jobs import job_list, thumbnails, timer
from .scene import live
from .settings import properties
from .settings.generators import unregister_generators
from .typed_properties import expose_properties


def classes_of(module: ModuleType) -> Iterator[type]:
    """Yield Blender's classes that a module defines, in their order; bases begin with an underscore."""
    for name, found in vars(module).items():
        ours = isinstance(found, type) and found.__module__ == module.__name__
        if ours and issubclass(found, bpy.types.bpy_struct) and not name.startswith("_"):
            yield found


MODULES = (preferences, properties, job_list, *operators.MODULES, *panels.MODULES)
CLASSES = tuple(cls for module in MODULES for cls in classes_of(module))


def register() -> None:
    """Register all classes and take up the jobs of earlier runs."""
    for cls in CLASSES:
        expose_properties(cls)
        bpy.utils.register_class(cls)
    properties.attach()
    job_list.attach()
    panels.attach()
    live.start()
    overlay.start()
    timer.start()


def unregister() -> None:
    """Undo `register`."""
    timer.stop()
    overlay.stop()
    live.stop()
    panels.detach()
    thumbnails.clear()
    unregister_generators()
    job_list.detach()
    properties.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
