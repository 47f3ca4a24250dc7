"""How a camera is calibrated."""

from collections.abc import Iterable

import bpy

from ..typed_properties import (
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
)
from .changes import notify
from .choices import LENSES, METHODS, RETIMINGS, STATISTICS, TIMINGS

# What presets keep and one camera takes over from another, its subject and surfaces apart.
SHARED_SETTINGS = (
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


class SubjectObject(bpy.types.PropertyGroup):
    """One of the objects that are a target's subject."""

    item: bpy.types.Object | None = PointerProperty(type=bpy.types.Object)


class CalibrationSettings(bpy.types.PropertyGroup):
    """How a camera is calibrated."""

    method: str = EnumProperty(
        name="Method", description="How to find the gain of each step", items=METHODS, update=notify
    )
    lens: str = EnumProperty(name="Lens", description="Whose field of view the camera has", items=LENSES, update=notify)
    timing: str = EnumProperty(
        name="Timing",
        description="How the reference's frames become frames of the scene",
        items=TIMINGS,
        update=notify,
    )
    strength: float = FloatProperty(
        name="Strength", description="Multiplies the target Parallax Number", default=1.0, min=0.0, soft_max=4.0
    )
    smooth: float = FloatProperty(
        name="Smooth",
        description="Smooth the gain over this many frames; 0 is off",
        default=0.0,
        min=0.0,
        soft_max=50.0,
        update=notify,
    )
    max_gain_change: float = FloatProperty(
        name="Limit Gain",
        description="Largest change of the gain from its first value, as a logarithm: 0.7 is twice or half; 0 is "
        "no limit",
        default=0.0,
        min=0.0,
        soft_max=3.0,
        update=notify,
    )
    max_gain_step: float = FloatProperty(
        name="Limit per Frame",
        description="Largest change of the gain from one frame to the next, as a logarithm: 0.05 is 5 %; 0 is no limit",
        default=0.0,
        min=0.0,
        soft_max=1.0,
        update=notify,
    )
    frame_start: int = IntProperty(
        name="Start Frame", description="Frame of the scene at which the move begins", default=1, update=notify
    )
    statistic: str = EnumProperty(
        name="Depth Of", description="Whose depth both sides are compared by", items=STATISTICS, update=notify
    )
    subject: "bpy.types.bpy_prop_collection_idprop[SubjectObject]" = CollectionProperty(type=SubjectObject)
    reference_box: tuple[float, float, float, float] = FloatVectorProperty(
        name="Reference Box",
        description="Left, top, right and bottom of the subject in the reference's first frame, from 0 to 1",
        size=4,
        default=(0.25, 0.25, 0.75, 0.75),
        min=0.0,
        max=1.0,
        update=notify,
    )
    target_place: bpy.types.Object | None = PointerProperty(
        name="Target",
        description="Marks the surface of the target whose depth counts, at the start frame",
        type=bpy.types.Object,
        update=notify,
    )
    reference_place: bpy.types.Object | None = PointerProperty(
        name="Reference",
        description="Marks the point of the reference whose depth counts",
        type=bpy.types.Object,
        update=notify,
    )
    retiming: str = EnumProperty(
        name="Retiming",
        description="Whether the move plays over another number of frames",
        items=RETIMINGS,
        update=notify,
    )
    retimed_frames: int = IntProperty(
        name="Frames",
        description="Frames of the scene that the move plays over",
        default=81,
        min=2,
        update=notify,
    )

    @property
    def subject_objects(self) -> list[bpy.types.Object]:
        """The objects that are the subject; those deleted since are left out."""
        return [chosen.item for chosen in self.subject if chosen.item is not None]

    def set_subject(self, objects: Iterable[bpy.types.Object]) -> None:
        """Make objects the subject of the target."""
        self.subject.clear()
        for item in objects:
            self.subject.add().item = item

    def copy_from(self, other: "CalibrationSettings") -> None:
        """Take over another camera's settings."""
        for name in (*SHARED_SETTINGS, "target_place", "reference_place"):
            setattr(self, name, getattr(other, name))
        self.set_subject(other.subject_objects)
