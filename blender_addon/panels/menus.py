"""File > Import and Export, and presets of calibration settings."""

from typing import Protocol

import bpy
from bl_operators.presets import AddPresetBase

from ..settings import SHARED_SETTINGS
from ..stubs import Context, Layout

PRESETS = "parascale/calibration"


class PARASCALE_MT_presets(bpy.types.Menu):
    bl_label = "Calibration Presets"
    preset_subdir = PRESETS
    preset_operator = "script.execute_preset"
    draw = bpy.types.Menu.draw_preset  # type: ignore[assignment]  # to the stubs a context may be None


class PARASCALE_OT_add_preset(AddPresetBase, bpy.types.Operator):  # type: ignore[misc]  # the stubs lack its base
    """Save the calibration settings under a name, or remove the chosen ones"""

    bl_idname = "parascale.add_preset"
    bl_label = "Add Calibration Preset"
    preset_menu = "PARASCALE_MT_presets"
    preset_subdir = PRESETS
    preset_defines = ["settings = bpy.context.scene.parascale.current"]
    preset_values = [f"settings.{name}" for name in SHARED_SETTINGS if name != "frame_start"]


CLASSES = (PARASCALE_MT_presets, PARASCALE_OT_add_preset)


class _Menu(Protocol):
    layout: Layout


def draw_import(menu: _Menu, _context: Context) -> None:
    """Add our line to File > Import."""
    menu.layout.operator("parascale.import_shot", text="Camera Path as ParaScale Reference")


def draw_export(menu: _Menu, _context: Context) -> None:
    """Add our line to File > Export."""
    menu.layout.operator("parascale.export_path", text="Camera Path (ParaScale)")


LINES = ((bpy.types.TOPBAR_MT_file_import, draw_import), (bpy.types.TOPBAR_MT_file_export, draw_export))


def attach() -> None:
    """Add our lines to Blender's menus."""
    for menu, draw in LINES:
        menu.append(draw)  # type: ignore[arg-type]  # to the stubs a function, to Blender a method


def detach() -> None:
    """Undo `attach`."""
    for menu, draw in LINES:
        menu.remove(draw)  # type: ignore[arg-type]
