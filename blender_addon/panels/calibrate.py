"""What a camera is calibrated against, a photo included, how that is done, and what came of it."""

import bpy
from bl_operators.presets import AddPresetBase

from parascale.blender.keyframes import animated_paths, curve_of

from ..scene.photo import PhotoDepth, depth_of_photo
from ..scene.report import number, report_of_camera
from ..scene.staleness import reason_stale
from ..settings import STRENGTH, TIME, settings_of_object, settings_of_scene
from ..settings.calibration import SHARED_SETTINGS, WEIGHTS
from ..settings.presets import find_preset
from ..stubs import Context, Layout
from .common import TabPanel, header, length, split, wrapped

PRESETS = "parascale/calibration"
_VERDICT_ICONS = {"good": "CHECKMARK", "warning": "INFO", "bad": "ERROR", "note": "DOT"}


class PARASCALE_PT_calibrate(TabPanel):
    bl_label = ""
    bl_order = 1

    def draw_header(self, context: Context) -> None:
        camera = settings_of_scene(context.scene).camera
        reference = settings_of_object(camera).reference if camera else None
        state = reference.name.removesuffix(" Reference") if reference else ""
        self.layout.label(text=header("Calibrate", state, buttons=1), icon="CAMERA_DATA")

    def draw_header_preset(self, context: Context) -> None:
        self.layout.popover("PARASCALE_PT_presets", text="", icon="PRESET")

    def draw(self, context: Context) -> None:
        scene = context.scene
        state = settings_of_scene(scene)
        layout = split(self.layout)
        settings = state.current
        if state.camera is not None:
            _draw_camera(layout, scene, state.camera)
        preset = find_preset(settings)
        row = layout.row(heading="Keep")
        row.operator_menu_enum("parascale.apply_preset", "preset", text=preset.label if preset else "Custom")
        layout.prop(settings, "method")
        row = layout.row(align=True)
        if state.camera is None:
            row.prop(settings, "strength", slider=True)
        else:
            if state.camera.get(STRENGTH) is not None and f'["{STRENGTH}"]' in animated_paths(state.camera):
                row.prop(state.camera, f'["{STRENGTH}"]', text="Strength", slider=True)
            else:
                row.prop(settings_of_object(state.camera), "strength", slider=True)
            row.operator("parascale.key_strength", text="", icon="DECORATE_KEYFRAME")
        column = layout.column(align=True)
        for name in ("strength_along", "strength_across"):
            column.prop(settings, name)
        layout.prop(settings, "lens")
        layout.prop(settings, "focus")
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
            row = layout.row(align=True)
            chosen = ", ".join(item.name for item in settings.subject_objects)
            row.label(text=chosen or "No subject yet", icon="OBJECT_DATA")
            row.operator("parascale.use_selected", icon="RESTRICT_SELECT_OFF")
            layout.prop(settings, "reference_box")
        elif settings.statistic == "FOCUS":
            row = layout.row(align=True)
            row.operator("parascale.pick_focus", text="Pick Target", icon="EYEDROPPER").side = "TARGET"
            row.operator("parascale.pick_focus", text="Pick Reference", icon="EYEDROPPER").side = "REFERENCE"
        elif settings.statistic == "SURFACE":
            for side in ("target", "reference"):
                row = layout.row(align=True)
                row.prop(settings, f"{side}_place", text=side.title())
                row.operator("parascale.pick_surface", text="", icon="RESTRICT_SELECT_OFF").side = side.upper()
        layout.prop(state, "unmeasured")
        layout.operator("parascale.measure", icon="DRIVER_DISTANCE")
        layout.prop(state, "show_measured")
        if state.measured_depth:
            column = layout.column(align=True)
            found = [length(scene, value) for value in (state.measured_near, state.measured_depth, state.measured_far)]
            wrapped(column, f"Depth {found[0]} / {found[1]} / {found[2]}")
            wrapped(column, f"at 10 / 50 / 90 %, {state.measured_cover:.0%} covered")


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


class PARASCALE_PT_framing(TabPanel):
    bl_label = "Framing"
    bl_parent_id = "PARASCALE_PT_calibrate"

    def draw(self, context: Context) -> None:
        settings = settings_of_scene(context.scene).current
        layout = split(self.layout)
        layout.prop(settings, "framing", slider=True)
        for side in ("target", "reference"):
            row = layout.row(align=True)
            row.prop(settings, f"{side}_subject", text=side.title())
            row.operator("parascale.pick_subject", text="", icon="RESTRICT_SELECT_OFF").side = side.upper()
        layout.prop(settings, "size")
        if settings.size == "dolly":
            layout.prop(settings, "size_budget", slider=True)
        layout.prop(settings, "horizon")
        layout.prop(settings, "keep_clear")
        layout.prop(settings, "max_jump")
        layout.prop(settings, "solver")
        if settings.solver == "optimise":
            column = layout.column(align=True)
            for name in WEIGHTS:
                column.prop(settings, name, slider=True)
        row = layout.row(align=True)
        row.prop(settings, "match_at")
        row.operator("parascale.match_here", text="", icon="TIME")
        if settings.match_at == "FRAME":
            layout.prop(settings, "match_frame")


