"""What is under way, above all else: how far, how long still, what it looks like, and a button that stops it."""

import time

from .. import tasks
from ..jobs import session, thumbnails
from ..jobs.journal import UNDER_WAY, Job
from ..stubs import Context, Layout
from .common import TabPanel, time_left, wrapped


def jobs_under_way() -> list[Job]:
    """Return the open file's jobs that the backend still works on."""
    now = session.current()
    return [job for job in now.jobs.values() if job.state in UNDER_WAY and now.belongs_to_open_file(job)]


class PARASCALE_PT_progress(TabPanel):
    bl_label = "Progress"
    bl_options = {"HIDE_HEADER"}
    bl_order = -1

    @classmethod
    def poll(cls, context: Context) -> bool:
        return tasks.current() is not None or bool(tasks.trouble()) or bool(jobs_under_way())

    def draw(self, context: Context) -> None:
        layout = self.layout
        task = tasks.current()
        if task is not None:
            left = time_left(task.seconds_left())
            _draw_bar(layout, task.label, task.fraction, ", ".join(filter(None, [task.phase, left])))
            layout.operator("parascale.cancel_work", icon="X")
        if tasks.trouble():
            wrapped(layout, tasks.trouble(), icon="ERROR", alert=True)
            layout.operator("parascale.cancel_work", text="Dismiss", icon="CHECKMARK")
        for job in jobs_under_way():
            left = time_left(job.seconds_left(time.time()))
            _draw_bar(layout, job.title, job.fraction, ", ".join(filter(None, [job.phase or job.state, left])))
            icon = thumbnails.icon_of(job)
            if icon:
                layout.template_icon(icon, scale=5.0)
            layout.operator("parascale.cancel_job", text="Cancel", icon="X").job_id = job.id


def _draw_bar(layout: Layout, label: str, fraction: float, text: str) -> None:
    column = layout.column(align=True)
    column.label(text=label)
    column.progress(factor=fraction, text=text)
