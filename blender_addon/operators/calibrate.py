"""Measure the target, create the calibrated camera, rebuild it, and choose what it is measured by."""

import json
from typing import Any

import bpy
import numpy as np
from bpy.props import EnumProperty, FloatVectorProperty
from bpy_extras import view3d_utils
from mathutils import Vector

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import HELPER, mark_helper
from parascale.errors import InputError

from .. import calibrated, reference, sides
from ..settings import STRENGTH, TIME, changes, settings_of_object, settings_of_scene
from ..steps import StepOperator, Steps, sentence
from ..stubs import Context, Outcome


class PARASCALE_OT_measure(bpy.types.Operator):
    """Measure the depth of the scene through its camera, at the current frame"""

    bl_idname = "parascale.measure"
    bl_label = "Measure Target"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return _needs_camera(cls, context)

    def execute(self, context: Context) -> Outcome:
        scene = context.scene
        state = settings_of_scene(scene)
        try:
            camera = calibrated.scene_camera(scene)
            view = view_of_camera(scene, camera)
            depth = sides.target_depth(scene, sides.gathered(scene, state.current, 1), state.current, camera)
            samples = depth(view.camera_to_world, view.intrinsics, view.size, 0)
            seen = samples.depth[samples.hit]
            if not len(seen):
                raise InputError("the scene camera sees no surface: point it at the target")
        except InputError as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        near, median, far = np.quantile(seen, [0.1, 0.5, 0.9])
        covered = len(seen) / len(samples.hit)
        state.measured_near, state.measured_depth, state.measured_far = near, median, far
        state.measured_cover = covered
        self.report({"INFO"}, f"Depth {near:.4g} / {median:.4g} / {far:.4g} (10, 50, 90 %), {covered:.0%} covered")
        return {"FINISHED"}


