"""Bring a reference in: from a shot file, or solved from a clip by the backend."""

from pathlib import Path

import bpy
from bpy.props import FloatProperty, IntProperty, StringProperty

from parascale.errors import InputError
from parascale.files.shot_file import read_shot
from parascale.link.requests import SolveRequest
from parascale.parallax.shot import Shot

from .. import preferences, properties, reference, session
from ..steps import StepOperator, Steps, sentence
from ..stubs import Context, Outcome
from .backend import needs_backend


class PARASCALE_OT_import_shot(bpy.types.Operator):
    """Import a shot file as the reference"""

    bl_idname = "parascale.import_shot"
    bl_label = "Import Shot"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> Outcome:
        try:
            shot = read_shot(Path(bpy.path.abspath(self.filepath)))
            adopt(context.scene, shot)
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        self.report({"INFO"}, describe(shot))
        return {"FINISHED"}


class PARASCALE_OT_solve_clip(StepOperator):
    """Solve a clip's camera from its pixels: a video file, or a folder of images"""

    bl_idname = "parascale.solve_clip"
    bl_label = "Solve Clip"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    fov: FloatProperty(
        name="Field of View", description="Horizontal, in degrees; 0 where unknown", default=0.0, min=0.0, max=179.0
    )
    focal: FloatProperty(
        name="Focal Length", description="In pixels of the clip; 0 where unknown", default=0.0, min=0.0
    )
    start: IntProperty(name="Start", description="First frame of the clip to use", default=0, min=0)
    end: IntProperty(name="End", description="Frame of the clip to stop before; 0 is its end", default=0, min=0)

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_backend(cls, context)

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        if self.filepath:
            return super().invoke(context, event)
        # Blender calls `execute` once a file is accepted; from the interface the work is modal all the same.
        self.is_modal = True
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def steps(self, context: Context) -> Steps[None]:
        now = session.current()
        path = Path(bpy.path.abspath(self.filepath))
        asked = SolveRequest(path, self.focal or None, self.fov or None, self.start, self.end or None)
        yield from now.connect(preferences.executable(context))
        job = session.new_job("solve", path.stem, context.scene)
        now.submit(job, asked)
        yield from now.followed(job)
        shot = read_shot(Path(job.files["shot"]))
        adopt(context.scene, shot)
        now.mark_used(job)
        self.report({"INFO"}, describe(shot))


def adopt(scene: bpy.types.Scene, shot: Shot) -> None:
    """Put a shot into the file and make it the reference the tab works on."""
    state = properties.of_scene(scene)
    state.reference = reference.create(scene, shot)
    state.calibration.frame_start = scene.frame_start


def describe(shot: Shot) -> str:
    """Say in one line what a shot is."""
    return f"{shot.name}: {len(shot)} frames at {shot.fps:g} a second, {shot.motion_class} motion"


CLASSES = (PARASCALE_OT_import_shot, PARASCALE_OT_solve_clip)
