"""The jobs as the interface lists them: on the window manager, which no undo touches."""

from typing import Any

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from . import session
from .journal import Job

SHOWN = 50


class JobItem(bpy.types.PropertyGroup):
    """One line of the list; all else is in the session."""

    job_id: StringProperty()


CLASSES = (JobItem,)


def attach() -> None:
    """Give window managers the list."""
    window_manager: Any = bpy.types.WindowManager
    window_manager.parascale_jobs = CollectionProperty(type=JobItem)
    window_manager.parascale_job = IntProperty(name="Job", description="The job whose details are shown")


def detach() -> None:
    """Undo `attach`."""
    window_manager: Any = bpy.types.WindowManager
    del window_manager.parascale_jobs
    del window_manager.parascale_job


def sync() -> None:
    """Bring the list up to the session's jobs, the newest first; the chosen one stays chosen."""
    window_manager: Any = bpy.context.window_manager
    wanted = [job.id for job in session.newest_jobs(SHOWN)]
    items = window_manager.parascale_jobs
    shown = [item.job_id for item in items]
    if shown == wanted:
        return
    chosen = window_manager.parascale_job
    kept = shown[chosen] if 0 <= chosen < len(shown) else None
    items.clear()
    for job_id in wanted:
        items.add().job_id = job_id
    newest_is_new = bool(wanted) and wanted[0] not in shown
    window_manager.parascale_job = 0 if newest_is_new or kept not in wanted else wanted.index(kept)


def chosen_job() -> Job | None:
    """Return the job whose line is chosen; None where there is none."""
    window_manager: Any = bpy.context.window_manager
    items, chosen = window_manager.parascale_jobs, window_manager.parascale_job
    if not 0 <= chosen < len(items):
        return None
    return session.find_job(items[chosen].job_id)
