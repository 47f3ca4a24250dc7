"""Generate video along the calibrated move, and the jobs that do so."""

import time
from pathlib import Path
from typing import cast

import bpy

from ..jobs import job_list, session, thumbnails
from ..jobs.connection import has_link
from ..jobs.journal import UNDER_WAY, Job
from ..jobs.results import active_request
from ..scene.pictures import describe_current_image
from ..scene.report import number
from ..settings import settings_of_scene
from ..settings.generators import find_generator, parameter_values, parameters_of
from ..settings.preferences import ADDON
from ..stubs import Context, Layout
from .common import TabPanel, header, split, time_left, wrapped

CLASS_NOTES = {
    "B": "Works in metres: the scene's unit scale counts",
    "C": "This model erases scale: calibration has no effect on it",
}
KINDS = {"solve": "Solve", "generate": "Video", "depth": "Depth", "report": "Report"}
ICONS = {
    "done": "IMPORT",
    "fetched": "IMPORT",
    "used": "CHECKMARK",
    "failed": "ERROR",
    "cancelled": "X",
    "lost": "ERROR",
}


class PARASCALE_PT_generate(TabPanel):
    bl_label = ""
    bl_order = 2

    def draw_header(self, context: Context) -> None:
        now = session.current()
        count = sum(job.state in UNDER_WAY for job in now.newest_jobs(job_list.MAX_SHOWN))
        state = f"{count} under way" if count else "" if now.connection.is_open else "no backend"
        self.layout.label(text=header("Generate", state), icon="RENDER_ANIMATION")

    def draw(self, context: Context) -> None:
        scene = context.scene
        state = settings_of_scene(scene)
        layout = split(self.layout)
        if not has_link():
            wrapped(layout, "This build has no link to a backend: install the one for your Blender", icon="INFO")
            return
        layout.prop(state, "generator", icon="SHADERFX")
        _draw_class(layout, state.generator)
        layout.prop(state, "prompt")
        layout.prop(state, "seed")
        layout.prop(state, "picture")
        if state.picture == "FILE":
            layout.prop(state, "picture_path")
        elif state.picture == "IMAGE":
            wrapped(layout, describe_current_image(), icon="IMAGE_DATA")
        elif state.picture == "RENDER":
            layout.prop(state, "workbench")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("parascale.generate", icon="RENDER_ANIMATION")
        layout.operator("parascale.render_shot", icon="RENDER_STILL")
        layout.operator("parascale.show_result", icon="SEQUENCE")
        row = layout.row(align=True)
        connection = session.current().connection
        icon, buttons = ("LINKED", 0) if connection.is_open else ("UNLINKED", 2)
        wrapped(row, connection.describe(), icon=icon, buttons=buttons)
        if not connection.is_open:
            row.operator("parascale.start_backend", text="", icon="PLAY")
            row.operator("preferences.addon_show", text="", icon="PREFERENCES").module = ADDON


class PARASCALE_PT_parameters(TabPanel):
    bl_label = "Parameters"
    bl_parent_id = "PARASCALE_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return has_link()

    def draw(self, context: Context) -> None:
        scene = context.scene
        state = settings_of_scene(scene)
        layout = split(self.layout)
        for name in ("long_side", "fps", "frames"):
            layout.prop(state, name)
        group = parameters_of(scene, state.generator)
        if group is None:
            known = find_generator(state.generator)
            text = f"{state.generator} has no parameters of its own" if known else "Start the backend to see its own"
            wrapped(layout, text, icon="INFO")
            return
        for name in parameter_values(scene, state.generator):
            layout.prop(group, name)


class PARASCALE_UL_jobs(bpy.types.UIList):
    def draw_item(  # type: ignore[override]
        self, context: Context, layout: Layout, data: object, item: job_list.JobItem, icon: int, owner: object, key: str
    ) -> None:
        job = session.current().jobs.get(item.job_id)
        if job is None:
            return
        row = layout.row(align=True)
        if job.state in UNDER_WAY:
            left = time_left(job.seconds_left(time.time())) or job.phase or job.state
            row.progress(factor=job.fraction, text=f"{job.title} {left}")
            row.operator("parascale.cancel_job", text="", icon="X", emboss=False).job_id = job.id
        else:
            # The icon tells that a result is in use, and a long name needs the room.
            state = "" if job.state == "used" else f": {_state(job)}"
            row.label(text=f"{KINDS.get(job.kind, job.kind)} {job.title}{state}", icon=ICONS[job.state])


