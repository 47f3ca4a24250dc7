"""Bring a reference in: from a file of any format, from a camera of the scene, or solved from a clip by the backend."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import bpy

from parascale.blender.animation import Recording, has_unread_zoom, recording_of
from parascale.blender.scene_state import frame_rate
from parascale.errors import InputError, Notice
from parascale.files.raw_trajectory import UserOverrides
from parascale.media.suffixes import VIDEO_SUFFIXES
from parascale.types import Array, Json
from parascale.weights.catalogue import DEPTH_MODELS

from ..advice import sentence
from ..jobs.requests import solve_clip
from ..scene.cameras import chosen_camera, reference_of_scene
from ..scene.edited_reference import EDITS
from ..scene.example_moves import MOVES, example_shot
from ..scene.files import READ_FORMATS, read_reference
from ..scene.reference_camera import adopt_reference, describe_shot, reference_names, whole_shot
from ..scene.sampling import frames_of_move, sample_shot
from ..settings.choices import items_of
from ..steps import Call, DirectOperator, StepOperator, Steps
from ..stubs import Context, Outcome
from ..tasks import WRITE
from ..typed_properties import BoolProperty, EnumProperty, FloatProperty, IntProperty, IntVectorProperty, StringProperty
from .polls import needs_backend, needs_chosen_camera, needs_reference

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
        self.report({"INFO"}, describe_shot(imported.shot))


class PARASCALE_OT_use_camera(StepOperator):
    """Take the move of the active camera through this scene as the reference, with its constraints and parents"""

    bl_idname = "parascale.use_camera"
    bl_label = "Use Active Camera"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_chosen_camera,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        camera = chosen_camera(context)
        assert camera is not None
        frames, recording = frames_of_move(scene, camera), recording_of(scene, camera)
        shot = yield from sample_shot(scene, camera, frames, _scene_rate_of(recording))
        if math.isnan(shot.median_depth[0]):
            raise InputError(f"{camera.name} sees no surface in its first frame, so its parallax cannot be measured")
        yield WRITE
        adopt_reference(scene, shot)
        for warning in _doubts(scene, camera, recording):
            call.report({"WARNING"}, warning)
        call.report({"INFO"}, describe_shot(shot) + _describe_frames(scene, frames))


class PARASCALE_OT_solve_clip(StepOperator):
    """Solve the camera of a clip from its pixels: a video file or a folder of images"""

    bl_idname = "parascale.solve_clip"
    bl_label = "Solve Clip"
    bl_options = {"REGISTER", "UNDO"}

    filepath: str = StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_movie: bool = BoolProperty(default=True, options={"HIDDEN"})
    filter_image: bool = BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: bool = BoolProperty(default=True, options={"HIDDEN"})
    fov: float = FloatProperty(
        name="Field of View", description="Horizontal, in degrees; 0 if unknown", min=0.0, max=179.0
    )
    focal: float = FloatProperty(name="Focal Length", description="In pixels of the clip; 0 if unknown", min=0.0)
    fps: float = FloatProperty(
        name="Frame Rate",
        description="Pictures a second, of a folder or sequence of images; 0 takes what their names tell",
        min=0.0,
        soft_max=120.0,
    )
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
        self.was_asked = True
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        given = ("filepath", "fov", "focal", "fps", "depth_model", "start", "end")
        asked: dict[str, Json] = {name: getattr(call, name) for name in given}
        yield from solve_clip(context, asked, call)


class PARASCALE_OT_use_example(DirectOperator):
    """Take one of the moves that people film, written by formula, as the reference"""

    bl_idname = "parascale.use_example"
    bl_label = "Example Move"
    bl_options = {"REGISTER", "UNDO"}

    move: str = EnumProperty(name="Move", description="Which move", items=items_of(MOVES.values()))

    def run(self, context: Context) -> None:
        shot = example_shot(self.move)
        adopt_reference(context.scene, shot)
        self.report({"INFO"}, describe_shot(shot))


class PARASCALE_OT_edit_reference(DirectOperator):
    """Make another reference of the one at hand; that one stays"""

    bl_idname = "parascale.edit_reference"
    bl_label = "Edit Reference"
    bl_options = {"REGISTER", "UNDO"}

    edit: str = EnumProperty(name="Edit", description="What to change", items=items_of(EDITS.values()))
    amount: float = FloatProperty(
        name="Amount",
        description="Hold and Join: seconds. Scale and Take Shake: factor",
        default=1.0,
        min=0.0,
        soft_max=4.0,
    )
    other: str = StringProperty(
        name="Other",
        description="Reference to go on with",
        search=lambda _self, _context, text: [name for name in reference_names() if text.lower() in name.lower()],
    )
    needs = (needs_reference,)

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        if not EDITS[self.edit].needs_other or self.other:
            return self.execute(context)
        others = [name for name in reference_names() if name != reference_of_scene(context.scene).name]
        self.other = others[-1] if others else ""
        return context.window_manager.invoke_props_dialog(self)  # type: ignore[no-any-return]

    def run(self, context: Context) -> None:
        scene = context.scene
        shot = whole_shot(reference_of_scene(scene))
        other = bpy.data.objects.get(self.other)
        at = min(max((scene.frame_current - scene.frame_start) / shot.fps, 0.0), float(shot.trajectory.times[-1]))
        edit = EDITS[self.edit]
        edited = edit.function(shot, None if other is None else whole_shot(other), self.amount, at)
        adopt_reference(scene, dataclasses.replace(edited, name=f"{shot.name} {edit.label}"))
        self.report({"INFO"}, describe_shot(edited))
        for notice in edited.notices if edit.needs_other else ():
            self.report({"WARNING"}, sentence(notice))


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


def _scene_rate_of(recording: Recording | None) -> float | None:
    """Return the frames of the scene that a file takes a second; None where no file says."""
    return recording.rate * recording.step if recording is not None and recording.rate else None


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
