"""What the panels share."""

import textwrap

import bpy

from ..stubs import Layout

HEADER = 28


class TabPanel(bpy.types.Panel):
    """A panel of the tab; its header carries the state."""

    layout: Layout
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ParaScale"


def header(name: str, state: str, buttons: int = 0) -> str:
    """Write a panel's header: its name and state in 28 characters, or as many as there is room for beside buttons."""
    text = f"{name}: {state}" if state else name
    room = max(len(name), min(HEADER, _letters(_HEADER_MARGIN + buttons * _BUTTON)))
    return text if len(text) <= room else text[: room - 1] + "…"


def length(scene: bpy.types.Scene, value: float) -> str:
    """Write a length in the scene's units."""
    units = scene.unit_settings
    if units.system == "NONE":
        return f"{value:.4g}"
    metres = value * units.scale_length
    return str(bpy.utils.units.to_string(units.system, "LENGTH", metres, precision=4, compatible_unit=False))


# Pixels of a sidebar that nobody has dragged, at a scale of 1; of those what lies beside its text and that of a header,
# and what a letter and a button take.
_WIDTH = 292
_MARGIN, _HEADER_MARGIN, _LETTER, _BUTTON = 56, 96, 6.6, 28


def _letters(margin: int) -> int:
    """Return how many letters the region that is drawn has room for beside a margin."""
    region, preferences = bpy.context.region, bpy.context.preferences
    scale = preferences.system.ui_scale if preferences is not None and preferences.system is not None else 1.0
    return int(((region.width / scale if region is not None else _WIDTH) - margin) / _LETTER)


def wrapped(layout: Layout, text: str, icon: str = "NONE", *, alert: bool = False, buttons: int = 0) -> None:
    """Draw a sentence over as many lines as it needs in the region that is drawn, beside buttons of the same row."""
    width = max(12, _letters(_MARGIN + buttons * _BUTTON) - (3 if icon != "NONE" else 0))
    column = layout.column(align=True)
    column.alert = alert
    for index, line in enumerate(textwrap.wrap(text, width)):
        column.label(text=line, icon=icon if index == 0 else "BLANK1" if icon != "NONE" else "NONE")


def time_left(seconds: float | None) -> str:
    """Write a remaining time; empty where it is not known."""
    if seconds is None:
        return ""
    return f"{seconds:.0f} s left" if seconds < 100 else f"{seconds / 60:.0f} min left"


def split(layout: Layout) -> Layout:
    """Set a layout to names left and values right, without animation dots."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout
