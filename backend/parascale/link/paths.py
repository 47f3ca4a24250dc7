"""Where ParaScale keeps its state and its keys: platformdirs' rules, which Blender does not ship."""

import os
import sys
from pathlib import Path

NAME = "parascale"


def state_folder() -> Path:
    """Return the user's folder for what must outlive a process: jobs, results, keys."""
    named = os.environ.get("XDG_STATE_HOME", "").strip()
    if sys.platform == "win32":
        found = os.environ.get("LOCALAPPDATA", "").strip()
        return (Path(found) if found else Path("~/AppData/Local").expanduser()) / NAME
    if named and Path(named).is_absolute():
        return Path(named) / NAME
    if sys.platform == "darwin":
        return Path("~/Library/Application Support").expanduser() / NAME
    return Path("~/.local/state").expanduser() / NAME


def keys_folder() -> Path:
    """Return the folder of the user's own keys; only the user can enter it."""
    return state_folder() / "keys"


def backend_folder() -> Path:
    """Return the state folder of a backend that was told none."""
    return state_folder() / "backend"
