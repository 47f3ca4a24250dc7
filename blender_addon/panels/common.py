"""What the panels share."""

import bpy

from ..stubs import Layout

HEADER = 28


class TabPanel(bpy.types.Panel):
    """A panel of the tab; its header carries the state."""

    layout: Layout
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ParaScale"


def header(name: str, state: str) -> str:
    """Write a panel's header: its name and state in 28 characters."""
    text = f"{name}: {state}" if state else name
    return text if len(text) <= HEADER else text[: HEADER - 1] + "…"


def length(scene: bpy.types.Scene, value: float) -> str:
    """Write a length in the scene's units."""
    units = scene.unit_settings
    if units.system == "NONE":
        return f"{value:.4g}"
    metres = value * units.scale_length
    return str(bpy.utils.units.to_string(units.system, "LENGTH", metres, precision=4, compatible_unit=False))


def wrapped(layout: Layout, text: str, icon: str = "NONE", width: int = 40) -> None:
    """Draw a sentence over as many lines as it needs."""
    words, lines = text.split(), [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    column = layout.column(align=True)
    for index, line in enumerate(lines):
        column.label(text=line, icon=icon if index == 0 else "BLANK1" if icon != "NONE" else "NONE")


def split(layout: Layout) -> Layout:
    """Set a layout to names left and values right, without animation dots."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout
