"""Tools for any animated camera: retime, export, bake; and what researchers compare."""

import json
from pathlib import Path

import bpy
import numpy as np

from parascale.blender.bake import baked_copy, keyed_copy
from parascale.blender.keyframes import GAIN, PARALLAX_NUMBER, fcurves
from parascale.blender.scene_state import frame_rate
from parascale.errors import InputError
from parascale.files.fit import resize_to_cover
from parascale.retime.modes import MODES

from ..advice import sentence
from ..scene.calibrated_camera import compare_methods, rebuild_camera
from ..scene.cameras import calibrated_camera, chosen_camera
from ..scene.files import WRITE_FORMATS, frames_for_format, suffix_of, write_path
from ..scene.objects import select_only
from ..scene.prepared_reference import Retiming
from ..scene.sampling import frames_of_move, sample_shot
from ..settings import settings_of_object, settings_of_scene
from ..settings.choices import items_of
from ..steps import Call, DirectOperator, StepOperator, Steps
from ..stubs import Context, Outcome
from ..tasks import WRITE
from ..typed_properties import BoolProperty, EnumProperty, FloatProperty, IntProperty, IntVectorProperty, StringProperty
from .polls import needs_calibrated_camera, needs_own_camera

RETIME_MODES = (
    *items_of(MODES.values()),
    ("reverse", "Reverse", "The same move backwards"),
    ("ping-pong", "Ping-Pong", "There and back again"),
)


class PARASCALE_OT_retime(StepOperator):
    """Play a move over another number of frames: recalibrate a calibrated camera, or retime a copy of any other"""

    bl_idname = "parascale.retime"
    bl_label = "Retime Camera"
    bl_options = {"REGISTER", "UNDO"}

    mode: str = EnumProperty(name="Mode", description="What to keep", items=RETIME_MODES)
    frames: int = IntProperty(
        name="Frames", description="Frames of the scene that the move plays over", default=121, min=2
    )
    keep_angles: bool = BoolProperty(name="Keep Angles", description="Keep Felt Speed: keep the directions of view")
    count_rotation: bool = BoolProperty(
        name="Count Rotation", description="Even: count rotation as motion, so that pans keep their time"
    )
    needs = (needs_own_camera,)

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        self.was_asked = True
        return context.window_manager.invoke_props_dialog(self)  # type: ignore[no-any-return]

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        camera = chosen_camera(context)
        assert camera is not None
        retiming = Retiming(call.mode, call.frames, call.keep_angles, call.count_rotation)
        if settings_of_object(camera).role == "CAMERA" and call.mode in MODES:
            yield from rebuild_camera(scene, camera, retiming)
            call.report({"INFO"}, f"{camera.name} plays over {call.frames} frames")
            return
        frames = frames_of_move(scene, camera)
        shot = yield from sample_shot(scene, camera, frames)
        retimed = retiming.apply(shot, frame_rate(scene))
        numbers = frames[0] + np.arange(len(retimed))
        yield WRITE
        copy = keyed_copy(scene, camera, retimed.trajectory, numbers, f"{camera.name} Retimed")
        scene.collection.objects.link(copy)
        scene.camera = copy
        select_only(context, copy)
        call.report({"INFO"}, f"{copy.name} plays frames {numbers[0]:g} to {numbers[-1]:g}")


