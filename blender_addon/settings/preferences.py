"""The add-on's preferences: where the backend is, and where results go."""

import shutil
from pathlib import Path
from typing import NamedTuple, cast

import bpy

from ..typed_properties import StringProperty

# The extension's module name, which Blender keeps its preferences and its files under.
ADDON = __package__.rpartition(".")[0]


class PreferenceProperties:
    """What the preferences store; the class that draws them registers it."""

    executable: str = StringProperty(
        name="Executable",
        description="The parascale executable that solves clips and generates video; empty: the one on PATH",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    address: str = StringProperty(
        name="Address",
        description="A running backend, here or on another machine: tcp://HOST:PORT; empty starts one here",
    )
    keys: str = StringProperty(
        name="Keys",
        description="Folder with the keys of the other machine, made there by `parascale keys new`",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    results: str = StringProperty(
        name="Results",
        description="Folder for videos and solved shots of saved files; // is the folder of the file",
        subtype="DIR_PATH",
        # It is made when the first result comes.
        options={"OUTPUT_PATH", "PATH_SUPPORTS_BLEND_RELATIVE"},
        default="//parascale",
    )


class BackendChoice(NamedTuple):
    """A running backend and the folder of its keys; or, where the address is empty, what starts one here."""

    address: str
    keys: Path | None
    executable: str


def backend_choice() -> BackendChoice | None:
    """Return the backend that the preferences name, else the one on PATH; None if there is none."""
    own = _preferences()
    if own and own.address:
        return BackendChoice(own.address, Path(bpy.path.abspath(own.keys)) if own.keys else None, "")
    executable = bpy.path.abspath(own.executable) if own and own.executable else shutil.which("parascale")
    return BackendChoice("", None, executable) if executable else None


def results_folder(file_folder: Path) -> Path:
    """Return where results go that belong to a file in a folder."""
    own = _preferences()
    return Path(bpy.path.abspath((own and own.results) or "//parascale", start=str(file_folder)))


def _preferences() -> PreferenceProperties | None:
    """Return the preferences; None while the add-on is not enabled."""
    addon = bpy.context.preferences.addons.get(ADDON)  # type: ignore[union-attr]  # there always are
    return cast("PreferenceProperties", addon.preferences) if addon else None
