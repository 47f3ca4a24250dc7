"""Compare what the reference looks like carried over in three ways."""

import bpy

from ..scene.cameras import calibrated_camera
from ..scene.shot_comparison import compare_shots, keep_comparison
from ..steps import Call, StepOperator, Steps
from ..stubs import Context
from ..tasks import WRITE
from .polls import needs_calibrated_camera


class PARASCALE_OT_compare_shots(StepOperator):
    """Carry the reference over verbatim, framed and by one gain for all frames, and show pictures of each"""

    bl_idname = "parascale.compare_shots"
    bl_label = "Compare Shots"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        camera = calibrated_camera(scene)
        comparison = yield from compare_shots(scene, camera)
        yield WRITE
        image = keep_comparison(camera, comparison)
        call.report({"INFO"}, f"Compared under Calibrate > Compare Shots; {image.name} is an image of this file")
