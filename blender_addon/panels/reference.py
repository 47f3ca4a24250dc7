"""Where a reference comes from, and which one the tab works on."""

import bpy

from ..jobs import job_list, session, thumbnails
from ..jobs.connection import has_link
from ..jobs.journal import Job
from ..scene.example_moves import MOVES
from ..scene.move_films import icon_of_move
from ..scene.reference_camera import last_made
from ..settings import settings_of_scene
from ..settings.preferences import ADDON
from ..stubs import Context, Layout
from .common import TabPanel, header, wrapped


class PARASCALE_MT_shots(bpy.types.Menu):
    layout: Layout
    bl_label = "Choose a Shot"

    def draw(self, context: Context) -> None:
        job = job_list.chosen_job()
        if job is None:
            return
        self.layout.operator_context = "INVOKE_DEFAULT"
        for number in range(len(job.shots)):
            icon = thumbnails.icon_of_shot(job, number)
            _draw_choice(self.layout, job, number, **({"icon_value": icon} if icon else {"icon": "FILE_MOVIE"}))


def draw_shots(layout: Layout, job: Job) -> None:
    """Offer the shots of a clip that holds several, each with its picture."""
    layout.operator_context = "INVOKE_DEFAULT"
    for number in range(len(job.shots)):
        column = layout.column(align=True)
        icon = thumbnails.icon_of_shot(job, number)
        if icon:
            column.template_icon(icon, scale=4.0)
        _draw_choice(column, job, number, icon="FILE_MOVIE")


def _draw_choice(layout: Layout, job: Job, number: int, **icon: str | int) -> None:
    start, end = job.shots[number].split(":")
    text = f"Shot {number + 1}: frames {start} to {int(end) - 1}"
    button = layout.operator("parascale.retry_job", text=text, **icon)
    button.job_id, button.shot = job.id, job.shots[number]


def last_solve() -> Job | None:
    """Return the solve that was asked for last in the open file; None where a reference was made since."""
    now = session.current()
    newest = now.newest_jobs(job_list.MAX_SHOWN)
    last = next((job for job in newest if job.kind == "solve" and now.belongs_to_open_file(job)), None)
    return last if last is not None and last.created > last_made() else None


def unchosen_clip() -> Job | None:
    """Return the clip of several shots that was refused last; None where a reference was asked for or made since."""
    last = last_solve()
    return last if last is not None and last.shots else None


class PARASCALE_PT_reference(TabPanel):
    bl_label = ""
    bl_order = 0

    def draw_header(self, context: Context) -> None:
        reference = settings_of_scene(context.scene).reference
        name = reference.name.removesuffix(" Reference") if reference else ""
        self.layout.label(text=header("Reference", name), icon="FILE_MOVIE")

    def draw(self, context: Context) -> None:
        state = settings_of_scene(context.scene)
        begins = state.reference is None
        column = self.layout.column(align=True)
        first = column.row(align=True)
        first.scale_y = 1.4 if begins else 1.0
        if begins and has_link() and not session.has_backend():
            first.operator("preferences.addon_show", text="Choose a Backend", icon="PREFERENCES").module = ADDON
        else:
            first.operator("parascale.solve_clip", icon="TRACKER")
        row = column.row(align=True)
        row.operator("parascale.import_shot", text="Import", icon="IMPORT")
        row.operator("parascale.use_camera", text="Use Camera", icon="OUTLINER_DATA_CAMERA")
        row = column.row(align=True)
        text = "Try an Example Move" if begins else "Example Move"
        row.operator_menu_enum("parascale.use_example", "move", text=text, icon="CON_FOLLOWPATH")
        row.operator("parascale.add_moves", text="", icon="ASSET_MANAGER")
        refused = unchosen_clip()
        if refused is not None:
            box = self.layout.box()
            wrapped(box, f"{refused.title} holds {len(refused.shots)} shots: choose one", icon="INFO")
            draw_shots(box, refused)
        elif (last := last_solve()) is not None and thumbnails.refusal_picture(last) is not None:
            wrapped(self.layout, last.message, icon="ERROR")
            self.layout.operator("parascale.show_why", icon="IMAGE_DATA").job_id = last.id
        elif begins:
            wrapped(self.layout, f"Start here: {_next_step()}", icon="INFO")
        if not begins:
            row = self.layout.row(align=True)
            row.prop(state, "reference", text="")
            row.operator_menu_enum("parascale.edit_reference", "edit", text="", icon="MODIFIER")
            row.operator("parascale.save_as_asset", text="", icon="ASSET_MANAGER")


def _next_step() -> str:
    """Say what comes first in a file without a reference."""
    if not has_link():
        return "bring a camera path in; this build solves no clips"
    return "drop a clip on the view" if session.has_backend() else "choose a backend, which solves clips"


class PARASCALE_PT_moves(TabPanel):
    bl_label = "Moves"
    bl_parent_id = "PARASCALE_PT_reference"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        grid = self.layout.grid_flow(row_major=True, columns=0, even_columns=True, even_rows=True, align=True)
        for move in MOVES.values():
            cell = grid.column(align=True)
            icon = icon_of_move(move.name)
            if icon:
                cell.template_icon(icon, scale=4.0)
            cell.operator("parascale.use_example", text=move.label).move = move.name
        self.layout.operator("parascale.add_moves", icon="ASSET_MANAGER")
