"""Runs one of the scripts beside it inside the window, a step between redraws, and writes down what it found."""

import importlib
import json
import os
import subprocess
import sys
import traceback
from typing import Any

import bpy as typed_bpy

sys.path.insert(0, os.environ["PARASCALE_WINDOW"])

from tests.window.driver import SHARE, told

# The stubs call all that a window brings optional.
bpy: Any = typed_bpy


def end(status: int, error: str | None = None) -> None:
    told["error"] = error
    (SHARE / "told.json").write_text(json.dumps(told, indent=1))
    if error:
        subprocess.run(["import", "-window", "root", str(SHARE / "failed.png")], check=False)
    os._exit(status)


def advance() -> float | None:
    """Take the next step from a timer; end the program at the last, with status 3 where something is wrong."""
    try:
        next(running)
    except StopIteration:
        end(0)
    except Exception:  # a timer's exception would only be printed
        end(3, traceback.format_exc())
    return 0.03


bpy.context.preferences.view.show_splash = False
bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
script = sys.argv[sys.argv.index("--") + 1]
running = importlib.import_module(f"tests.window.{script}").steps()
bpy.app.timers.register(advance, first_interval=1.0, persistent=True)
