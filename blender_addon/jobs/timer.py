"""The timer that takes in what the backend sends, a bounded batch at a time, and inserts the results that arrive."""

import time

import bpy

from ..advice import sentence
from . import job_list, session
from .journal import Job

INTERVAL_SECONDS = 0.1


def on_timer() -> float:
    """Take in one batch of messages and insert the results that have arrived."""
    now = session.current()
    changed = bool(now.poll())
    # All jobs each time: a result waits until its file is opened again.
    for job in list(now.jobs.values()):
        if job.state == "fetched" and job.id not in now.claimed and now.belongs_to_open_file(job):
            _insert(now, job)
            changed = True
    if changed:
        areas = [area for window in bpy.data.window_managers[0].windows for area in window.screen.areas]
        for area in areas:
            if area.type in ("VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
    job_list.update()
    return INTERVAL_SECONDS


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def _on_load(_path: str) -> None:
    session.current().file_opened = time.time()


HANDLERS = ((bpy.app.handlers.load_post, _on_load),)


def _insert(now: session.Session, job: Job) -> None:
    """Call the operator, which makes the insertion one undo step."""
    try:
        bpy.ops.parascale.insert_result("EXEC_DEFAULT", True, job_id=job.id)  # type: ignore[attr-defined]  # ours
    except RuntimeError as error:
        if job.state != "failed":
            now.set_state(job, "failed", sentence(str(error).removeprefix("Error: ")))