class PARASCALE_PT_jobs(TabPanel):
    bl_label = "Jobs"
    bl_parent_id = "PARASCALE_PT_generate"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return has_link() and bool(session.current().jobs)

    def draw(self, context: Context) -> None:
        layout = self.layout
        manager = context.window_manager
        row = layout.row()
        row.template_list("PARASCALE_UL_jobs", "", manager, "parascale_jobs", manager, "parascale_job", rows=3)
        column = row.column(align=True)
        column.operator("parascale.poll_jobs", text="", icon="FILE_REFRESH")
        column.prop(manager, "parascale_other_files", text="", icon="FILE_FOLDER")
        job = job_list.chosen_job()
        if job is None:
            return
        box = layout.box()
        icon = thumbnails.icon_of(job)
        if icon:
            box.template_icon(icon, scale=5.0)
        column = box.column(align=True)
        column.active = False
        column.label(text=time.strftime("%d %b %Y, %H:%M", time.localtime(job.created)))
        column.label(text=Path(job.blend).name or "not saved", icon="FILE_BLEND")
        wrapped(box, job.message or job.phase or _state(job))
        if job.remedy == "extra":
            extras = ",".join(job.choices) or "solve,preview"
            box.operator("parascale.copy_install_command", icon="COPYDOWN").extras = extras
        if job.remedy == "weights" and job.choices:
            box.operator("parascale.copy_fetch_command", icon="COPYDOWN").weights = job.choices[0]
        if thumbnails.refusal_picture(job) is not None:
            box.operator("parascale.show_why", icon="IMAGE_DATA").job_id = job.id
        row = box.row(align=True)
        if job.has_result:
            text = "Insert" if job.state == "fetched" else "Insert Again"
            shown = {"text": "Open", "icon": "URL"} if job.kind == "report" else {"text": text, "icon": "SEQUENCE"}
            row.operator("parascale.insert_result", **shown).job_id = job.id
        if job.state in UNDER_WAY:
            row.operator("parascale.cancel_job", text="Cancel", icon="X").job_id = job.id
        else:
            if job.shots:
                row.menu("PARASCALE_MT_shots", icon="FILE_MOVIE")
            row.operator("parascale.retry_job", icon="LOOP_BACK").job_id = job.id
            row.operator("parascale.forget_job", text="", icon="TRASH").job_id = job.id


class PARASCALE_PT_strip(TabPanel):
    bl_label = "ParaScale Result"
    bl_space_type = "SEQUENCE_EDITOR"  # type: ignore[assignment]  # the tab is in the 3D View

    @classmethod
    def poll(cls, context: Context) -> bool:
        return active_request(context) is not None

    def draw(self, context: Context) -> None:
        request = active_request(context)
        if request is None:
            return
        if "generator" not in request:
            self.layout.label(text=f"Rendered from {request.get('camera')}")
            return
        column = self.layout.column(align=True)
        column.label(text=f"{request.get('generator')}, seed {request.get('seed')}")
        column.label(text=f"{request.get('frames')} frames at {request.get('fps', 0):g} a second")
        if request.get("prompt"):
            wrapped(column, str(request["prompt"]))
        known = [p for p in cast("list[float | None]", request.get("parallax_number", [])) if p is not None]
        if known:
            column.label(text=f"P requested: {number(min(known))} to {number(max(known))}")
        self.layout.operator("parascale.generate_again", icon="FILE_REFRESH")


def _draw_class(layout: Layout, name: str) -> None:
    known = find_generator(name)
    if known is not None and known.scale_class in CLASS_NOTES:
        wrapped(layout, CLASS_NOTES[known.scale_class], icon="ERROR" if known.scale_class == "C" else "INFO")


def _state(job: Job) -> str:
    used = "opened" if job.kind == "report" else "inserted"
    return {"used": used, "fetched": "ready to insert", "done": "fetching"}.get(job.state, job.state)
