"""Where a reference comes from, and which one the tab works on."""

import bpy

from ..jobs import job_list, session
from ..jobs.journal import Job
from ..settings import settings_of_scene
from ..stubs import Context, Layout
from .common import TabPanel, header, wrapped


class PARASCALE_MT_shots(bpy.types.Menu):
    layout: Layout
    bl_label = "Choose a Shot"

    def draw(self, context: Context) -> None:
        job = job_list.chosen_job()
        if job is not None:
            draw_shots(self.layout, job)


def draw_shots(layout: Layout, job: Job) -> None:
    """Offer the shots of a clip that holds several."""
    layout.operator_context = "INVOKE_DEFAULT"
    for number, shot in enumerate(job.shots, 1):
        start, end = shot.split(":")
        text = f"Shot {number}: frames {start} to {int(end) - 1}"
        button = layout.operator("parascale.retry_job", text=text, icon="FILE_MOVIE")
        button.job_id, button.shot = job.id, shot


def unchosen_clip() -> Job | None:
    """Return the clip of several shots that was refused last; None where something was solved since."""
    solves = [job for job in session.current().newest_jobs(job_list.MAX_SHOWN) if job.kind == "solve"]
    return solves[0] if solves and solves[0].shots else None


class PARASCALE_PT_reference(TabPanel):
    bl_label = ""
    bl_order = 0

    def draw_header(self, context: Context) -> None:
        reference = settings_of_scene(context.scene).reference
        name = reference.name.removesuffix(" Reference") if reference else ""
        self.layout.label(text=header("Reference", name), icon="FILE_MOVIE")

    def draw(self, context: Context) -> None:
        state = settings_of_scene(context.scene)
        column = self.layout.column(align=True)
        column.operator("parascale.solve_clip", icon="TRACKER")
        row = column.row(align=True)
        row.operator("parascale.import_shot", text="Import", icon="IMPORT")
        row.operator("parascale.use_camera", text="Use Camera", icon="OUTLINER_DATA_CAMERA")
        column.operator_menu_enum("parascale.use_example", "move", icon="CON_FOLLOWPATH")
        refused = unchosen_clip()
        if refused is not None:
            box = self.layout.box()
            wrapped(box, f"{refused.title} holds {len(refused.shots)} shots: choose one", icon="INFO")
            draw_shots(box.column(align=True), refused)
        elif state.reference is None:
            self.layout.label(text="Start here: drop a clip on the view", icon="INFO")
        if state.reference is not None:
            row = self.layout.row(align=True)
            row.prop(state, "reference", text="")
            row.operator_menu_enum("parascale.edit_reference", "edit", text="", icon="MODIFIER")
