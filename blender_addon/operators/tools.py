"""Tools for any animated camera: retime, export, bake; and what researchers compare."""

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, IntVectorProperty, StringProperty
from numpy.typing import NDArray

from parascale import retime
from parascale.blender.bake import baked_copy, keyed_copy
from parascale.blender.keyframes import GAIN, PARALLAX_NUMBER, fcurves
from parascale.blender.scene_state import frame_rate
from parascale.conditioning.tensor_file import TENSORS, find_tensor_format, write_tensor
from parascale.errors import InputError
from parascale.files.fit import covering
from parascale.files.registry import FORMATS, find_format, write_trajectory
from parascale.files.shot_file import write_shot
from parascale.parallax.shot import Shot

from .. import calibrated, sampling
from ..settings import changes, settings_of_object, settings_of_scene
from ..steps import StepOperator, Steps
from ..stubs import Context, Outcome
from .calibrate import needs_calibrated, select_only

SHOT = "parascale-shot"
WRITTEN_FORMATS = (
    (SHOT, "ParaScale Shot", "Shot file, NAME.shot.json: holds everything"),
    *((known.name, known.name, known.description) for known in FORMATS),
    *((known.name, known.name, known.description) for known in TENSORS),
)
MODES = (
    ("keep-path", "Keep Path", "The same path over another number of frames"),
    ("keep-felt-speed", "Keep Felt Speed", "As fast as it was for longer: an orbit turns further"),
    ("even", "Even", "Every frame moves by the same felt step"),
    ("reverse", "Reverse", "The same move backwards"),
    ("ping-pong", "Ping-Pong", "There and back again"),
)


class PARASCALE_OT_retime(StepOperator):
    """Play a camera's move over other frames: a calibrated camera marches again, any other gets a retimed copy"""

    bl_idname = "parascale.retime"
    bl_label = "Retime Camera"
    bl_options = {"REGISTER", "UNDO"}

    mode: EnumProperty(name="Mode", description="What to keep", items=MODES)
    frames: IntProperty(name="Frames", description="Frames of the scene the move plays over", default=121, min=2)
    keep_angles: BoolProperty(name="Keep Angles", description="Keep Felt Speed: look where it looked")
    count_rotation: BoolProperty(name="Count Rotation", description="Even: let pans take their time")

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_any_camera(cls, context)

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        self.is_modal = True
        return context.window_manager.invoke_props_dialog(self)  # type: ignore[no-any-return]

    def steps(self, context: Context) -> Steps[None]:
        scene = context.scene
        camera = sampling.chosen_camera(context)
        assert camera is not None
        ours = settings_of_object(camera)
        if ours.role == "CAMERA" and self.mode in {"keep-path", "keep-felt-speed", "even"}:
            with changes.paused():
                ours.calibration.retiming, ours.calibration.retimed_frames = self.mode, self.frames
            yield from calibrated.rebuild(scene, camera)
            self.report({"INFO"}, f"{camera.name} plays over {self.frames} frames")
            return
        frames = sampling.frames_of(scene, camera)
        shot = yield from sampling.sampled_shot(scene, camera, frames)
        bent = self._bent(shot, frame_rate(scene))
        numbers = frames[0] + np.arange(len(bent))
        copy = keyed_copy(scene, camera, bent.trajectory, numbers, f"{camera.name} Retimed")
        scene.collection.objects.link(copy)
        scene.camera = copy
        select_only(context, copy)
        self.report({"INFO"}, f"{copy.name} plays frames {numbers[0]:g} to {numbers[-1]:g}")

    def _bent(self, shot: Shot, rate: float) -> Shot:
        if self.mode == "keep-felt-speed":
            return retime.keep_felt_speed(shot, self.frames, rate, keep_angles=self.keep_angles)
        if self.mode == "even":
            return retime.even(shot, self.frames, rate, count_rotation=self.count_rotation)
        if self.mode == "keep-path":
            return retime.keep_path(shot, self.frames, rate)
        return retime.reverse(shot) if self.mode == "reverse" else retime.ping_pong(shot)