class PARASCALE_PT_timing(TabPanel):
    bl_label = "Timing"
    bl_parent_id = "PARASCALE_PT_calibrate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        state = settings_of_scene(context.scene)
        settings = state.current
        layout = split(self.layout)
        layout.prop(settings, "frame_start")
        if state.camera is not None and curve_of(state.camera, TIME) is not None:
            wrapped(layout, "Timing follows the camera's own curve", icon="FCURVE")
            return
        layout.prop(settings, "retiming")
        layout.prop(settings, "timing" if settings.retiming == "NONE" else "retimed_frames")
        if settings.retiming == "keep-felt-speed":
            layout.prop(settings, "keep_angles")
        elif settings.retiming == "even":
            layout.prop(settings, "count_rotation")
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
        for severity, text in found.get("verdict", []):
            wrapped(self.layout, text, icon=_VERDICT_ICONS[severity], alert=severity == "bad")
        for warning in found["warnings"]:
            wrapped(self.layout, warning, icon="ERROR")
        column = self.layout.column(align=True)
        column.active = False
        column.label(text=f"PCE {number(found['pce'])}, by Global {number(found['pce_global'])}")
        low, high = found["gain_range"]
        column.label(text=f"Gain {number(low)} to {number(high)}")
        column.label(text=f"Largest jump {number(found['largest_jump'])}")
        column.label(text=f"Drift {number(found['subject_drift'])} frame widths")
        nearest = found["nearest_surface"]
        if nearest is not None:
            column.label(text=f"Nearest surface {length(scene, nearest)}")
            column.label(text=f"at frame {found.get('nearest_surface_frame', '?')}")
        row = self.layout.row(align=True)
        row.prop(state, "show_overlay", toggle=True, icon="OVERLAY")
        row.operator("parascale.show_curves", text="Curves", icon="GRAPH")
        self.layout.operator("parascale.open_report", icon="URL")
        layout = split(self.layout)
        layout.prop(state, "side_by_side")
        if state.side_by_side == "OVER":
            layout.prop(state, "film_opacity", slider=True)


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


class PARASCALE_MT_presets(bpy.types.Menu):
    bl_label = "Calibration Presets"
    preset_subdir = PRESETS
    preset_operator = "script.execute_preset"
    draw = bpy.types.Menu.draw_preset  # type: ignore[assignment]  # to the stubs a context may be None


class PARASCALE_OT_add_preset(AddPresetBase, bpy.types.Operator):  # type: ignore[misc]  # the stubs lack its base
    """Save the calibration settings under a name, or remove the chosen ones"""

    bl_idname = "parascale.add_preset"
    bl_label = "Add Calibration Preset"
    preset_menu = "PARASCALE_MT_presets"
    preset_subdir = PRESETS
    preset_defines = ["settings = bpy.context.scene.parascale.current"]
    preset_values = [f"settings.{name}" for name in SHARED_SETTINGS if name != "frame_start"]


def _draw_camera(layout: Layout, scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    state = settings_of_scene(scene)
    row = layout.row(align=True)
    row.use_property_split = False
    row.prop(state, "camera", text="")
    row.operator("parascale.select_anchor", text="", icon="EMPTY_ARROWS")
    row.operator("parascale.anchor_to_view", text="", icon="VIEW3D")
    row.operator("parascale.create_camera", text="", icon="ADD")
    row = layout.row(align=True)
    row.use_property_split = False
    row.prop(settings_of_object(camera), "reference", text="", icon="FILE_MOVIE")
    reason = reason_stale(scene, camera)
    note = reason or ("quick draft" if settings_of_object(camera).draft else "")
    row = layout.row(align=True)
    row.alert = bool(reason)
    row.operator("parascale.rebuild", text=f"Rebuild: {note}" if note else "Rebuild", icon="FILE_REFRESH")


def _draw_found(column: Layout, scene: bpy.types.Scene, found: PhotoDepth) -> None:
    depths = (found.near, found.median, found.far)
    shown = [f"{value:.3g}" if found.relative else length(scene, value) for value in depths]
    wrapped(column, f"Depth {' / '.join(shown)}")
    wrapped(column, f"at 10, 50, 90 % of the surface ({found.cover:.0%})")
    wrapped(column, f"by {found.source}")
    low, high = 1 / (1 + found.uncertainty), 1 / (1 - found.uncertainty)
    wrapped(column, f"Known to ±{found.uncertainty:.0%}: P ×{low:.2f} to ×{high:.2f}")
    camera = settings_of_scene(scene).camera
    p = camera.get("parallax_number") if camera is not None else None
    if p:
        wrapped(column, f"Here P {number(p)}, or {number(p * low)} to {number(p * high)}")
    if found.relative:
        wrapped(column, "Relative depth: the median is set to 1, and the shift is assumed to be 0", icon="INFO")