class PARASCALE_OT_export_path(StepOperator):
    """Write the active camera's move as a file of another tool, and report what the format cannot hold"""

    bl_idname = "parascale.export_path"
    bl_label = "Export Camera Path"

    filepath: str = StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    format: str = EnumProperty(name="Format", description="Which tool reads it", items=WRITE_FORMATS)
    fps: float = FloatProperty(
        name="Frame Rate", description="Frames a second of the file; 0 takes the tool's own, else the scene's", min=0.0
    )
    frames: int = IntProperty(
        name="Frames", description="Frames of the file; 0 takes what the tool expects for the length of the move", min=0
    )
    size: tuple[int, int] = IntVectorProperty(
        name="Picture Size", description="In pixels; 0 takes the scene's render size", size=2, min=0
    )
    needs = (needs_own_camera,)

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        self.was_asked = True
        if not self.filepath:
            camera = chosen_camera(context)
            self.filepath = bpy.path.abspath(f"//{camera.name if camera else 'camera'}{suffix_of(self.format)}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: Context) -> bool:
        path = Path(self.filepath)
        named = str(path.with_name(path.name.removesuffix(".shot.json").partition(".")[0] + suffix_of(self.format)))
        changed: bool = named != self.filepath
        self.filepath = named
        return changed

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        camera = chosen_camera(context)
        assert camera is not None
        path = Path(bpy.path.abspath(call.filepath))
        if not call.filepath:
            raise InputError("no file is named: choose where to write")
        frames = frames_for_format(scene, camera, call.format, call.fps, call.frames)
        shot = yield from sample_shot(scene, camera, frames)
        if all(call.size):
            shot = resize_to_cover(shot, (call.size[0], call.size[1]))
        for warning in write_path(shot, path, call.format):
            call.report({"WARNING"}, sentence(warning))
        call.report({"INFO"}, f"{path.name}: {len(shot)} frames at {shot.fps:g} a second")


class PARASCALE_OT_bake(DirectOperator):
    """Make a plain copy of the camera, keyed in world space, that plays without the add-on; hide the original"""

    bl_idname = "parascale.bake"
    bl_label = "Bake Camera"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_own_camera,)

    def run(self, context: Context) -> None:
        scene = context.scene
        camera = chosen_camera(context)
        assert camera is not None
        copy = baked_copy(scene, camera, frames_of_move(scene, camera), f"{camera.name} Baked")
        scene.collection.objects.link(copy)
        scene.camera = copy
        select_only(context, copy)
        camera.hide_render = True
        if camera.name in context.view_layer.objects:
            camera.hide_set(True)
        self.report({"INFO"}, f"{copy.name} plays without the add-on; {camera.name} is hidden")


class PARASCALE_OT_show_curves(DirectOperator):
    """Show the camera's Parallax Number and gain in the Graph Editor"""

    bl_idname = "parascale.show_curves"
    bl_label = "Show in Graph Editor"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera,)

    def run(self, context: Context) -> None:
        camera = calibrated_camera(context.scene)
        select_only(context, camera)
        shown = {f'["{PARALLAX_NUMBER}"]', f'["{GAIN}"]'}
        for curve in fcurves(camera):
            curve.select = curve.data_path in shown
            curve.hide = curve.data_path not in shown
        areas = list(context.screen.areas) if context.screen else []
        area = next((area for area in areas if area.type == "GRAPH_EDITOR"), None)
        area = area or next((area for area in areas if area.type == "DOPESHEET_EDITOR"), None)
        if area is None:
            self.report({"INFO"}, "The curves are selected: open a Graph Editor to see them")
            return
        area.ui_type = "FCURVES"
        # The gain is hundreds of times the Parallax Number: each is shown by its own range.
        area.spaces.active.use_normalization = True
        region = next((region for region in area.regions if region.type == "WINDOW"), None)
        if region is not None and not bpy.app.background:
            with context.temp_override(area=area, region=region):
                bpy.ops.graph.view_all()


class PARASCALE_OT_compare_methods(StepOperator):
    """Calibrate by every method and list the errors, for research; no key is changed"""

    bl_idname = "parascale.compare_methods"
    bl_label = "Compare Methods"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        rows = yield from compare_methods(scene, calibrated_camera(scene))
        yield WRITE
        settings_of_scene(scene).comparison = json.dumps(rows)
        measured = [(pce, row["method"]) for row in rows if (pce := row["pce"]) is not None]
        if not measured:
            raise InputError("no method could be measured: the reference has no depth")
        least, best = min(measured)
        call.report({"INFO"}, f"{len(measured)} methods compared: {best} leaves the least, PCE {least:.3g}")
