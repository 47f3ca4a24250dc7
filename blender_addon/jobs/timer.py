"""The timer that takes in what the backend sends, a bounded batch at a time, and inserts the results that arrive."""

import time
from contextlib import nullcontext

import bpy

from .. import tasks
from ..advice import sentence
from ..scene import geometry
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
    if changed or geometry.is_unsettled():
        areas = [area for window in bpy.data.window_managers[0].windows for area in window.screen.areas]
        for area in areas:
            if area.type in ("VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
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


def _insert(now: session.Session, job: Job) -> None:
    """Call the operator, which makes the insertion one undo step."""
    try:
        windows = bpy.data.window_managers[0].windows
        with bpy.context.temp_override(window=bpy.context.window or windows[0]) if len(windows) else nullcontext():
            bpy.ops.parascale.insert_result("EXEC_DEFAULT", True, job_id=job.id)  # type: ignore[attr-defined]  # ours
    except RuntimeError as error:
        if job.state != "failed":
            now.set_state(job, "failed", sentence(str(error).removeprefix("Error: ")))