class PARASCALE_OT_create_camera(StepOperator):
    """Make a camera that moves through this scene the way the reference moves through its own"""

    bl_idname = "parascale.create_camera"
    bl_label = "Create Calibrated Camera"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if settings_of_scene(context.scene).reference is None:
            cls.poll_message_set("No reference: solve a clip, import a shot or use a camera")
            return False
        if settings_of_scene(context.scene).start_from == "VIEWPORT":
            return True
        return _needs_camera(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        camera = yield from calibrated.create(context)
        _tell(self, camera)


class PARASCALE_OT_rebuild(StepOperator):
    """Calibrate again from the anchor and the settings as they stand, refilling the keys in place"""

    bl_idname = "parascale.rebuild"
    bl_label = "Rebuild"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_calibrated(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        camera = calibrated.calibrated_camera(context.scene)
        yield from calibrated.rebuild(context.scene, camera)
        _tell(self, camera)


class PARASCALE_OT_use_selected(bpy.types.Operator):
    """Make the selected objects the subject whose depth counts"""

    bl_idname = "parascale.use_selected"
    bl_label = "Use Selected"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not _subjects(context):
            cls.poll_message_set("Nothing with a surface is selected: select the objects that are the subject")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        settings = settings_of_scene(context.scene).current
        with changes.as_one_change(settings):
            settings.set_subject(_subjects(context))
            settings.statistic = "OBJECTS"
        self.report({"INFO"}, "Subject: " + ", ".join(item.name for item in settings.subject_objects))
        return {"FINISHED"}


class _Picking(bpy.types.Operator):
    """Base of operators that wait for a click on a place; a subclass says in `take` what that means."""

    side: EnumProperty(
        name="Side",
        items=(
            ("TARGET", "Target", "Click a surface of the scene"),
            ("REFERENCE", "Reference", "Click one of the reference's points"),
        ),
    )
    place: FloatVectorProperty(name="Place", description="Where in the world", size=3, subtype="TRANSLATION")

    def take(self, context: Context, place: Vector) -> None:
        """Measure by a place of the world."""
        raise NotImplementedError

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        if context.area is None or context.area.type != "VIEW_3D":
            self.report({"ERROR"}, "Only in a 3D viewport: there a surface can be clicked")
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        context.window.cursor_modal_set("EYEDROPPER")
        context.workspace.status_text_set("ParaScale: click the place to measure at (Esc to cancel)")
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: bpy.types.Event) -> Outcome:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            return self._end(context, {"CANCELLED"})
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return (
                {"PASS_THROUGH"}
                if event.type in {"MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE"}
                else {"RUNNING_MODAL"}
            )
        try:
            self.place = self._clicked(context, event)
        except InputError as error:
            self.report({"ERROR"}, sentence(error))
            return self._end(context, {"CANCELLED"})
        return self._end(context, self.execute(context))

    def execute(self, context: Context) -> Outcome:
        try:
            self.take(context, Vector(self.place))
        except InputError as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _clicked(self, context: Context, event: bpy.types.Event) -> Vector:
        region = next(region for region in context.area.regions if region.type == "WINDOW")
        view = context.area.spaces.active.region_3d
        at = (event.mouse_x - region.x, event.mouse_y - region.y)
        origin = view3d_utils.region_2d_to_origin_3d(region, view, at)
        towards = view3d_utils.region_2d_to_vector_3d(region, view, at)
        return place_on_ray(context.scene, self.side, origin, towards)

    def _end(self, context: Context, outcome: Outcome) -> Outcome:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        return outcome


class PARASCALE_OT_pick_focus(_Picking):
    """Click a surface, or a point of the reference, to focus the camera of that side on it and measure there"""

    bl_idname = "parascale.pick_focus"
    bl_label = "Pick Focus"
    bl_options = {"REGISTER", "UNDO"}

    def take(self, context: Context, place: Vector) -> None:
        focus_on(context, self.side, place)


class PARASCALE_OT_pick_surface(_Picking):
    """Click a surface, or a point of the reference, whose depth counts; the cameras' focus stays as it is"""

    bl_idname = "parascale.pick_surface"
    bl_label = "Pick Surface"
    bl_options = {"REGISTER", "UNDO"}

    def take(self, context: Context, place: Vector) -> None:
        measure_by(context, self.side, place)


class PARASCALE_OT_add_time_curve(bpy.types.Operator):
    """Give the camera a curve of its own for time: from 0, the reference's beginning, to 1, its end"""

    bl_idname = "parascale.add_time_curve"
    bl_label = "Ease Time"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not needs_calibrated(cls, context):
            return False
        if sides.curve_of(calibrated.calibrated_camera(context.scene), TIME) is not None:
            cls.poll_message_set("It has one already: edit it in the Graph Editor")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        camera = calibrated.calibrated_camera(context.scene)
        frames = calibrated.frames_of(camera)
        for value, frame in ((0.0, frames[0]), (1.0, frames[-1])):
            camera[TIME] = value
            camera.keyframe_insert(f'["{TIME}"]', frame=frame)
        self.report({"INFO"}, "Edit the curve in the Graph Editor, then rebuild")
        return {"FINISHED"}


class PARASCALE_OT_key_strength(bpy.types.Operator):
    """Key the strength at the current frame: it is then animated, and Rebuild follows it"""

    bl_idname = "parascale.key_strength"
    bl_label = "Key Strength"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_calibrated(cls, context)

    def execute(self, context: Context) -> Outcome:
        camera = calibrated.calibrated_camera(context.scene)
        camera.keyframe_insert(f'["{STRENGTH}"]', frame=context.scene.frame_current)
        return {"FINISHED"}


class PARASCALE_OT_select_anchor(bpy.types.Operator):
    """Select the anchor: moving it moves the start of the path"""

    bl_idname = "parascale.select_anchor"
    bl_label = "Select Anchor"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not needs_calibrated(cls, context):
            return False
        if calibrated.calibrated_camera(context.scene).parent is None:
            cls.poll_message_set("The camera has no anchor any more: parent it to one")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        anchor = calibrated.calibrated_camera(context.scene).parent
        assert anchor is not None  # polled
        try:
            select_only(context, anchor)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def select_only(context: Context, item: bpy.types.Object) -> None:
    """Make one object the selected and active one.

    Raises
    ------
    InputError
        Where the view layer does not show it.
    """
    try:
        context.view_layer.objects.active = item
    except RuntimeError:
        raise InputError(
            f"{item.name} is switched off in this view layer: tick its collection in the Outliner"
        ) from None
    for other in context.view_layer.objects:
        other.select_set(other == item)


def place_on_ray(scene: bpy.types.Scene, side: str, origin: Vector, towards: Vector) -> Vector:
    """Return the place a click means: a surface of the scene, or the reference's point nearest to the ray.

    Raises
    ------
    InputError
        Where nothing is there.
    """
    if side == "TARGET":
        hit, place, *_ = scene.ray_cast(bpy.context.evaluated_depsgraph_get(), origin, towards)
        if not hit:
            raise InputError("there is no surface under the cursor")
        return place
    points = settings_of_object(calibrated.reference_of(scene)).points
    if points is None:
        raise InputError("the reference has no points: solve it from its clip")
    world = np.array(points.matrix_world)
    places = reference.positions_of(points) @ world[:3, :3].T + world[:3, 3]
    away = places - np.array(origin)
    along = away @ np.array(towards.normalized())
    angle = np.linalg.norm(np.cross(away, np.array(towards.normalized())), axis=1) / np.maximum(along, 1e-9)
    angle[along <= 0] = np.inf
    return Vector(places[int(np.argmin(angle))].tolist())


def focus_on(context: Context, side: str, place: Vector) -> bpy.types.Object:
    """Put an empty at a place, focus the camera of that side on it, and measure by focus."""
    scene = context.scene
    state = settings_of_scene(scene)
    settings = state.current
    camera = calibrated.reference_of(scene) if side == "REFERENCE" else state.camera or calibrated.scene_camera(scene)
    data: Any = camera.data
    mark = _marked(context, f"{camera.name} Focus", place, data.dof.focus_object)
    data.dof.focus_object = mark
    with changes.as_one_change(settings):
        settings.statistic = "FOCUS"
    return mark


def measure_by(context: Context, side: str, place: Vector) -> bpy.types.Object:
    """Put an empty at a place, and measure that side by it."""
    settings = settings_of_scene(context.scene).current
    name = "target_place" if side == "TARGET" else "reference_place"
    mark = _marked(context, f"{side.title()} Surface", place, getattr(settings, name))
    with changes.as_one_change(settings):
        setattr(settings, name, mark)
        settings.statistic = "SURFACE"
    return mark


def _marked(context: Context, name: str, place: Vector, before: bpy.types.Object | None) -> bpy.types.Object:
    """Return an empty at a place: the one that stood for it before, where that is ours."""
    if before is not None and before.type == "EMPTY" and before.get(HELPER) is not None:
        mark = before
    else:
        mark = bpy.data.objects.new(name, None)
        mark_helper(mark)
        reference.collection(context.scene).objects.link(mark)
    mark.location = place
    context.view_layer.update()
    return mark


def needs_calibrated(cls: type[bpy.types.Operator], context: Context) -> bool:
    """Say in a `poll` whether there is a calibrated camera."""
    camera = settings_of_scene(context.scene).camera
    if camera is None:
        cls.poll_message_set("No calibrated camera: create one first")
        return False
    if camera.name not in context.scene.objects:
        cls.poll_message_set("The calibrated camera is in no collection of this scene any more")
        return False
    return True


def _needs_camera(cls: type[bpy.types.Operator], context: Context) -> bool:
    if context.scene.camera is None:
        cls.poll_message_set("No scene camera: add one where the move shall begin")
        return False
    return True


def _subjects(context: Context) -> list[Any]:
    kinds = {"MESH", "CURVE", "SURFACE", "META", "FONT"}
    chosen = context.selected_objects if hasattr(context, "selected_objects") else []
    return [item for item in chosen if item.type in kinds or item.instance_type != "NONE"]


def _tell(operator: bpy.types.Operator, camera: bpy.types.Object) -> None:
    report = json.loads(settings_of_object(camera).report)
    for warning in report["warnings"]:
        operator.report({"WARNING"}, warning)
    if report["crossings"]:
        operator.report({"WARNING"}, f"Passes through geometry at frame {report['crossings'][0]}")
    pce = "unknown" if report["pce"] is None else f"{report['pce']:.3g}" if report["pce"] >= 1e-4 else "0"
    operator.report({"INFO"}, f"{camera.name}: PCE {pce}")


CLASSES = (
    PARASCALE_OT_measure,
    PARASCALE_OT_create_camera,
    PARASCALE_OT_rebuild,
    PARASCALE_OT_use_selected,
    PARASCALE_OT_pick_focus,
    PARASCALE_OT_pick_surface,
    PARASCALE_OT_add_time_curve,
    PARASCALE_OT_key_strength,
    PARASCALE_OT_select_anchor,
)
