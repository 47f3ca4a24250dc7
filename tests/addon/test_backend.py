"""Finding, starting and losing the backend."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import pytest

pytestmark = pytest.mark.timeout(900)  # more than its waits together


@pytest.fixture
def ready(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> bpy.types.Scene:
    """The desk with a calibrated camera, small quick pictures asked for, and no backend yet."""
    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=9)))
    bpy.ops.parascale.create_camera()
    desk.parascale.long_side, desk.parascale.workbench = 128, True
    if bpy.ops.parascale.stop_backend.poll():
        bpy.ops.parascale.stop_backend()
    from parascale.link.local import find_backend

    # It ends by itself once nobody is connected and nothing is left to do.
    end = time.monotonic() + 240
    while find_backend() is not None and time.monotonic() < end:
        time.sleep(0.1)
    return desk


def test_no_backend_is_said_before_anything_else(
    ready: bpy.types.Scene, preferences: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    preferences.executable = ""
    with pytest.raises(RuntimeError, match="No backend: set it in Preferences"):
        bpy.ops.parascale.generate()
    with pytest.raises(RuntimeError, match="No backend: set it in Preferences"):
        bpy.ops.parascale.solve_clip(filepath="clip.mp4")


@pytest.mark.parametrize("content", [None, "#!/bin/sh\necho no such command >&2; exit 2\n"])
def test_executable_that_is_no_backend_is_named_in_one_sentence(
    ready: bpy.types.Scene, preferences: Any, tmp_path: Path, content: str | None
) -> None:
    executable = tmp_path / "parascale"
    if content:
        executable.write_text(content)
        executable.chmod(0o755)
    preferences.executable = str(executable)
    with pytest.raises(RuntimeError, match=r"o backend can be started|backend did not start") as caught:
        bpy.ops.parascale.generate()
    assert len(str(caught.value).strip().splitlines()) == 1


def test_backend_on_path_is_found(
    ready: bpy.types.Scene, preferences: Any, backend: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(preferences.executable).parent), prepend=":")
    preferences.executable = ""
    assert bpy.ops.parascale.test_backend() == {"FINISHED"}
    assert bpy.ops.parascale.stop_backend() == {"FINISHED"}
    assert not bpy.ops.parascale.stop_backend.poll()


@pytest.mark.slow
def test_backend_killed_during_the_job_is_said_and_the_job_is_found_again(
    ready: bpy.types.Scene, backend: None, extension: Any
) -> None:
    from bl_ext.user_default.parascale.jobs import session

    from parascale.errors import InputError

    bpy.ops.parascale.start_backend()
    now = session.current()
    ready.parascale.long_side, ready.parascale.frames, ready.parascale.fps = 320, 600, 1600.0
    bpy.ops.parascale.submit()
    job = now.jobs[ready.parascale.job_id]

    end = time.monotonic() + 240
    while job.state != "running" and time.monotonic() < end:
        now.poll()
    now.connection.backend.process.kill()
    now.connection.backend.process.wait()
    with pytest.raises(InputError, match="backend has ended"):
        for _ in now.follow_job(job):
            pass
    assert job.is_open
    bpy.ops.parascale.poll_jobs(wait=True)
    assert job.state == "fetched", job.message
    assert bpy.ops.parascale.insert_result() == {"FINISHED"}


def test_cancelled_job_says_so(ready: bpy.types.Scene, backend: None, extension: Any) -> None:
    from bl_ext.user_default.parascale.jobs import session

    now = session.current()
    ready.parascale.long_side, ready.parascale.frames, ready.parascale.fps = 320, 600, 1600.0
    # While it waits, and in the middle of its work.
    for state in ("submitted", "running"):
        bpy.ops.parascale.submit()
        job = now.jobs[ready.parascale.job_id]
        end = time.monotonic() + 240
        while job.state in ("submitted", "queued") and state == "running" and time.monotonic() < end:
            now.poll()
        assert state in ("submitted", job.state)
        assert bpy.ops.parascale.cancel_job() == {"FINISHED"}
        bpy.ops.parascale.poll_jobs(wait=True)
        assert (job.state, job.phase, job.message) == ("cancelled", "", "Cancelled: Retry starts it again")
    with pytest.raises(RuntimeError, match="no result"):
        bpy.ops.parascale.insert_result()


def test_jobs_outlive_the_session(ready: bpy.types.Scene, preferences: Any, backend: None, extension: Any) -> None:
    from bl_ext.user_default.parascale.jobs import session

    bpy.ops.parascale.submit()
    job_id = ready.parascale.job_id
    # Until the backend has all of it, a client that leaves takes it along.
    job, end = session.current().jobs[job_id], time.monotonic() + 240
    while job.state in ("submitted", "queued") and time.monotonic() < end:
        session.current().poll()
    executable = preferences.executable
    bpy.ops.preferences.addon_disable(module=extension.__name__)
    bpy.ops.preferences.addon_enable(module=extension.__name__)
    bpy.context.preferences.addons[extension.__name__].preferences.executable = executable
    from bl_ext.user_default.parascale.jobs import session

    assert session.current().jobs[job_id].is_open
    bpy.ops.parascale.poll_jobs(wait=True)
    assert session.current().jobs[job_id].state == "fetched"


def test_a_remote_backend_that_cannot_be_reached_says_what_is_wrong(
    ready: bpy.types.Scene, preferences: Any, tmp_path: Path
) -> None:
    import socket

    from parascale.link.keys import server_keys

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        addresses = {
            f"tcp://127.0.0.1:{port}": "nothing listens on its port",
            "tcp://127.0.0.1": "is no address",
            f"tcp://127.0.0.1:{silent.getsockname()[1]}": "answers",
        }
        server_keys()
        try:
            for address, part in addresses.items():
                preferences.address = address
                with pytest.raises(RuntimeError, match=part) as caught:
                    bpy.ops.parascale.test_backend()
                assert len(str(caught.value).strip().splitlines()) == 1
        finally:
            preferences.address = ""


def test_unreadable_journal_entry_is_stepped_over(extension: Any, backend: None) -> None:
    from bl_ext.user_default.parascale.jobs import journal

    broken = journal.folder() / "0123.json"
    broken.write_text('{"id": ')
    try:
        assert "0123" not in journal.load()
        assert broken.exists()
    finally:
        broken.unlink()
