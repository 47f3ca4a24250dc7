"""Measure the target, or make it from a photo; create the calibrated camera, rebuild it, say what it is measured by."""

from pathlib import Path

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

from parascale.blender.keyframes import keyed_frames
from parascale.errors import InputError

from ..advice import sentence
from ..jobs.requests import estimate_photo_depth
from ..scene import photo
from ..scene.calibrated_camera import create_camera, rebuild_camera
from ..scene.cameras import calibrated_camera
from ..scene.measured import measure_target
from ..scene.objects import select_only, selected_surfaces
from ..scene.picking import clip_along, focus_on, hold, measure_by, point_on_ray
from ..scene.report import number, report_of_camera
from ..scene.start import view_pose
from ..settings import STRENGTH, TIME, settings_of_object, settings_of_scene
from ..settings.changes import as_one_change, notify
from ..settings.choices import PRESETS
from ..settings.presets import apply_preset
from ..steps import Call, DirectOperator, StepOperator, Steps
from ..stubs import Context, Outcome
from ..tasks import WRITE
from ..typed_properties import EnumProperty, FloatVectorProperty
from .polls import (
    needs_anchor,
    needs_calibrated_camera,
    needs_keys,
    needs_local_camera,
    needs_no_time_curve,
    needs_photo,
    needs_reference_and_start,
    needs_scene_camera,
    needs_selected_surface,
    needs_undriven_strength,
)


class PARASCALE_OT_measure(DirectOperator):
    """Measure the depth of the scene through its camera, at the current frame"""

    bl_idname = "parascale.measure"
    bl_label = "Measure Target"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_scene_camera,)

    def run(self, context: Context) -> None:
        near, median, far, covered = measure_target(context.scene)
        self.report({"INFO"}, f"Depth {near:.4g} / {median:.4g} / {far:.4g} (10, 50, 90 %), {covered:.0%} covered")


class PARASCALE_OT_estimate_depth(StepOperator):
    """Turn the photo into a surface of the scene, by its depth, in front of a camera of its own"""

    bl_idname = "parascale.estimate_depth"
    bl_label = "Estimate Depth"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_photo,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        asked = settings_of_scene(scene).photo
        path = Path(bpy.path.abspath(asked.picture))
        if asked.source == "MODEL":
            yield from estimate_photo_depth(context, call)
            return
        yield 0.0, "Reading the depth map"
        if asked.source == "FILE":
            depth_path, scale, fov = Path(bpy.path.abspath(asked.depth_path)), asked.depth_scale, asked.fov
            yield WRITE
            message, doubts = photo.place_file(scene, path, depth_path, scale, fov)
            for warning in doubts:
                call.report({"WARNING"}, sentence(warning))
        else:
            yield WRITE
            message = photo.place_wall(scene, path, asked.distance, asked.fov)
        call.report({"INFO"}, message)


class PARASCALE_OT_create_camera(StepOperator):
    """Create a camera that moves through this scene with the Parallax Number of the reference"""

    bl_idname = "parascale.create_camera"
    bl_label = "Create Calibrated Camera"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_reference_and_start,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        camera = yield from create_camera(context)
        _report(call, camera)


class PARASCALE_OT_rebuild(StepOperator):
    """Calibrate again from the current anchor and settings, and replace the keys"""

    bl_idname = "parascale.rebuild"
    bl_label = "Rebuild"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera, needs_local_camera)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        camera = calibrated_camera(scene)
        yield from rebuild_camera(scene, camera)
        _report(call, camera)


class PARASCALE_OT_use_selected(DirectOperator):
    """Measure the depth of the selected objects"""

    bl_idname = "parascale.use_selected"
    bl_label = "Use Selected"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_selected_surface,)

    def run(self, context: Context) -> None:
        settings = settings_of_scene(context.scene).current
        with as_one_change(settings):
            settings.set_subject(selected_surfaces(context))
            settings.statistic = "OBJECTS"
        self.report({"INFO"}, "Subject: " + ", ".join(item.name for item in settings.subject_objects))


class _Picking(DirectOperator):
    """Base of operators that wait for a click on a surface or a point, or are given it."""

    side: str = EnumProperty(
        name="Side",
        items=(
            ("TARGET", "Target", "Click a surface of the scene"),
            ("REFERENCE", "Reference", "Click one of the reference's points"),
        ),
    )
    place: Vector = FloatVectorProperty(
        name="Place", description="Position in the world", size=3, subtype="TRANSLATION"
    )

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        if context.area is None or context.area.type != "VIEW_3D":
            self.report({"ERROR"}, "Run this in a 3D viewport: a surface is clicked there")
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        context.window.cursor_modal_set("EYEDROPPER")
        context.workspace.status_text_set("ParaScale: click what to measure (Esc to cancel)")
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: bpy.types.Event) -> Outcome:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            return self._end(context, {"CANCELLED"})
        if event.type in {"MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE"}:
            return {"PASS_THROUGH"}
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return {"RUNNING_MODAL"}
        try:
            self.place = self._clicked(context, event)
        except InputError as error:
            self.report({"ERROR"}, sentence(error))
            return self._end(context, {"CANCELLED"})
        return self._end(context, self.execute(context))

    def _clicked(self, context: Context, event: bpy.types.Event) -> Vector:
        region = next(region for region in context.area.regions if region.type == "WINDOW")
        space = context.area.spaces.active
        view = space.region_3d
        at = (event.mouse_x - region.x, event.mouse_y - region.y)
        origin = view3d_utils.region_2d_to_origin_3d(region, view, at)
        towards = view3d_utils.region_2d_to_vector_3d(region, view, at)
        return point_on_ray(context.scene, self.side, origin, towards, clip_along(space, towards))

    def _end(self, context: Context, outcome: Outcome) -> Outcome:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        return outcome


