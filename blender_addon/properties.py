"""What the add-on stores in a .blend: settings on the calibrated camera, pointers on the scene.

All of it survives a missing add-on, and an appended camera brings its settings along.
"""

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

METHODS = (
    (
        "closed-loop",
        "Closed Loop",
        "Measure the depth again at every realised camera: the Parallax Number is met exactly",
    ),
    ("felt", "Felt", "Match the image motion itself, measured at every realised camera"),
    ("static", "Static", "Use the depth seen by the first camera alone"),
    ("global", "Global", "One gain for the whole path, which keeps its shape"),
    ("global-norm", "Global Norm", "One gain, from the largest displacement of the path"),
    ("raw", "Raw", "No calibration: replay the reference in its own units"),
)
LENSES = (
    ("keep", "Keep", "Keep the target camera's lens"),
    ("copy", "Copy", "Copy the reference's field of view, zooms included"),
    ("compensate", "Compensate", "Keep the lens, and make up in speed for the different field of view"),
)
TIMINGS = (
    ("SECONDS", "Match Seconds", "The move lasts as long as the reference, whatever the frame rates"),
    ("FRAMES", "Match Frames", "Every frame of the reference becomes one frame of the scene"),
)
ROLES = (
    ("NONE", "None", ""),
    ("REFERENCE", "Reference Camera", ""),
    ("ANCHOR", "Anchor", ""),
    ("CAMERA", "Calibrated Camera", ""),
)


class CalibrationSettings(bpy.types.PropertyGroup):
    """How a camera is calibrated."""

    method: EnumProperty(name="Method", description="How the gain of every step is found", items=METHODS)
    lens: EnumProperty(name="Lens", description="Whose field of view the camera has", items=LENSES)
    timing: EnumProperty(
        name="Timing", description="How the reference's frames become frames of the scene", items=TIMINGS
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
    )
    frame_start: IntProperty(name="Start Frame", description="Frame of the scene at which the move begins", default=1)

    def copy_from(self, other: "CalibrationSettings") -> None:
        """Take over another camera's settings."""
        for name in ("method", "lens", "timing", "strength", "smooth", "frame_start"):
            setattr(self, name, getattr(other, name))


class ObjectSettings(bpy.types.PropertyGroup):
    """What an object of ours is, and what it was made from."""

    role: EnumProperty(name="Role", items=ROLES)
    text: PointerProperty(name="Shot", description="Text that holds the exact reference", type=bpy.types.Text)
    reference: PointerProperty(name="Reference", description="Reference camera it follows", type=bpy.types.Object)
    calibration: PointerProperty(type=CalibrationSettings)
    report: StringProperty(name="Report", description="What the last calibration found, as JSON")


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
    calibration: PointerProperty(type=CalibrationSettings)
    measured_depth: FloatProperty(
        name="Median Depth", description="What Measure found through the scene camera", default=0.0
    )

    generator: StringProperty(
        name="Generator", description="Which of the backend's generators to use", default="preview"
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
    workbench: BoolProperty(
        name="Workbench Picture",
        description="Render the first frame with Workbench, in a moment, instead of with the scene's own engine",
        default=False,
    )
    job_id: StringProperty(name="Job", description="The last job submitted from this scene")


CLASSES = (CalibrationSettings, ObjectSettings, SceneSettings)


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
