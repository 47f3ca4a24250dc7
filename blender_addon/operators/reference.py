"""Bring a reference in: from a file of any format, from a camera of the scene, or solved from a clip by the backend."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import bpy

from parascale.blender.animation import Recording, has_unread_zoom, recording_of
from parascale.blender.scene_state import frame_rate
from parascale.errors import InputError, Notice
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.shot_file import read_shot
from parascale.link.kinds.solve import SolveRequest
from parascale.media.suffixes import VIDEO_SUFFIXES
from parascale.parallax.shot import Shot
from parascale.types import Array, Json
from parascale.weights.catalogue import DEPTH_MODELS

from ..advice import sentence
from ..jobs import job_list, session
from ..scene.files import READ_FORMATS, read_reference
from ..scene.objects import chosen_camera
from ..scene.reference_camera import adopt_reference
from ..scene.sampling import frames_of_move, sample_shot
from ..steps import DirectOperator, StepOperator, Steps
from ..stubs import Context, Outcome
from ..typed_properties import BoolProperty, EnumProperty, FloatProperty, IntProperty, IntVectorProperty, StringProperty
from .polls import needs_backend, needs_chosen_camera

# Cameras of the file that was read last, where it holds several: Adjust Last Operation shows them as a menu.
_offered: list[str] = []


def suggest_depth_models(_self: object, _context: Context, text: str) -> list[str]:
    """Return the names of the published depth models that contain a text."""
    return [name for name in DEPTH_MODELS if text.lower() in name]


class PARASCALE_OT_import_shot(DirectOperator):
    """Import a camera path as the reference: a shot file, or any of the formats that ParaScale reads"""

    bl_idname = "parascale.import_shot"
    bl_label = "Import Shot"
    bl_options = {"REGISTER", "UNDO"}

    filepath: str = StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    format: str = EnumProperty(name="Format", description="Format of the file", items=READ_FORMATS)
    depth: float = FloatProperty(
        name="Median Depth",
        description="Median depth of what the camera sees, in the path's unit, if the file has none; 0 is unknown",
        min=0.0,
    )
    fps: float = FloatProperty(
        name="Frame Rate", description="Frames a second, if the file has none; 0 takes the format's own", min=0.0
    )
    fov: float = FloatProperty(
        name="Field of View", description="Horizontal, in degrees, if the file has none; 0 is unknown", min=0.0
    )
    size: tuple[int, int] = IntVectorProperty(
        name="Picture Size", description="In pixels, if the file has none; 0 is unknown", size=2, min=0
    )
    camera: str = StringProperty(
        name="Camera",
        description="Camera to read from a file that holds several; those of the file last read are offered",
        search=lambda _self, _context, text: offered_cameras(text),
        search_options={"SUGGESTION"},
    )

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: Context) -> None:
        if not self.filepath:
            raise InputError("no file is named: choose which to read")
        size = (self.size[0], self.size[1]) if all(self.size) else None
        overrides = UserOverrides(size, self.fps or None, self.fov or None, self.camera or None)
        try:
            imported = read_reference(Path(bpy.path.abspath(self.filepath)), self.format, overrides, self.depth)
        except InputError as error:
            _offer_cameras([error.notice])
            raise
        _offer_cameras(imported.notices)
        adopt_reference(context.scene, imported.shot)
        for notice in imported.notices:
            self.report({"WARNING"}, sentence(notice))
        if math.isnan(imported.shot.median_depth[0]):
            self.report({"WARNING"}, "The file has no depth: import it again with a Median Depth to calibrate by it")
        self.report({"INFO"}, _describe(imported.shot))


class PARASCALE_OT_use_camera(StepOperator):
    """Take the move of the active camera through this scene as the reference, with its constraints and parents"""

    bl_idname = "parascale.use_camera"
    bl_label = "Use Active Camera"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_chosen_camera,)

    def steps(self, context: Context) -> Steps[None]:
        scene = context.scene
        camera = chosen_camera(context)
        assert camera is not None
        frames, recording = frames_of_move(scene, camera), recording_of(camera)
        shot = yield from sample_shot(scene, camera, frames, recording.rate if recording else None)
        if math.isnan(shot.median_depth[0]):
            raise InputError(f"{camera.name} sees no surface in its first frame, so its parallax cannot be measured")
        adopt_reference(scene, shot)
        for warning in _doubts(scene, camera, recording):
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, _describe(shot) + _describe_frames(scene, frames))


class PARASCALE_OT_solve_clip(StepOperator):
    """Solve the camera of a clip from its pixels: a video file or a folder of images"""

    bl_idname = "parascale.solve_clip"
    bl_label = "Solve Clip"
    bl_options = {"REGISTER", "UNDO"}

    filepath: str = StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_movie: bool = BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: bool = BoolProperty(default=True, options={"HIDDEN"})
    fov: float = FloatProperty(
        name="Field of View", description="Horizontal, in degrees; 0 if unknown", min=0.0, max=179.0
    )
    focal: float = FloatProperty(name="Focal Length", description="In pixels of the clip; 0 if unknown", min=0.0)
    depth_model: str = StringProperty(
        name="Depth Model",
        description=(
            "Depth model of the backend that says how deep the clip looks, aligned to the solved points: a published "
            "one, or a folder of weights there. Empty takes the depth of the tracks"
        ),
        search=suggest_depth_models,
        search_options={"SUGGESTION"},
    )
    start: int = IntProperty(name="Start", description="First frame of the clip to use", min=0)
    end: int = IntProperty(name="End", description="Frame of the clip after the last one to use; 0 is its end", min=0)
    needs = (needs_backend,)

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
        request = SolveRequest(
            path, self.focal or None, self.fov or None, self.start, self.end or None, self.depth_model or None
        )
        yield from now.connect()
        # What Retry gives this operator again.
        record: dict[str, Json] = {"filepath": str(path), "fov": self.fov, "focal": self.focal}
        record |= {"depth_model": self.depth_model, "start": self.start, "end": self.end}
        job = session.new_job(request, path.stem, context.scene, record)
        now.submit(job, request)
        try:
            yield from now.follow_job(job)
        except InputError as error:
            if not (job.shots and self.is_modal):
                raise
            self.report({"WARNING"}, sentence(error))
            job_list.choose(job)
            bpy.ops.wm.call_menu(name="PARASCALE_MT_shots")
            return
        shot = read_shot(Path(job.files["shot"]))
        adopt_reference(context.scene, shot, clip=path)
        now.set_state(job, "used")
        self.report({"INFO"}, _describe(shot))


class _DropInView(bpy.types.FileHandler):
    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


class PARASCALE_FH_shot(_DropInView):
    bl_label = "ParaScale Shot"
    bl_import_operator = "parascale.import_shot"
    bl_file_extensions = ".json"


class PARASCALE_FH_clip(_DropInView):
    bl_label = "ParaScale Reference Clip"
    bl_import_operator = "parascale.solve_clip"
    bl_file_extensions = ";".join(VIDEO_SUFFIXES)


def offered_cameras(text: str) -> list[str]:
    """List those of the cameras on offer whose names hold a text."""
    return [name for name in _offered if text.lower() in name.lower()]


def _offer_cameras(notices: Iterable[Notice]) -> None:
    """Offer the cameras that notices name; without any, those offered before stay, as after one was chosen."""
    for notice in notices:
        if notice.remedy == "camera":
            _offered[:] = notice.choices


def _doubts(scene: bpy.types.Scene, camera: bpy.types.Object, recording: Recording | None) -> Iterator[str]:
    """Say where a camera's file and this scene may not agree."""
    shown, name = frame_rate(scene), "" if recording is None else recording.name
    if recording is not None and recording.rate is None:
        yield f"The frame rate of {name} could not be read: the scene's {shown:g} a second was taken"
    elif recording is not None and not math.isclose(recording.rate or shown, shown, rel_tol=1e-3):
        yield f"{name} has {recording.rate:g} frames a second, the scene {shown:g}: the reference keeps the file's"
    if has_unread_zoom(camera):
        yield (
            f"Blender {bpy.app.version_string} takes an Alembic camera's lens from its first frame: if it zooms, key "
            "its Focal Length and use the camera again"
        )


def _describe_frames(scene: bpy.types.Scene, frames: Array) -> str:
    """Say which frames were taken where they are not those of the scene."""
    taken, shown = (int(frames[0]), int(frames[-1])), (scene.frame_start, scene.frame_end)
    if taken == shown:
        return ""
    return f"; frames {taken[0]} to {taken[1]}, where it moves (the scene's range is {shown[0]} to {shown[1]})"


def _describe(shot: Shot) -> str:
    """Describe a shot in one line."""
    return f"{shot.name}: {len(shot)} frames at {shot.fps:g} a second, {shot.motion_class} motion"
