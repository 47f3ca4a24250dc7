"""The settings: what the add-on stores in a .blend and in its preferences, and what may be chosen."""

from .properties import (
    SHARED_SETTINGS,
    STRENGTH,
    TIME,
    CalibrationSettings,
    PhotoSettings,
    settings_of_object,
    settings_of_scene,
)

__all__ = [
    "SHARED_SETTINGS",
    "STRENGTH",
    "TIME",
    "CalibrationSettings",
    "PhotoSettings",
    "settings_of_object",
    "settings_of_scene",
]
