"""Where the backend is, and where results go."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from . import session
from .stubs import Context

INSTALL_COMMAND = "python3 -m pip install 'parascale[solve,preview]'"


@dataclass(frozen=True)
class BackendChoice:
    """Which backend to use.

    Attributes
    ----------
    executable : str
        What starts one on this machine; empty where there is none.
    address : str
        Of one that runs already; empty for this machine's own.
    keys : Path or None
        Folder of the keys for that address.
    """

    executable: str
    address: str = ""
    keys: Path | None = None

    def __bool__(self) -> bool:
        """Whether there is any to try."""
        return bool(self.address or self.executable)


class ParaScalePreferences(bpy.types.AddonPreferences):
    bl_idname = __package__ or "parascale"

    executable: StringProperty(
        name="Executable",
        description="The parascale executable that solves clips and generates video; empty: the one on PATH",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    address: StringProperty(
        name="Address",
        description="A backend that runs already, here or on another machine: tcp://HOST:PORT; empty starts one here",
    )
    keys: StringProperty(
        name="Keys",
        description="Folder with the keys that `parascale keys new` made on the other machine, and you copied here",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    results: StringProperty(
        name="Results",
        description="Folder for videos and solved shots of saved files; // is the folder of the file",
        subtype="DIR_PATH",
        # It is made when the first result comes.
        options={"OUTPUT_PATH", "PATH_SUPPORTS_BLEND_RELATIVE"},
        default="//parascale",
    )

    def draw(self, context: Context) -> None:
        layout: Any = self.layout
        layout.use_property_split = True
        if not session.has_link():
            layout.label(text=session.state_text(), icon="INFO")
            return
        here = layout.column(heading="This Machine")
        here.active = not self.address
        here.prop(self, "executable", placeholder=shutil.which("parascale") or "not found on PATH")
        there = layout.column(heading="Running Already")
        there.prop(self, "address", placeholder="tcp://gpu-box:5571")
        keys = there.column()
        keys.active = bool(self.address)
        keys.prop(self, "keys")
        if self.address and not bpy.app.online_access and not session.is_local(self.address):
            there.label(text="Blender is offline: allow online access under System > Network", icon="ERROR")
        row = layout.row(align=True)
        row.operator("parascale.test_backend", icon="CHECKMARK")
        row.operator("parascale.start_backend", icon="PLAY")
        row.operator("parascale.stop_backend", icon="SNAP_FACE")
        row.operator("parascale.copy_install_command", icon="COPYDOWN")
        layout.label(text=session.state_text(), icon="LINKED" if session.connected() else "UNLINKED")
        layout.separator()
        layout.prop(self, "results")


def of_addon(context: Context) -> Any:
    """Return the add-on's preferences; None while it is not enabled."""
    addon: Any = context.preferences.addons.get(__package__ or "")
    return addon.preferences if addon else None


def backend(context: Context) -> BackendChoice:
    """Return which backend the user wants."""
    own = of_addon(context)
    named = own.executable if own else ""
    executable = bpy.path.abspath(named) if named else shutil.which("parascale") or ""
    if own is None or not own.address:
        return BackendChoice(executable)
    return BackendChoice(executable, own.address, Path(bpy.path.abspath(own.keys)) if own.keys else None)


def results_folder() -> str:
    """Return where results of saved files go, perhaps relative to the file."""
    own = of_addon(bpy.context)
    return str(own.results) if own and own.results else "//parascale"


CLASSES = (ParaScalePreferences,)