class PARASCALE_OT_export_path(StepOperator):
    """Write the active camera's move as a file of another tool; what that cannot hold is said"""

    bl_idname = "parascale.export_path"
    bl_label = "Export Camera Path"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    format: EnumProperty(name="Format", description="Which tool reads it", items=WRITTEN_FORMATS)
    fps: FloatProperty(
        name="Frame Rate", description="Frames a second of the file; 0 takes the tool's own, else the scene's", min=0.0
    )
    frames: IntProperty(
        name="Frames", description="Frames of the file; 0 takes as many as the tool likes and the move lasts", min=0
    )
    size: IntVectorProperty(
        name="Picture Size", description="In pixels; 0 takes the scene's render size", size=2, min=0
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_any_camera(cls, context)

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        self.is_modal = True
        if not self.filepath:
            camera = sampling.chosen_camera(context)
            self.filepath = bpy.path.abspath(f"//{camera.name if camera else 'camera'}{self._suffix()}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: Context) -> bool:
        path = Path(self.filepath)
        named = str(path.with_name(path.name.removesuffix(".shot.json").partition(".")[0] + self._suffix()))
        changed: bool = named != self.filepath
        self.filepath = named
        return changed

    def steps(self, context: Context) -> Steps[None]:
        scene = context.scene
        camera = sampling.chosen_camera(context)
        assert camera is not None
        path = Path(bpy.path.abspath(self.filepath))
        if not self.filepath:
            raise InputError("no file is named: say where to write")
        shot = yield from sampling.sampled_shot(scene, camera, self._sampled_at(scene, camera))
        if all(self.size):
            shot = covering(shot, (self.size[0], self.size[1]))
        for warning in self._write(shot, path):
            self.report({"WARNING"}, f"{warning[:1].upper()}{warning[1:]}")
        self.report({"INFO"}, f"{path.name}: {len(shot)} frames at {shot.fps:g} a second")

    def _write(self, shot: Shot, path: Path) -> tuple[str, ...]:
        if self.format == SHOT:
            write_shot(shot, path)
            return ()
        tensor = find_tensor_format(self.format)
        return write_trajectory(shot, path, self.format) if tensor is None else write_tensor(shot, path, tensor)

    def _sampled_at(self, scene: bpy.types.Scene, camera: bpy.types.Object) -> NDArray[np.float64]:
        """Scene frames, which may be fractions, at the rate and in the number that the format's tool takes."""
        spanned = sampling.frames_of(scene, camera)
        rate = frame_rate(scene)
        lasts = float(spanned[-1] - spanned[0])
        tensor = find_tensor_format(self.format)
        known = None if tensor or self.format == SHOT else find_format(self.format).rate
        stated = self.fps or (known.fps if known and known.fps else 0.0)
        count = self.frames or (known.frames if known and known.step is None else 0)
        if count:
            step = rate / stated if stated else lasts / max(1, count - 1)
            return np.asarray(spanned[0] + np.arange(count) * step)
        fps = stated or rate
        multiple = tensor.step if tensor else known.step or 1 if known else 1
        return np.asarray(spanned[0] + retime.generator_times(lasts / rate, fps, multiple) * rate)

    def _suffix(self) -> str:
        if self.format == SHOT:
            return ".shot.json"
        return ".npz" if find_tensor_format(self.format) else find_format(self.format).suffix


class PARASCALE_OT_bake(bpy.types.Operator):
    """Make a plain copy of the camera, with keys in the world, that plays without the add-on; the original is hidden"""

    bl_idname = "parascale.bake"
    bl_label = "Bake Camera"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_any_camera(cls, context)

    def execute(self, context: Context) -> Outcome:
        scene = context.scene
        camera = sampling.chosen_camera(context)
        assert camera is not None
        try:
            copy = baked_copy(scene, camera, sampling.frames_of(scene, camera), f"{camera.name} Baked")
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        scene.collection.objects.link(copy)
        scene.camera = copy
        select_only(context, copy)
        camera.hide_render = True
        if camera.name in context.view_layer.objects:
            camera.hide_set(True)
        self.report({"INFO"}, f"{copy.name} plays by itself; {camera.name} is hidden")
        return {"FINISHED"}


class PARASCALE_OT_show_curves(bpy.types.Operator):
    """Show the camera's Parallax Number and gain in the Graph Editor"""

    bl_idname = "parascale.show_curves"
    bl_label = "Show in Graph Editor"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_calibrated(cls, context)

    def execute(self, context: Context) -> Outcome:
        camera = calibrated.calibrated_camera(context.scene)
        try:
            select_only(context, camera)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        shown = {f'["{PARALLAX_NUMBER}"]', f'["{GAIN}"]'}
        for curve in fcurves(camera):
            curve.select = curve.data_path in shown
            curve.hide = curve.data_path not in shown
        areas = list(context.screen.areas) if context.screen else []
        area = next((area for area in areas if area.type == "GRAPH_EDITOR"), None)
        area = area or next((area for area in areas if area.type == "DOPESHEET_EDITOR"), None)
        if area is None:
            self.report({"INFO"}, "The curves are selected: open a Graph Editor to see them")
            return {"FINISHED"}
        area.ui_type = "FCURVES"
        # The gain is hundreds of times the Parallax Number: each is shown by its own range.
        area.spaces.active.use_normalization = True
        region = next((region for region in area.regions if region.type == "WINDOW"), None)
        if region is not None and not bpy.app.background:
            with context.temp_override(area=area, region=region):
                bpy.ops.graph.view_all()
        return {"FINISHED"}


class PARASCALE_OT_compare_methods(StepOperator):
    """Calibrate by every method and list what each leaves: for research; no key is changed"""

    bl_idname = "parascale.compare_methods"
    bl_label = "Compare Methods"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_calibrated(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        scene = context.scene
        state = settings_of_scene(scene)
        rows = yield from calibrated.compared(scene, calibrated.calibrated_camera(scene))
        state.comparison = json.dumps(rows)
        measured: list[dict[str, Any]] = [row for row in rows if row.get("pce") is not None]
        if not measured:
            raise InputError("no method could be measured: the reference knows no depth")
        best = min(measured, key=lambda row: row["pce"])
        self.report(
            {"INFO"}, f"{len(measured)} methods compared: {best['method']} leaves the least, PCE {best['pce']:.3g}"
        )


def needs_any_camera(cls: type[bpy.types.Operator], context: Context) -> bool:
    """Say in a `poll` whether there is a camera to work on."""
    camera = sampling.chosen_camera(context)
    if camera is None:
        cls.poll_message_set("No camera: make one the active object or the scene camera")
        return False
    if settings_of_object(camera).role == "REFERENCE":
        cls.poll_message_set("This is a reference camera: choose the calibrated one, or one of your own")
        return False
    return True


CLASSES = (
    PARASCALE_OT_retime,
    PARASCALE_OT_export_path,
    PARASCALE_OT_bake,
    PARASCALE_OT_show_curves,
    PARASCALE_OT_compare_methods,
)
