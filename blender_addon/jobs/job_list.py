"""The jobs as the interface lists them: on the window manager, which undo does not change."""

from typing import Protocol, cast

import bpy

from ..typed_properties import BoolProperty, CollectionProperty, IntProperty, StringProperty
from . import session
from .journal import Job

MAX_SHOWN = 50


class JobItem(bpy.types.PropertyGroup):
    """One line of the list; the session has the job."""

    job_id: str = StringProperty()


class _JobList(Protocol):
    parascale_jobs: "bpy.types.bpy_prop_collection_idprop[JobItem]"
    parascale_job: int
    parascale_other_files: bool


PROPERTIES = (
    (bpy.types.WindowManager, "parascale_jobs", CollectionProperty(type=JobItem)),
    (
        bpy.types.WindowManager,
        "parascale_other_files",
        BoolProperty(name="Other Files", description="Also list the jobs that were submitted from other files"),
    ),
    (bpy.types.WindowManager, "parascale_job", IntProperty(name="Job", description="The job whose details are shown")),
)


def update() -> None:
    """Bring the list up to the open file's jobs, or all, the newest first; the chosen job stays chosen."""
    shown, now = _shown(), session.current()
    wanted = [
        job.id
        for job in now.newest_jobs(MAX_SHOWN)
        if shown.parascale_other_files or job.is_open or now.belongs_to_open_file(job)
    ]
    before = [item.job_id for item in shown.parascale_jobs]
    if before == wanted:
        return
    kept = before[shown.parascale_job] if 0 <= shown.parascale_job < len(before) else None
    shown.parascale_jobs.clear()
    for job_id in wanted:
        shown.parascale_jobs.add().job_id = job_id
    newest_is_new = bool(wanted) and wanted[0] not in before
    shown.parascale_job = wanted.index(kept) if kept in wanted and not newest_is_new else 0


def choose(job: Job) -> None:
    """Choose a job in the list."""
    update()
    shown = _shown()
    shown.parascale_job = [item.job_id for item in shown.parascale_jobs].index(job.id)


def chosen_job() -> Job | None:
    """Return the job whose line is chosen; None if there is none."""
    shown = _shown()
    if not 0 <= shown.parascale_job < len(shown.parascale_jobs):
        return None
    return session.current().jobs.get(shown.parascale_jobs[shown.parascale_job].job_id)


def _shown() -> _JobList:
    return cast("_JobList", bpy.data.window_managers[0])
