"""The tab in the 3D View's sidebar, in the order of the work, and our lines in Blender's menus."""

from typing import Protocol

import bpy

from ..stubs import Context, Layout
from . import calibrate, generate, photo, reference, tools

# A panel inside another one comes after it.
MODULES = (reference, calibrate, photo, generate, tools)


class _Menu(Protocol):
    layout: Layout


def _draw_import(menu: _Menu, _context: Context) -> None:
    menu.layout.operator("parascale.import_shot", text="Camera Path as ParaScale Reference")


def _draw_export(menu: _Menu, _context: Context) -> None:
    menu.layout.operator("parascale.export_path", text="Camera Path (ParaScale)")


LINES = ((bpy.types.TOPBAR_MT_file_import, _draw_import), (bpy.types.TOPBAR_MT_file_export, _draw_export))


def attach() -> None:
    """Add our lines to Blender's menus."""
    for menu, draw in LINES:
        menu.append(draw)  # type: ignore[arg-type]  # to the stubs a function, to Blender a method


def detach() -> None:
    """Undo `attach`."""
    for menu, draw in LINES:
        menu.remove(draw)  # type: ignore[arg-type]