class PARASCALE_OT_pick_focus(_Picking):
    """Click a surface, or a point of the reference, to focus the camera of that side on it and measure there"""

    bl_idname = "parascale.pick_focus"
    bl_label = "Pick Focus"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Context) -> None:
        focus_on(context, self.side, self.place)


class PARASCALE_OT_pick_surface(_Picking):
    """Click a surface, or a point of the reference, to measure its depth; the focus of the cameras stays the same"""

    bl_idname = "parascale.pick_surface"
    bl_label = "Pick Surface"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Context) -> None:
        measure_by(context, self.side, self.place)


class PARASCALE_OT_pick_subject(_Picking):
    """Click what the camera should hold: a surface of the target, or a point of the reference that its camera holds"""

    bl_idname = "parascale.pick_subject"
    bl_label = "Pick Subject"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Context) -> None:
        hold(context, self.side, self.place)


class PARASCALE_OT_apply_preset(DirectOperator):
    """Choose what is kept of the reference besides the Parallax Number"""

    bl_idname = "parascale.apply_preset"
    bl_label = "Apply Preset"
    bl_options = {"REGISTER", "UNDO"}

    preset: str = EnumProperty(name="Preset", description="What is kept of the reference", items=PRESETS)

    def run(self, context: Context) -> None:
        apply_preset(settings_of_scene(context.scene).current, self.preset)


class PARASCALE_OT_add_time_curve(DirectOperator):
    """Give the camera a curve of its own for time, from 0 (start of the reference) to 1 (its end)"""

    bl_idname = "parascale.add_time_curve"
    bl_label = "Ease Time"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera, needs_local_camera, needs_keys, needs_no_time_curve)

    def run(self, context: Context) -> None:
        camera = calibrated_camera(context.scene)
        frames = keyed_frames(camera)
        for value, frame in ((0.0, frames[0]), (1.0, frames[-1])):
            camera[TIME] = value
            camera.keyframe_insert(f'["{TIME}"]', frame=frame)
        self.report({"INFO"}, "Edit the curve in the Graph Editor, then rebuild")


class PARASCALE_OT_key_strength(DirectOperator):
    """Insert a key of the strength at the current frame; Rebuild follows the curve"""

    bl_idname = "parascale.key_strength"
    bl_label = "Key Strength"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera, needs_local_camera, needs_undriven_strength)

    def run(self, context: Context) -> None:
        calibrated_camera(context.scene).keyframe_insert(f'["{STRENGTH}"]', frame=context.scene.frame_current)


class PARASCALE_OT_select_anchor(DirectOperator):
    """Select the anchor: moving it moves the start of the path"""

    bl_idname = "parascale.select_anchor"
    bl_label = "Select Anchor"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera, needs_anchor)

    def run(self, context: Context) -> None:
        anchor = calibrated_camera(context.scene).parent
        assert anchor is not None  # polled
        select_only(context, anchor)


class PARASCALE_OT_anchor_to_view(DirectOperator):
    """Put the anchor where the 3D viewport looks from: the move starts there, or passes it where Match At says"""

    bl_idname = "parascale.anchor_to_view"
    bl_label = "Anchor to View"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera, needs_local_camera, needs_anchor)

    def run(self, context: Context) -> None:
        camera = calibrated_camera(context.scene)
        anchor = camera.parent
        assert anchor is not None  # polled
        anchor.matrix_world = view_pose(context)
        notify(settings_of_object(camera).calibration)


class PARASCALE_OT_match_here(DirectOperator):
    """Let the anchor stand for the current frame of the move"""

    bl_idname = "parascale.match_here"
    bl_label = "Match at Current Frame"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Context) -> None:
        settings = settings_of_scene(context.scene).current
        with as_one_change(settings):
            settings.match_at, settings.match_frame = "FRAME", context.scene.frame_current


def _report(call: Call, camera: bpy.types.Object) -> None:
    report = report_of_camera(camera)
    assert report is not None  # it was built just now
    for warning in report["warnings"]:
        call.report({"WARNING"}, warning)
    verdict = report.get("verdict", [])
    for severity, text in verdict[:1]:
        if severity != "good":
            call.report({"WARNING"}, text)
    call.report({"INFO"}, f"{camera.name}: {verdict[0][1] if verdict else number(report['pce'])}")
