"""The add-on's preferences: where the backend is, and where results go."""

import importlib.util
import shutil
import sys
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import bpy

import parascale

from ..typed_properties import StringProperty

# The extension's module name, which Blender keeps its preferences and its files under.
ADDON = __package__.rpartition(".")[0]


class PreferenceProperties:
    """What the preferences store; the class that draws them registers it."""

    executable: str = StringProperty(
        name="Executable",
        description=(
            "The parascale executable that solves clips and generates video; empty: what this extension brings, "
            "else the one on PATH"
        ),
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
    command: tuple[str, ...]
    environment: dict[str, str]


def backend_choice() -> BackendChoice | None:
    """Return the backend that the preferences name, else the one this extension brings, else the one on PATH."""
    own = _preferences()
    if own and own.address:
        return BackendChoice(own.address, Path(bpy.path.abspath(own.keys)) if own.keys else None, (), {})
    if own and own.executable:
        return BackendChoice("", None, (bpy.path.abspath(own.executable),), {})
    if brings_backend():
        # Blender's own Python, which finds what the extension's wheels were unpacked to and nothing of the user's.
        packages = str(Path(parascale.__file__).parents[1])
        environment = {"PYTHONPATH": packages, "PYTHONNOUSERSITE": "1"}
        return BackendChoice("", None, (sys.executable, "-m", "parascale.service"), environment)
    executable = shutil.which("parascale")
    return BackendChoice("", None, (executable,), {}) if executable else None


@lru_cache(maxsize=1)
def brings_backend() -> bool:
    """Whether this extension brings the solver and the preview along."""
    names = ("parascale.service", "pycolmap", "cv2", "av")
    return all(importlib.util.find_spec(name) is not None for name in names)


@lru_cache(maxsize=1)
def complete_wheel() -> Path | None:
    """Return the wheel of the whole package where this extension has it; None where it has only what Blender needs."""
    folder = Path(bpy.utils.user_resource("EXTENSIONS")) / Path(*ADDON.split(".")[1:]) / "wheels"
    for path in sorted(folder.glob("parascale-*.whl"), reverse=True):
        with zipfile.ZipFile(path) as wheel:
            if "parascale/service/__main__.py" in wheel.namelist():
                return path
    return None


def requirement_of(wheel: Path, extras: str) -> str:
    """Name the package with parts of it, as pip installs them from a wheel."""
    return f"parascale[{extras}] @ {wheel.as_uri()}"


def install_command(extras: str = "solve,preview") -> str:
    """Return the command that installs a backend of one's own, run in ParaScale's folder where no wheel is at hand."""
    wheel = complete_wheel()
    package = f".[{extras}]" if wheel is None else requirement_of(wheel, extras)
    return f'python3 -m pip install "{package}"'


def fetch_command(weights: str) -> str:
    """Return the command that fetches a model's weights for the backend of this machine."""
    choice = backend_choice()
    program = choice.command[0] if choice is not None and len(choice.command) == 1 else "parascale"
    return f'"{program}" weights fetch {weights}' if " " in program else f"{program} weights fetch {weights}"


def results_folder(file_folder: Path) -> Path:
    """Return where results go that belong to a file in a folder."""
    own = _preferences()
    return Path(bpy.path.abspath((own and own.results) or "//parascale", start=str(file_folder)))


def preferences() -> PreferenceProperties:
    """Return the preferences of the add-on, which is enabled."""
    own = _preferences()
    assert own is not None
    return own


def _preferences() -> PreferenceProperties | None:
    """Return the preferences; None while the add-on is not enabled."""
    addon = bpy.context.preferences.addons.get(ADDON)  # type: ignore[union-attr]  # there always are
    return cast("PreferenceProperties", addon.preferences) if addon else None
