"""The page of the add-on in Blender's preferences."""

import shutil

import bpy

from . import tasks
from .jobs import session
from .jobs.connection import has_link, is_local
from .settings.preferences import ADDON, PreferenceProperties, brings_backend
from .stubs import Context, Layout


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
        row = layout.row(align=True)
        if hasattr(bpy.types, "PARASCALE_OT_set_up_backend"):
            row.operator("parascale.set_up_backend", text="Set Up Backend...", icon="IMPORT")
        row.operator("parascale.copy_install_command", icon="COPYDOWN")
        _draw_work(layout)
        layout.label(text=connection.describe(), icon="LINKED" if connection.is_open else "UNLINKED")
        layout.separator()
        layout.prop(self, "results")


def _draw_work(layout: Layout) -> None:
    """Show how far a backend's setup is, and why it ended: the sidebar may be closed here."""
    task = tasks.current()
    if task is not None:
        row = layout.row(align=True)
        row.progress(factor=task.fraction, text=f"{task.label}: {task.phase}")
        row.operator("parascale.cancel_work", icon="X")
    if tasks.trouble():
        row = layout.row(align=True)
        row.alert = True
        row.label(text=tasks.trouble(), icon="ERROR")
        row.operator("parascale.cancel_work", text="Dismiss", icon="CHECKMARK")


def _found_backend() -> str:
    return "part of this extension" if brings_backend() else shutil.which("parascale") or "not found on PATH"
