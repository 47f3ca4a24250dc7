"""What the add-on stores in a .blend: settings on the calibrated camera, pointers on the scene.

All of it survives a missing add-on, and an appended camera brings its settings along.
"""

import bpy

from .calibration import SHARED_SETTINGS, CalibrationSettings, SubjectObject
from .object import STRENGTH, TIME, ObjectSettings, settings_of_object
from .photo import PhotoSettings
from .scene import SceneSettings, settings_of_scene

__all__ = [
    "SHARED_SETTINGS",
    "STRENGTH",
    "TIME",
    "CalibrationSettings",
    "ObjectSettings",
    "PhotoSettings",
    "SceneSettings",
    "attach",
    "detach",
    "settings_of_object",
    "settings_of_scene",
]

CLASSES = (PhotoSettings, SubjectObject, CalibrationSettings, ObjectSettings, SceneSettings)

# The stubs do not know what an add-on registers, hence what is ignored below.


def attach() -> None:
    """Give objects and scenes their settings."""
    bpy.types.Object.parascale = bpy.props.PointerProperty(type=ObjectSettings)  # type: ignore[attr-defined]
    bpy.types.Scene.parascale = bpy.props.PointerProperty(type=SceneSettings)  # type: ignore[attr-defined]


def detach() -> None:
    """Undo `attach`; what files hold stays in them."""
    del bpy.types.Object.parascale  # type: ignore[attr-defined]
    del bpy.types.Scene.parascale  # type: ignore[attr-defined]
