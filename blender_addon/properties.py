"""What the add-on stores in a .blend: settings on the calibrated camera, pointers on the scene.

All of it survives a missing add-on, and an appended camera brings its settings along.
"""

from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from parascale.parallax import lens, methods
from parascale.retime import modes
from parascale.types import Choice

from . import backend_lists, photo_settings
from .stubs import Context

STRENGTH = "parascale_strength"
TIME = "parascale_time"


def _items(choices: Iterable[Choice]) -> tuple[tuple[str, str, str], ...]:
    return tuple((choice.name, choice.label, choice.description) for choice in choices)


METHODS = _items(methods.METHODS.values())
LENSES = _items(lens.LENSES.values())
TIMINGS = (
    ("SECONDS", "Match Seconds", "The move lasts as long as the reference, whatever the frame rates"),
    ("FRAMES", "Match Frames", "Every frame of the reference becomes one frame of the scene"),
)
STATISTICS = (
    ("FRAME", "Whole Frame", "Median depth of all that is seen, on both sides"),
    ("OBJECTS", "Subject", "Median depth of chosen objects, and of what lies in a box of the reference's first frame"),
    ("FOCUS", "Focus", "What the cameras focus on: focus object or distance of the target and of the reference camera"),
    ("SURFACE", "Surface", "A surface clicked in the viewport, and a point of the reference clicked there"),
)
RETIMINGS = (
    ("NONE", "As It Is", "The move keeps the reference's timing"),
    *_items(modes.MODES.values()),
)
STARTS = (
    ("CAMERA", "Scene Camera", "Start where the scene camera stands, with its lens", "CAMERA_DATA", 0),
    ("VIEWPORT", "Viewport", "Start from the view of the 3D viewport", "VIEW3D", 1),
)
PICTURES = (
    ("RENDER", "Render", "Render the first frame", "RENDER_STILL", 0),
    ("VIEWPORT", "Viewport", "Take what the 3D viewport shows through the camera", "VIEW3D", 1),
    ("FILE", "File", "Take a picture from a file: one that shows what the first frame sees", "FILE_IMAGE", 2),
)
ROLES = (
    ("NONE", "None", ""),
    ("REFERENCE", "Reference Camera", ""),
    ("ANCHOR", "Anchor", ""),
    ("CAMERA", "Calibrated Camera", ""),
)

# What presets keep and one camera takes over from another, its subject and surfaces apart.
SHARED = (
    "method",
    "lens",
    "timing",
    "strength",
    "smooth",
    "max_gain_change",
    "max_gain_step",
    "frame_start",
    "statistic",
    "reference_box",
    "retiming",
    "retimed_frames",
)


def _changed(settings: Any, _context: Context) -> None:
    from . import live

    live.on_change(settings.id_data)


class SubjectObject(bpy.types.PropertyGroup):
    """One of the objects that are a target's subject."""

    item: PointerProperty(type=bpy.types.Object)


class CalibrationSettings(bpy.types.PropertyGroup):
    """How a camera is calibrated."""

    method: EnumProperty(
        name="Method", description="How the gain of every step is found", items=METHODS, update=_changed
    )
    lens: EnumProperty(name="Lens", description="Whose field of view the camera has", items=LENSES, update=_changed)
    timing: EnumProperty(
        name="Timing",
        description="How the reference's frames become frames of the scene",
        items=TIMINGS,
        update=_changed,
    )
    strength: FloatProperty(
        name="Strength",
        description="Multiplies the Parallax Number that is asked for",
        default=1.0,
        min=0.0,
        soft_max=4.0,
    )
    smooth: FloatProperty(
        name="Smooth",
        description="Smooth the gain over this many frames; 0 is off",
        default=0.0,
        min=0.0,
        soft_max=50.0,
        update=_changed,
    )
    max_gain_change: FloatProperty(
        name="Limit Gain",
        description="How far the gain may go from its first value, in logarithms: 0.7 is twice or half; 0 is no limit",
        default=0.0,
        min=0.0,
        soft_max=3.0,
        update=_changed,
    )
    max_gain_step: FloatProperty(
        name="Limit per Frame",
        description="How far the gain may go from one frame to the next, in logarithms: 0.05 is 5 %; 0 is no limit",
        default=0.0,
        min=0.0,
        soft_max=1.0,
        update=_changed,
    )
    frame_start: IntProperty(
        name="Start Frame", description="Frame of the scene at which the move begins", default=1, update=_changed
    )
    statistic: EnumProperty(
        name="Depth Of", description="Whose depth both sides are compared by", items=STATISTICS, update=_changed
    )
    subject: CollectionProperty(type=SubjectObject)
    reference_box: FloatVectorProperty(
        name="Reference Box",
        description="Left, top, right and bottom of the subject in the reference's first frame, in shares of it",
        size=4,
        default=(0.25, 0.25, 0.75, 0.75),
        min=0.0,
        max=1.0,
        update=_changed,
    )
    target_place: PointerProperty(
        name="Target",
        description="Marks the surface of the target whose depth counts, as it stands at the start frame",
        type=bpy.types.Object,
        update=_changed,
    )
    reference_place: PointerProperty(
        name="Reference",
        description="Marks the point of the reference whose depth counts",
        type=bpy.types.Object,
        update=_changed,
    )
    retiming: EnumProperty(
        name="Retiming", description="Whether the move plays over other frames", items=RETIMINGS, update=_changed
    )
    retimed_frames: IntProperty(
        name="Frames", description="Frames of the scene that the move plays over", default=81, min=2, update=_changed
    )

    def copy_from(self, other: "CalibrationSettings") -> None:
        """Take over another camera's settings."""
        for name in (*SHARED, "target_place", "reference_place"):
            setattr(self, name, getattr(other, name))
        set_subject(self, [chosen.item for chosen in other.subject if chosen.item is not None])


