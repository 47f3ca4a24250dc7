"""A photo as the target."""

import bpy

from ..scene.photo import PhotoDepth, depth_of_photo
from ..scene.report import number
from ..settings import settings_of_scene
from ..stubs import Context, Layout
from .common import TabPanel, length, split, wrapped


class PARASCALE_PT_photo(TabPanel):
    bl_label = "Image"
    bl_parent_id = "PARASCALE_PT_target"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        scene = context.scene
        asked = settings_of_scene(scene).photo
        layout = split(self.layout)
        layout.prop(asked, "picture")
        layout.prop(asked, "source")
        if asked.source == "MODEL":
            layout.prop(asked, "model")
        elif asked.source == "FILE":
            layout.prop(asked, "depth_path")
            layout.prop(asked, "depth_scale")
        else:
            layout.prop(asked, "distance")
        layout.prop(asked, "fov")
        text = "Estimate Depth" if asked.source == "MODEL" else "Use Depth"
        layout.operator("parascale.estimate_depth", text=text, icon="IMAGE_DATA")
        found = depth_of_photo(scene)
        if found is not None:
            _draw_found(layout.column(align=True), scene, found)


def _draw_found(column: Layout, scene: bpy.types.Scene, found: PhotoDepth) -> None:
    depths = (found.near, found.median, found.far)
    shown = [f"{value:.3g}" if found.relative else length(scene, value) for value in depths]
    column.label(text=f"Depth {' / '.join(shown)}")
    column.label(text=f"at 10, 50, 90 % of the surface ({found.cover:.0%})")
    column.label(text=f"by {found.source}")
    low, high = 1 / (1 + found.uncertainty), 1 / (1 - found.uncertainty)
    column.label(text=f"Known to ±{found.uncertainty:.0%}: P ×{low:.2f} to ×{high:.2f}")
    camera = settings_of_scene(scene).camera
    p = camera.get("parallax_number") if camera is not None else None
    if p:
        column.label(text=f"Here P {number(p)}, or {number(p * low)} to {number(p * high)}")
    if found.relative:
        wrapped(column, "Relative depth: the median is set to 1, and the shift is assumed to be 0", icon="INFO")


CLASSES = (PARASCALE_PT_photo,)
