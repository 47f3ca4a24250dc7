"""What can be done with any animated camera."""

import json

from ..scene.calibrated_camera import MethodResult
from ..scene.cameras import chosen_camera
from ..scene.edited_reference import EDITS
from ..scene.report import number
from ..settings import settings_of_scene
from ..settings.choices import METHODS
from ..stubs import Context, Layout
from .common import TabPanel, header


class PARASCALE_PT_tools(TabPanel):
    bl_label = ""
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: Context) -> None:
        camera = chosen_camera(context)
        self.layout.label(text=header("Tools", camera.name if camera else ""), icon="TOOL_SETTINGS")

    def draw(self, context: Context) -> None:
        column = self.layout.column(align=True)
        column.operator("parascale.retime", icon="TIME")
        column.operator("parascale.export_path", icon="EXPORT")
        column.operator("parascale.bake", icon="KEYTYPE_KEYFRAME_VEC")
        reference = settings_of_scene(context.scene).reference
        if reference is None:
            return
        column = self.layout.column(align=True)
        column.label(text=f"Edit {reference.name}:", icon="MODIFIER")
        grid = column.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        for edit in EDITS.values():
            grid.operator("parascale.edit_reference", text=edit.label).edit = edit.name


class PARASCALE_PT_research(TabPanel):
    bl_label = "Research"
    bl_parent_id = "PARASCALE_PT_tools"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.operator("parascale.compare_methods", icon="LINENUMBERS_ON")
        comparison = settings_of_scene(context.scene).comparison
        if not comparison:
            return
        rows: list[MethodResult] = json.loads(comparison)
        names = {name: label for name, label, _ in METHODS}
        column = layout.column(align=True)
        _draw_row(column, "Method", ["PCE", "Felt", "Jump"])
        for row in rows:
            found = [row.get("pce"), row.get("felt_error"), row.get("largest_jump")]
            _draw_row(column, names[row["method"]], ["-" if value is None else number(value, 2) for value in found])


def _draw_row(column: Layout, name: str, values: list[str]) -> None:
    line = column.split(factor=0.37, align=True)
    line.label(text=name)
    cells = line.row(align=True)
    for value in values:
        cells.label(text=value)