class ObjectSettings(bpy.types.PropertyGroup):
    """What an object of ours is, and what it was made from."""

    role: EnumProperty(name="Role", items=ROLES)
    text: PointerProperty(name="Shot", description="Text that holds the exact reference", type=bpy.types.Text)
    points: PointerProperty(name="Points", description="What shows the points of the reference", type=bpy.types.Object)
    reference: PointerProperty(name="Reference", description="Reference camera it follows", type=bpy.types.Object)
    calibration: PointerProperty(type=CalibrationSettings)
    report: StringProperty(name="Report", description="What the last calibration found, as JSON")
    inputs: StringProperty(name="Inputs", description="What the last calibration was made from, as JSON")
    draft: BoolProperty(name="Draft", description="Whether the keys are a quick draft of fewer rays")
    own_lens: FloatVectorProperty(
        name="Own Lens", description="Lens and shift from before the reference's were copied; 0 where they were not"
    )
    # The property that is animated is a plain one, which plays without the add-on; this one answers while it slides.
    strength: FloatProperty(
        name="Strength",
        description="Multiplies the Parallax Number that is asked for",
        min=0.0,
        soft_max=4.0,
        get=lambda settings: float(settings.id_data.get(STRENGTH, 1.0)),
        set=lambda settings, value: settings.id_data.__setitem__(STRENGTH, value),
        update=_changed,
    )


class SceneSettings(bpy.types.PropertyGroup):
    """What the tab works on."""

    reference: PointerProperty(
        name="Reference",
        description="Reference shot whose motion is carried over",
        type=bpy.types.Object,
        poll=lambda _, candidate: of_object(candidate).role == "REFERENCE",
    )
    camera: PointerProperty(
        name="Calibrated Camera",
        description="Camera that is rebuilt and generated from",
        type=bpy.types.Object,
        poll=lambda _, candidate: of_object(candidate).role == "CAMERA",
    )
    start_from: EnumProperty(name="Start From", description="Where a new calibrated camera starts", items=STARTS)
    calibration: PointerProperty(type=CalibrationSettings)
    measured_depth: FloatProperty(
        name="Median Depth", description="What Measure found through the scene camera", default=0.0
    )
    measured_near: FloatProperty(name="Near Depth", description="A tenth of the picture is nearer than this")
    measured_far: FloatProperty(name="Far Depth", description="A tenth of the picture is farther than this")
    measured_cover: FloatProperty(name="Covered", description="Share of the picture that shows a surface")
    show_overlay: BoolProperty(
        name="Overlay",
        description="Show the calibrated path in the viewport, coloured by its Parallax Number",
        default=True,
    )

    generator: StringProperty(
        name="Generator",
        description="Which of the backend's generators to use",
        default="preview",
        search=lambda _settings, _context, text: backend_lists.generators_like(text),
    )
    prompt: StringProperty(name="Prompt", description="What the video should show, for generators that read it")
    seed: IntProperty(name="Seed", description="Same seed, same video", default=0, min=0)
    fps: FloatProperty(
        name="Frame Rate", description="Frames a second of the video; 0 takes the reference's own", default=0.0, min=0.0
    )
    frames: IntProperty(
        name="Frames", description="Frames of the video; 0 takes as many as the move lasts", default=0, min=0
    )
    long_side: IntProperty(
        name="Long Side", description="Longer side of the video in pixels", default=832, min=64, max=4096, step=16
    )
    picture: EnumProperty(name="Picture", description="The picture the video starts from", items=PICTURES)
    picture_path: StringProperty(
        name="File",
        description="Picture of what the first frame sees",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    workbench: BoolProperty(
        name="Workbench Picture",
        description="Render the first frame with Workbench, in a moment, instead of with the scene's own engine",
        default=False,
    )
    photo: PointerProperty(type=photo_settings.PhotoSettings)
    comparison: StringProperty(name="Comparison", description="What Compare Methods found, as JSON")
    job_id: StringProperty(name="Job", description="The last job submitted from this scene")

    @property
    def current(self) -> Any:
        """Return the settings the tab shows: the calibrated camera's, or those of the next one. Presets use it."""
        return self.calibration if self.camera is None else of_object(self.camera).calibration


CLASSES = (*photo_settings.CLASSES, SubjectObject, CalibrationSettings, ObjectSettings, SceneSettings)


# The stubs do not know what an add-on registers, hence what is ignored below.


def attach() -> None:
    """Give objects and scenes their settings."""
    bpy.types.Object.parascale = PointerProperty(type=ObjectSettings)  # type: ignore[attr-defined]
    bpy.types.Scene.parascale = PointerProperty(type=SceneSettings)  # type: ignore[attr-defined]


def detach() -> None:
    """Undo `attach`; what files hold stays in them."""
    del bpy.types.Object.parascale  # type: ignore[attr-defined]
    del bpy.types.Scene.parascale  # type: ignore[attr-defined]


def of_object(datablock: bpy.types.Object) -> Any:
    """Return the `ObjectSettings` of an object."""
    return datablock.parascale  # type: ignore[attr-defined]


def of_scene(scene: bpy.types.Scene) -> Any:
    """Return the `SceneSettings` of a scene."""
    return scene.parascale  # type: ignore[attr-defined]


def set_subject(settings: Any, objects: list[bpy.types.Object]) -> None:
    """Make objects the subject of a target."""
    settings.subject.clear()
    for item in objects:
        settings.subject.add().item = item


def subject_of(settings: Any) -> list[bpy.types.Object]:
    """Return the objects that are the subject; those deleted since are left out."""
    return [chosen.item for chosen in settings.subject if chosen.item is not None]
