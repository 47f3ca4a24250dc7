"""What Blender is told about: classes, properties, menus, handlers, the overlay, the polling of jobs."""

from collections.abc import Iterator
from types import ModuleType

import bpy

from . import operators, overlay, panels, preferences, settings, tasks
from .jobs import job_list, session, thumbnails, timer
from .scene import comparison_icons, geometry, live, move_films
from .settings import calibration, changes, photo, presets
from .settings.generators import unregister_generators
from .typed_properties import expose_properties


def classes_of(module: ModuleType) -> Iterator[type]:
    """Yield Blender's classes that a module defines, in their order; bases begin with an underscore."""
    for name, found in vars(module).items():
        ours = isinstance(found, type) and found.__module__ == module.__name__
        if ours and issubclass(found, bpy.types.bpy_struct) and not name.startswith("_"):
            yield found


MODULES = (preferences, photo, calibration, settings, job_list, *operators.MODULES, *panels.MODULES)
CLASSES = tuple(cls for module in MODULES for cls in classes_of(module))
PROPERTIES = (*settings.PROPERTIES, *job_list.PROPERTIES)
HANDLERS = (*presets.HANDLERS, *geometry.HANDLERS, *timer.HANDLERS, *tasks.HANDLERS)


def register() -> None:
    """Register all classes and take up the jobs of earlier runs."""
    for cls in CLASSES:
        expose_properties(cls)
        bpy.utils.register_class(cls)
    for owner, name, declared in PROPERTIES:
        setattr(owner, name, declared)
    for menu, draw in panels.MENUS:
        menu.append(draw)  # type: ignore[arg-type]  # to the stubs a function, to Blender a method
    for handlers, handler in HANDLERS:
        handlers.append(handler)
    # A file may be open already, and its data is out of reach while Blender enables an add-on.
    if hasattr(bpy.data, "objects"):
        presets.keep_earlier_settings()
    else:
        bpy.app.timers.register(presets.keep_earlier_settings, first_interval=0.0)
    changes.reactions.append(live.rebuild_on_change)
    overlay.start()
    session.start()
    bpy.app.timers.register(timer.on_timer, first_interval=timer.INTERVAL_SECONDS, persistent=True)


def unregister() -> None:
    """Undo `register`; what files hold of ours stays in them."""
    for function in (timer.on_timer, presets.keep_earlier_settings):
        if bpy.app.timers.is_registered(function):
            bpy.app.timers.unregister(function)
    tasks.stop()
    session.stop()
    overlay.stop()
    changes.reactions.clear()
    for handlers, handler in HANDLERS:
        if handler in handlers:
            handlers.remove(handler)
    geometry.forget()
    for menu, draw in panels.MENUS:
        menu.remove(draw)  # type: ignore[arg-type]
    thumbnails.clear()
    move_films.clear()
    comparison_icons.clear()
    unregister_generators()
    for owner, name, _ in PROPERTIES:
        delattr(owner, name)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
