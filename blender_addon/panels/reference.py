"""Where a reference comes from, and which one the tab works on."""

import bpy

from ..jobs import job_list
from ..settings import settings_of_scene
from ..stubs import Context, Layout
from .common import TabPanel, header


class PARASCALE_MT_shots(bpy.types.Menu):
    layout: Layout
    bl_label = "Choose a Shot"

    def draw(self, context: Context) -> None:
        self.layout.operator_context = "INVOKE_DEFAULT"
        job = job_list.chosen_job()
        if job is None:
            return
        for number, shot in enumerate(job.shots, 1):
            start, end = shot.split(":")
            button = self.layout.operator(
                "parascale.retry_job", text=f"Shot {number}: frames {start} to {int(end) - 1}", icon="FILE_MOVIE"
            )
            button.job_id, button.shot = job.id, shot


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
        if state.reference is None:
            self.layout.label(text="Start here: bring in a shot", icon="INFO")
        else:
            self.layout.prop(state, "reference", text="")
