"""Measure the target, create the calibrated camera, rebuild it."""

import json

import bpy
import numpy as np

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import SceneDepth
from parascale.errors import InputError

from .. import calibrated, properties
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
        try:
            view = view_of_camera(scene, calibrated.scene_camera(scene))
            samples = SceneDepth(scene)(view.camera_to_world, view.intrinsics, view.size, 0)
            seen = samples.depth[samples.hit]
            if not len(seen):
                raise InputError("the scene camera sees no surface: point it at the target")
        except InputError as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        near, median, far = np.quantile(seen, [0.1, 0.5, 0.9])
        properties.of_scene(scene).measured_depth = median
        covered = len(seen) / len(samples.hit)
        self.report({"INFO"}, f"Depth {near:.4g} / {median:.4g} / {far:.4g} (10, 50, 90 %), {covered:.0%} covered")
        return {"FINISHED"}


class PARASCALE_OT_create_camera(StepOperator):
    """Make a camera that moves through this scene the way the reference moves through its own"""

    bl_idname = "parascale.create_camera"
    bl_label = "Create Calibrated Camera"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if properties.of_scene(context.scene).reference is None:
            cls.poll_message_set("No reference: solve a clip or import a shot")
            return False
        return _needs_camera(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        camera = yield from calibrated.create(context.scene)
        _tell(self, camera)


class PARASCALE_OT_rebuild(StepOperator):
    """Calibrate again from the anchor and the settings as they stand, refilling the keys in place"""

    bl_idname = "parascale.rebuild"
    bl_label = "Rebuild"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if properties.of_scene(context.scene).camera is None:
            cls.poll_message_set("No calibrated camera: create one first")
            return False
        return True

    def steps(self, context: Context) -> Steps[None]:
        camera = properties.of_scene(context.scene).camera
        yield from calibrated.rebuild(context.scene, camera)
        _tell(self, camera)


def _needs_camera(cls: type[bpy.types.Operator], context: Context) -> bool:
    if context.scene.camera is None:
        cls.poll_message_set("No scene camera: add one where the move shall begin")
        return False
    return True


def _tell(operator: bpy.types.Operator, camera: bpy.types.Object) -> None:
    report = json.loads(properties.of_object(camera).report)
    for warning in report["warnings"]:
        operator.report({"WARNING"}, warning)
    operator.report({"INFO"}, f"{camera.name}: PCE {report['pce']:.3g}")


CLASSES = (PARASCALE_OT_measure, PARASCALE_OT_create_camera, PARASCALE_OT_rebuild)
