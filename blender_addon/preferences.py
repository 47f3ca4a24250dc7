"""The page of the add-on in Blender's preferences."""

import shutil

import bpy

from .jobs import session
from .jobs.connection import has_link, is_local
from .settings.preferences import ADDON, PreferenceProperties, brings_backend
from .stubs import Context


class ParaScalePreferences(PreferenceProperties, bpy.types.AddonPreferences):  # type: ignore[misc]  # `keys` is a setting here
    bl_idname = ADDON

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        connection = session.current().connection
        if not has_link():
            layout.label(text=connection.describe(), icon="INFO")
            return
        here = layout.column(heading="This Machine")
        here.active = not self.address
        here.prop(self, "executable", placeholder=_found_backend())
        there = layout.column(heading="Running Already")
        there.prop(self, "address", placeholder="tcp://gpu-box:5571")
        keys = there.column()
        keys.active = bool(self.address)
        keys.prop(self, "keys")
        if self.address and not bpy.app.online_access and not is_local(self.address):
            there.label(text="Blender is offline: allow online access under System > Network", icon="ERROR")
        row = layout.row(align=True)
        row.operator("parascale.test_backend", icon="CHECKMARK")
        row.operator("parascale.start_backend", icon="PLAY")
        row.operator("parascale.stop_backend", icon="SNAP_FACE")
        row.operator("parascale.copy_install_command", icon="COPYDOWN")
        layout.label(text=connection.describe(), icon="LINKED" if connection.is_open else "UNLINKED")
        layout.separator()
        layout.prop(self, "results")


def _found_backend() -> str:
    return "part of this extension" if brings_backend() else shutil.which("parascale") or "not found on PATH"
