"""The tab in the 3D View's sidebar, in the order of the work, and our lines in Blender's menus."""

import bpy

from ..stubs import Context
from . import calibrate, compare, generate, progress, reference, tools

# A panel inside another one comes after it.
MODULES = (progress, reference, calibrate, compare, generate, tools)


def _draw_import(menu: bpy.types.Menu, _context: Context) -> None:
    menu.layout.operator("parascale.import_shot", text="Camera Path as ParaScale Reference")  # type: ignore[union-attr]


def _draw_export(menu: bpy.types.Menu, _context: Context) -> None:
    menu.layout.operator("parascale.export_path", text="Camera Path (ParaScale)")  # type: ignore[union-attr]


MENUS = ((bpy.types.TOPBAR_MT_file_import, _draw_import), (bpy.types.TOPBAR_MT_file_export, _draw_export))
