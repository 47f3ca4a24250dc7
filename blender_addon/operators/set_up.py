"""Set up a backend of one's own, outside Blender. The public platform's rules forbid it: its zips lack this file."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy

from parascale.errors import InputError
from parascale.link.paths import state_folder

from ..settings.preferences import complete_wheel, preferences, requirement_of
from ..steps import Call, StepOperator, Steps
from ..stubs import Context, Outcome
from ..tasks import WRITE
from ..typed_properties import StringProperty
from .polls import needs_closed_connection

# What pip downloads for Solve and Preview: measured on Linux, Python 3.11, in a bare environment.
DOWNLOAD_MEGABYTES, DISK_MEGABYTES = 265, 900
OLDEST_PYTHON = (3, 11)
# Lines of pip's output that show how far it is, and about how many there are.
_STEPS, _STEP_COUNT = re.compile(rb"^\s*(?:Collecting|Downloading|Processing|Using cached) ", re.MULTILINE), 60


class PARASCALE_OT_set_up_backend(StepOperator):
    """Install a backend of your own into an environment outside Blender, and use it from now on"""

    bl_idname = "parascale.set_up_backend"
    bl_label = "Set Up Backend"
    # The one that is connected may run from the very folder, and would be joined instead of the new one.
    needs = (needs_closed_connection,)

    python: str = StringProperty(
        name="Python", description="Python 3.11 or later that the environment is made of", subtype="FILE_PATH"
    )
    folder: str = StringProperty(name="Folder", description="Where the environment goes", subtype="DIR_PATH")
    extras: str = StringProperty(
        name="Parts", description="Optional parts to install, with commas between", default="solve,preview"
    )

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        self.was_asked = True
        self.python = self.python or _find_python()
        self.folder = self.folder or str(state_folder() / "environment")
        return context.window_manager.invoke_props_dialog(  # type: ignore[no-any-return]
            self, width=480, title="Set Up Backend", confirm_text="Download and Set Up"
        )

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        layout.use_property_split = True
        for name in ("python", "folder", "extras"):
            layout.prop(self, name)
        column = layout.column(align=True)
        column.label(text=f"pip downloads about {DOWNLOAD_MEGABYTES} MB for solve and preview", icon="URL")
        column.label(text="from the Python Package Index, or the index that it is set to;", icon="BLANK1")
        column.label(text=f"they take about {DISK_MEGABYTES} MB on disk.", icon="BLANK1")
        column.label(text="ParaScale itself comes from this extension.", icon="BLANK1")

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        from parascale.link.local import find_backend

        wheel = complete_wheel()
        if find_backend() is not None:
            raise InputError(
                "a backend still runs here: Blender's own ends after its jobs, another where you started it"
            )
        if wheel is None:
            raise InputError("this extension does not bring the whole of ParaScale: install the complete one")
        if not bpy.app.online_access:
            raise InputError("Blender may not go online: allow it in Preferences, under System > Network")
        folder = Path(bpy.path.abspath(call.folder)) if call.folder else state_folder() / "environment"
        python = bpy.path.abspath(call.python) if call.python else _find_python()
        yield from _check_python(python)
        yield from _install(python, folder, requirement_of(wheel, call.extras))
        yield WRITE
        preferences().executable = str(_program(folder, "parascale"))
        call.report({"INFO"}, f"The backend in {folder} is set up and used from now on")


def _find_python() -> str:
    names = [f"python3.{minor}" for minor in (13, 12, 11)] + ["python3", "python"]
    return next((found for name in names if (found := shutil.which(name))), "")


def _check_python(python: str) -> Steps[None]:
    if not python:
        raise InputError("no Python is found on PATH: choose one, 3.11 or later, under Python")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        log = Path(scratch) / "version.log"
        code = "import sys, venv, ensurepip; print('version', *sys.version_info[:2])"
        status = yield from _run([python, "-c", code], log, lambda _: (0.0, "Looking at Python"))
        said = log.read_text(errors="replace")
    found = re.search(r"version (\d+) (\d+)", said)
    if status != 0 or found is None:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise InputError(f"{python} cannot make an environment: {last[0]}")
    version = int(found[1]), int(found[2])
    if version < OLDEST_PYTHON:
        raise InputError(f"{python} is Python {version[0]}.{version[1]}, and 3.11 or later is needed: choose another")


def _install(python: str, folder: Path, requirement: str) -> Steps[None]:
    """Make the environment and try it; where that fails or is cancelled, all is as before but for the log.

    One that was set up before, which its log beside it tells, is replaced.
    """
    log, before = _log(folder), folder.with_name(f"{folder.name}.before-setup")
    is_ours = (folder / "pyvenv.cfg").is_file() and log.is_file()
    if folder.exists() and not is_ours and any(folder.iterdir()):
        raise InputError(f"{folder} holds something else: choose an empty folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if is_ours and not before.exists():
        try:
            folder.rename(before)
        except OSError as error:
            raise InputError(f"{folder} is in use: press Disconnect, and set it up once its jobs are done") from error
    log.unlink(missing_ok=True)
    pip = [str(_program(folder, "python")), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    commands = (
        ([python, "-m", "venv", "--clear", str(folder)], lambda _: (0.02, "Making the environment")),
        ([*pip, "--progress-bar", "off", requirement], _how_far),
        ([str(_program(folder, "parascale")), "--version"], lambda _: (0.98, "Trying the backend")),
    )
    is_whole = False
    try:
        for command, state in commands:
            status = yield from _run(command, log, state)
            if status != 0:
                raise InputError(f"the backend could not be set up: {_last_line(log)} (all of it is in {log})")
        is_whole = True
    finally:
        if not is_whole:
            shutil.rmtree(folder, ignore_errors=True)
            if before.is_dir():
                before.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def _how_far(said: bytes) -> tuple[float, str]:
    lines = said.strip().splitlines()
    phase = lines[-1].decode(errors="replace").strip()[:60] if lines else "Installing"
    return 0.1 + 0.85 * min(len(_STEPS.findall(said)) / _STEP_COUNT, 1.0), phase


def _run(command: list[str], log: Path, state: Callable[[bytes], tuple[float, str]]) -> Steps[int]:
    """Run a program that writes to the end of a log; return its exit status. Closing the steps ends it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                # What it starts itself ends with it.
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"{command[0]} cannot be run: {error.strerror}") from error
        try:
            while process.poll() is None:
                yield state(log.read_bytes()[start:])
        finally:
            if process.poll() is None:
                if sys.platform == "win32":
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return process.returncode


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _program(folder: Path, name: str) -> Path:
    return folder / "Scripts" / f"{name}.exe" if os.name == "nt" else folder / "bin" / name


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("ERROR:")] or lines
    return said[-1].removeprefix("ERROR: ").strip() if said else "it said nothing"
