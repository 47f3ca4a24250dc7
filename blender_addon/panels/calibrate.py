"""How a camera is calibrated, and what that did."""

import bpy

from ..scene.curves import curve_of
from ..scene.report import number, report_of_camera
from ..scene.staleness import reason_stale
from ..settings import STRENGTH, TIME, CalibrationSettings, settings_of_object, settings_of_scene
from ..stubs import Context, Layout
from .common import TabPanel, header, length, split, wrapped


class PARASCALE_PT_calibrate(TabPanel):
    bl_label = ""
    bl_order = 1

    def draw_header(self, context: Context) -> None:
        camera = settings_of_scene(context.scene).camera
        state = camera.name.removesuffix(" Camera") if camera else ""
        self.layout.label(text=header("Calibrate", state), icon="CAMERA_DATA")

    def draw_header_preset(self, context: Context) -> None:
        self.layout.popover("PARASCALE_PT_presets", text="", icon="PRESET")

    def draw(self, context: Context) -> None:
        scene = context.scene
        state = settings_of_scene(scene)
        layout = split(self.layout)
        settings = state.current
        if state.camera is not None:
            _draw_camera(layout, scene, state.camera)
        layout.prop(settings, "method")
        if state.camera is None:
            layout.prop(settings, "strength", slider=True)
        else:
            _draw_strength(layout, state.camera)
        layout.prop(settings, "lens")
        column = layout.column(align=True)
        for name in ("smooth", "max_gain_change", "max_gain_step"):
            column.prop(settings, name)
        if state.camera is None:
            layout.prop(state, "start_from")
            row = layout.row()
            row.scale_y = 1.4
            row.operator("parascale.create_camera", icon="OUTLINER_OB_CAMERA")


class PARASCALE_PT_target(TabPanel):
    bl_label = "Target"
    bl_parent_id = "PARASCALE_PT_calibrate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        scene = context.scene
        state = settings_of_scene(scene)
        settings = state.current
        layout = split(self.layout)
        layout.prop(settings, "statistic")
        if settings.statistic == "OBJECTS":
            _draw_subject(layout, settings)
        elif settings.statistic == "FOCUS":
            row = layout.row(align=True)
            row.operator("parascale.pick_focus", text="Pick Target", icon="EYEDROPPER").side = "TARGET"
            row.operator("parascale.pick_focus", text="Pick Reference", icon="EYEDROPPER").side = "REFERENCE"
        elif settings.statistic == "SURFACE":
            for side in ("target", "reference"):
                row = layout.row(align=True)
                row.prop(settings, f"{side}_place", text=side.title())
                row.operator("parascale.pick_surface", text="", icon="RESTRICT_SELECT_OFF").side = side.upper()
        layout.operator("parascale.measure", icon="DRIVER_DISTANCE")
        if state.measured_depth:
            column = layout.column(align=True)
            found = [length(scene, value) for value in (state.measured_near, state.measured_depth, state.measured_far)]
            column.label(text=f"Depth {found[0]} / {found[1]} / {found[2]}")
            column.label(text=f"at 10 / 50 / 90 %, {state.measured_cover:.0%} covered")


class PARASCALE_PT_timing(TabPanel):
    bl_label = "Timing"
    bl_parent_id = "PARASCALE_PT_calibrate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        state = settings_of_scene(context.scene)
        settings = state.current
        layout = split(self.layout)
        layout.prop(settings, "frame_start")
        eased = state.camera is not None and curve_of(state.camera, TIME) is not None
        if eased:
            layout.label(text="Timing follows the camera's own curve", icon="FCURVE")
            return
        layout.prop(settings, "retiming")
        layout.prop(settings, "timing" if settings.retiming == "NONE" else "retimed_frames")
        if state.camera is not None:
            layout.operator("parascale.add_time_curve", icon="FCURVE")


class PARASCALE_PT_result(TabPanel):
    bl_label = "Result"
    bl_parent_id = "PARASCALE_PT_calibrate"

    @classmethod
    def poll(cls, context: Context) -> bool:
        camera = settings_of_scene(context.scene).camera
        return camera is not None and bool(settings_of_object(camera).report)

    def draw(self, context: Context) -> None:
        scene = context.scene
        state = settings_of_scene(scene)
        assert state.camera is not None
        found = report_of_camera(state.camera)
        assert found is not None  # polled
        column = self.layout.column(align=True)
        column.label(text=f"PCE {number(found['pce'])}   (Global: {number(found['pce_global'])})")
        low, high = found["gain_range"]
        column.label(text=f"Gain {number(low)} to {number(high)}, largest jump {number(found['largest_jump'])}")
        column.label(text=f"Subject drifts by {number(found['subject_drift'])} frame widths")
        nearest = found["nearest_surface"]
        if nearest is not None:
            column.label(
                text=f"Nearest surface {length(scene, nearest)}, frame {found.get('nearest_surface_frame', '?')}"
            )
        crossings = found.get("crossings", [])
        if crossings:
            wrapped(self.layout, f"Passes through geometry at frame {crossings[0]}", icon="ERROR")
        for warning in found["warnings"]:
            wrapped(self.layout, warning, icon="ERROR")
        row = self.layout.row(align=True)
        row.prop(state, "show_overlay", toggle=True, icon="OVERLAY")
        row.operator("parascale.show_curves", text="Curves", icon="GRAPH")


class PARASCALE_PT_presets(bpy.types.Panel):
    layout: Layout
    bl_label = "Calibration Presets"
    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.label(text="Calibration Presets")
        layout.menu("PARASCALE_MT_presets", text=bpy.types.PARASCALE_MT_presets.bl_label)  # type: ignore[attr-defined]
        row = layout.row(align=True)
        row.operator("parascale.add_preset", text="Save", icon="ADD")
        row.operator("parascale.add_preset", text="Remove", icon="REMOVE").remove_active = True


def _draw_camera(layout: Layout, scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    state = settings_of_scene(scene)
    row = layout.row(align=True)
    row.use_property_split = False
    row.prop(state, "camera", text="")
    row.operator("parascale.select_anchor", text="", icon="EMPTY_ARROWS")
    row.operator("parascale.create_camera", text="", icon="ADD")
    reason = reason_stale(scene, camera)
    row = layout.row(align=True)
    if reason:
        row.alert = True
        row.operator("parascale.rebuild", text=f"Rebuild: {reason}", icon="FILE_REFRESH")
    else:
        draft = settings_of_object(camera).draft
        row.operator("parascale.rebuild", text="Rebuild: quick draft" if draft else "Rebuild", icon="FILE_REFRESH")


def _draw_strength(layout: Layout, camera: bpy.types.Object) -> None:
    row = layout.row(align=True)
    if curve_of(camera, STRENGTH) is None:
        row.prop(settings_of_object(camera), "strength", slider=True)
    else:
        row.prop(camera, f'["{STRENGTH}"]', text="Strength", slider=True)
    row.operator("parascale.key_strength", text="", icon="DECORATE_KEYFRAME")


def _draw_subject(layout: Layout, settings: CalibrationSettings) -> None:
    chosen = settings.subject_objects
    row = layout.row(align=True)
    row.label(text=", ".join(item.name for item in chosen) or "No subject yet", icon="OBJECT_DATA")
    row.operator("parascale.use_selected", icon="RESTRICT_SELECT_OFF")
    layout.prop(settings, "reference_box")


CLASSES = (
    PARASCALE_PT_presets,
    PARASCALE_PT_calibrate,
    PARASCALE_PT_target,
    PARASCALE_PT_timing,
    PARASCALE_PT_result,
)
