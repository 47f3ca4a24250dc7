"""Jobs outlive the Blender that submitted them, and two Blenders at once leave each other's jobs alone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from holding import held, worker_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not bpy.app.module, reason="starts Blender as a module of Python"),
]

# What a Blender of its own does: it enables the add-on that lies in the shared user folder, and takes orders.
BLENDER = """
import json, sys, time
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
bpy.ops.preferences.addon_enable(module="bl_ext.user_default.parascale")
bpy.context.preferences.addons["bl_ext.user_default.parascale"].preferences.executable = sys.argv[2]
from bl_ext.user_default.parascale.jobs import session, timer
def say(**what):
    print("SAID " + json.dumps(what), flush=True)
def jobs():
    return {job.id: job.state for job in session.current().jobs.values()}
def strips():
    editor = bpy.context.scene.sequence_editor
    return [strip.name for strip in editor.strips] if editor else []
def submit():
    bpy.ops.parascale.submit()
    job = session.current().newest_jobs(1)[0].id
    # Until the backend has all of it, a client that leaves takes it along. Other Blenders' jobs may wait for ever.
    while session.current().jobs[job].state in ("submitted", "queued"):
        session.current().poll()
def look():
    if not session.current().connection.is_open:
        bpy.ops.parascale.poll_jobs()
    timer.on_timer()
def go_on(job):
    look()
    while session.current().jobs[job].is_open:
        timer.on_timer()
        time.sleep(0.02)
say(jobs=jobs(), connected=session.current().connection.is_open)
for line in sys.stdin:
    exec(line)
"""

# A backend that takes no worker for hung, however long it is held.
PATIENT = """
import functools, math
from parascale.service import limits, server
without_end = {"worker_silence": math.inf, "limits": limits.Limits(stall=math.inf)}
server.Server = functools.partial(server.Server, **without_end)
from parascale.cli import main
main()
"""


class OtherBlender:
    """A Blender in a process of its own."""

    def __init__(self, blend: Path, executable: str) -> None:
        environment = os.environ | {"PYTHONNOUSERSITE": "1"}
        environment.pop("PYTHONPATH", None)
        command = [sys.executable, "-c", BLENDER, str(blend), executable]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.first = self.said()

    def said(self) -> Any:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("SAID "):
                return json.loads(line.removeprefix("SAID "))
        pytest.fail(f"Blender ended with {self.process.wait()}")

    def do(self, line: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}; say(jobs=jobs(), strips=strips())\n")
        self.process.stdin.flush()
        return self.said()

    def quit(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(240) == 0


@pytest.fixture
def prepared(
    calibrated: bpy.types.Object, preferences: Any, backend: None, extension: ModuleType, tmp_path: Path
) -> Iterator[Callable[[], OtherBlender]]:
    """Start Blenders with a file from which a job takes a while."""
    if bpy.ops.parascale.stop_backend.poll():
        bpy.ops.parascale.stop_backend()
    state = bpy.context.scene.parascale
    state.long_side, state.workbench, state.frames, state.fps = 320, True, 1500, 1500.0
    blend = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    started: list[OtherBlender] = []

    def start() -> OtherBlender:
        started.append(OtherBlender(blend, preferences.executable))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def backend_runs() -> int | None:
    """The process of the backend that runs, if one does."""
    from parascale.link.local import find_backend
    from parascale.link.paths import backend_folder

    if find_backend() is None:
        return None
    return int(json.loads((backend_folder() / "backend.json").read_text())["pid"])


def await_its_end(seconds: float) -> None:
    """Wait for a backend that ends by itself: nothing is left to do, and nobody is there."""
    end = time.monotonic() + seconds
    while backend_runs() is not None and time.monotonic() < end:
        time.sleep(0.1)
    assert backend_runs() is None


@pytest.fixture
def patient(preferences: Any, prepared: Callable[[], OtherBlender], tmp_path: Path) -> None:
    """Preferences that name a backend whose worker may be held."""
    await_its_end(240)  # what another test started would be joined
    python = Path(preferences.executable).with_name("python")
    assert python.exists()
    code, executable = tmp_path / "patient.py", tmp_path / "patient"
    code.write_text(PATIENT)
    executable.write_text(f'#!/bin/sh\nexec "{python}" "{code}" "$@"\n')
    executable.chmod(0o755)
    preferences.executable = str(executable)


@pytest.mark.parametrize("ends", ["quits", "is killed"])
def test_jobs_outlive_their_blender_and_the_next_takes_them_up(
    patient: None, prepared: Callable[[], OtherBlender], ends: str
) -> None:
    first = prepared()
    first.do("bpy.ops.parascale.start_backend()")
    worked_by = backend_runs()
    assert worked_by is not None
    # Held before it is given the job, so that the job is not done before the next Blender is there.
    with held(worker_of(worked_by)):
        *_, job = first.do("submit()")["jobs"]
        if ends == "quits":
            first.quit()
        else:
            first.process.kill()
            first.process.wait()
        following = prepared()
    assert following.first["connected"]
    assert job in following.first["jobs"]
    assert backend_runs() == worked_by
    after = following.do(f"go_on({job!r})")
    assert after["jobs"][job] == "used"
    assert len(after["strips"]) == 1
    assert backend_runs() == worked_by
    following.quit()
    await_its_end(240)


def test_two_blenders_leave_each_others_jobs_alone(prepared: Callable[[], OtherBlender]) -> None:
    first = prepared()
    *_, job = first.do("submit()")["jobs"]
    second = prepared()
    assert job not in second.first["jobs"]
    assert first.do(f"go_on({job!r})")["jobs"][job] == "used"
    assert second.do("look()")["strips"] == []
    first.quit()
    second.quit()


def test_a_blender_starts_where_the_lock_on_the_journal_is_not_to_be_had(extension: ModuleType) -> None:
    from bl_ext.user_default.parascale.jobs import journal, session

    from parascale.link.start_lock import StartLock

    known = {*session.current().jobs}
    with StartLock(journal.folder() / "taking-over"):
        another = session.Session()
    another.presence.leave()
    assert {key for key in known if not session.current().jobs[key].is_open} <= {*another.jobs}


def test_jobs_taken_over_belong_to_the_one_that_took_them(prepared: Callable[[], OtherBlender]) -> None:
    first = prepared()
    *_, job = first.do("submit()")["jobs"]
    first.process.kill()
    first.process.wait()
    second = prepared()
    assert job in second.first["jobs"]
    third = prepared()
    assert job not in third.first["jobs"]
    assert second.do(f"go_on({job!r})")["jobs"][job] == "used"
    assert third.do("look()")["strips"] == []
    second.quit()
    third.quit()
