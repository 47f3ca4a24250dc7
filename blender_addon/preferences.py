"""Where the backend is."""

import shutil
from typing import Any

import bpy
from bpy.props import StringProperty

from . import session
from .stubs import Context


class ParaScalePreferences(bpy.types.AddonPreferences):
    bl_idname = __package__ or "parascale"

    executable: StringProperty(
        name="Backend",
        description="The parascale executable that solves clips and generates video; empty: the one on PATH",
        subtype="FILE_PATH",
    )

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "executable", placeholder=shutil.which("parascale") or "not found on PATH")
        row = layout.row()
        row.operator("parascale.test_backend", icon="CHECKMARK")
        row.operator("parascale.start_backend", icon="PLAY")
        row.operator("parascale.stop_backend", icon="SNAP_FACE")
        layout.label(text=session.state_text())


def executable(context: Context) -> str:
    """Return the backend's executable, or an empty text where there is none."""
    addon: Any = context.preferences.addons.get(__package__ or "")
    named = addon.preferences.executable if addon else ""
    return bpy.path.abspath(named) if named else shutil.which("parascale") or ""


CLASSES = (ParaScalePreferences,)
