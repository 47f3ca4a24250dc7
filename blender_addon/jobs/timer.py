"""The timer that takes in what the backend sends, a bounded batch at a time, and inserts the results that arrive."""

import time
from contextlib import nullcontext

import bpy

from .. import tasks
from ..advice import sentence
from ..scene import geometry, move_films, move_library
from ..settings.preferences import backend_choice
from . import job_list, session
from .connection import has_link
from .journal import Job

INTERVAL_SECONDS = 0.1


def on_timer() -> float:
    """Take in one batch of messages and insert the results that have arrived, once Blender is idle in Object Mode."""
    now = session.current()
    _take_up_earlier_jobs(now)
    changed = bool(now.poll())
    # All jobs each time: a result waits until its file is opened again, and until nobody is in the middle of something.
    arrived = [job for job in now.jobs.values() if job.state == "fetched" and job.id not in now.claimed]
    if arrived and tasks.is_idle():
        for job in arrived:
            if now.belongs_to_open_file(job):
                _insert(now, job)
                changed = True
    if tasks.is_idle() and _take_up_moves():
        changed = True
    if move_films.play() or changed or geometry.is_unsettled():
        tasks.redraw_panels()
    job_list.update()
    return INTERVAL_SECONDS


def _take_up_earlier_jobs(now: session.Session) -> None:
    """Connect again, once, where an earlier Blender left jobs open: its backend may have ended since."""
    if now.has_looked_back or bpy.app.background:
        return
    now.has_looked_back = True
    if now.pending_jobs() and has_link() and not now.connection.is_open and backend_choice() is not None:
        tasks.start(tasks.Task("Taking up earlier jobs", now.connect(), lambda: None))


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def _on_load(_path: str) -> None:
    session.current().file_opened = time.time()


HANDLERS = ((bpy.app.handlers.load_post, _on_load),)


def _take_up_moves() -> bool:
    """Make moves dropped from the library the reference, and calibrate by the last one where a camera can start.

    Returns whether there were any.
    """
    windows = list(bpy.data.window_managers[0].windows)
    layers: list[bpy.types.ViewLayer | None] = [window.view_layer for window in windows] or [bpy.context.view_layer]
    # What is dropped on a viewport is its active object.
    dropped = [layer is not None and move_library.is_dropped(layer.objects.active) for layer in layers]
    if not any(dropped):
        return False
    try:
        with bpy.context.temp_override(window=windows[dropped.index(True)]) if windows else nullcontext():
            ours = bpy.ops.parascale  # type: ignore[attr-defined]  # ours
            ours.take_up_moves("EXEC_DEFAULT", True)
            if ours.create_camera.poll():
                ours.create_camera("INVOKE_DEFAULT", True)
    except RuntimeError as error:
        # Said, as a timer that fails is never called again.
        tasks.tell(f"ParaScale: {sentence(str(error).removeprefix('Error: '))}")
    return True


def _insert(now: session.Session, job: Job) -> None:
    """Call the operator, which makes the insertion one undo step."""
    try:
        windows = bpy.data.window_managers[0].windows
        with bpy.context.temp_override(window=bpy.context.window or windows[0]) if len(windows) else nullcontext():
            # A report changes nothing that could be undone.
            undone = job.kind != "report"
            bpy.ops.parascale.insert_result("EXEC_DEFAULT", undone, job_id=job.id)  # type: ignore[attr-defined]  # ours
    except RuntimeError as error:
        if job.state != "failed":
            now.set_state(job, "failed", sentence(str(error).removeprefix("Error: ")))
