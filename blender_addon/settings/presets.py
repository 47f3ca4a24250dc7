"""The presets of the package, as settings of a calibrated camera."""

import bpy

from parascale.parallax.settings import PRESETS, Settings
from parascale.types import Choice

from . import settings_of_object
from .calibration import CalibrationSettings
from .changes import as_one_change, paused

# What a camera kept before there were presets.
_FIRST_PRESET = "verbatim"


def apply_preset(settings: CalibrationSettings, name: str) -> None:
    """Set all that a preset decides, as one change."""
    with as_one_change(settings):
        for changed, value in _values_of(name).items():
            setattr(settings, changed, value)


def find_preset(settings: CalibrationSettings) -> Choice | None:
    """Return the preset that settings agree with; None where they were changed one by one."""
    for name, (choice, _) in PRESETS.items():
        if all(_agrees(getattr(settings, changed), value) for changed, value in _values_of(name).items()):
            return choice
    return None


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def keep_earlier_settings(*_: object) -> None:
    """Write out what calibrated cameras of earlier versions kept, in the open file or appended to it.

    A camera of this version stores every setting from the start, even one that is at its default. A setting that is not
    stored is newer than the camera, which was made without it.
    """
    with paused():
        for item in bpy.data.objects:
            ours = settings_of_object(item)
            if ours.role == "CAMERA" and item.library is None:
                for name, value in _values_of(_FIRST_PRESET).items():
                    if not ours.calibration.is_property_set(name):
                        setattr(ours.calibration, name, value)


HANDLERS = (
    (bpy.app.handlers.load_post, keep_earlier_settings),
    (bpy.app.handlers.blend_import_post, keep_earlier_settings),
)


def _values_of(name: str) -> dict[str, str | float | bool]:
    kept = Settings.preset(name)
    return {
        "method": kept.method,
        "lens": kept.lens,
        "framing": kept.framing,
        "horizon": kept.horizon,
        "keep_clear": kept.clearance is None,
        "max_jump": kept.max_jump or 0.0,
        "solver": kept.solver,
        "size": kept.size,
    }


def _agrees(found: str | float | bool, value: str | float | bool) -> bool:
    # Blender keeps float32.
    return abs(found - value) < 1e-6 if isinstance(value, float) and not isinstance(found, str) else found == value
