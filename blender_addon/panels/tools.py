"""What can be done with any animated camera."""

import json
from typing import Any

from .. import properties, sampling
from ..stubs import Context
from .common import TabPanel, header, number


class PARASCALE_PT_tools(TabPanel):
    bl_label = ""
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: Context) -> None:
        camera = sampling.chosen_camera(context)
        self.layout.label(text=header("Tools", camera.name if camera else ""), icon="TOOL_SETTINGS")

    def draw(self, context: Context) -> None:
        column = self.layout.column(align=True)
        column.operator("parascale.retime", icon="TIME")
        column.operator("parascale.export_path", icon="EXPORT")
        column.operator("parascale.bake", icon="KEYTYPE_KEYFRAME_VEC")


class PARASCALE_PT_research(TabPanel):
    bl_label = "Research"
    bl_parent_id = "PARASCALE_PT_tools"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.operator("parascale.compare_methods", icon="LINENUMBERS_ON")
        comparison = properties.of_scene(context.scene).comparison
        if comparison:
            _draw_table(layout, json.loads(comparison))


def _draw_table(layout: Any, rows: list[dict[str, Any]]) -> None:
    grid = layout.grid_flow(row_major=True, columns=4, even_columns=False, align=True)
    for text in ("Method", "PCE", "Felt", "Jump"):
        grid.label(text=text)
    for row in rows:
        grid.label(text=row["method"])
        for name in ("pce", "felt_error", "largest_jump"):
            grid.label(text="-" if row.get(name) is None else number(row[name]))


CLASSES = (PARASCALE_PT_tools, PARASCALE_PT_research)
