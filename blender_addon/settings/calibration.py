"""How a camera is calibrated: the settings that presets keep and the panel shows."""

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import bpy

from parascale.errors import InputError
from parascale.parallax.residuals import Weights
from parascale.parallax.settings import DEFAULT_PRESET, Settings

from ..typed_properties import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    ObjectProperty,
)
from .changes import notify
from .choices import (
    FOCUS_PULLS,
    HORIZONS,
    LENSES,
    MATCHES,
    METHODS,
    RETIMINGS,
    SIZES,
    SOLVERS,
    STATISTICS,
    TIMINGS,
)

# What the optimisation weighs: the names of `parascale.parallax.residuals.Weights`, and their sliders.
WEIGHTS = {f"weight_{each.name}": each.name for each in dataclasses.fields(Weights)}

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
    "keep_angles",
    "count_rotation",
    "framing",
    "horizon",
    "keep_clear",
    "max_jump",
    "match_at",
    "match_frame",
    "focus",
    "solver",
    *WEIGHTS,
    "size",
    "size_budget",
    "strength_along",
    "strength_across",
)
# What an empty marks, for one scene alone.
MARKS = ("target_place", "reference_place", "target_subject", "reference_subject")

# A camera that is new keeps what one of the command line keeps.
DEFAULTS = Settings.preset(DEFAULT_PRESET)


def _weight(name: str, counted: str) -> float:
    """Slider of the optimisation."""
    slider: float = FloatProperty(
        name=name, description=f"How much {counted}; 0 is not at all", default=1.0, min=0.0, soft_max=4.0, update=notify
    )
    return slider


class Snapshot(NamedTuple):
    """All that a camera takes over from another: settings by name, and the subject."""

    values: dict[str, object]
    subject: list[bpy.types.Object]


class SubjectObject(bpy.types.PropertyGroup):
    """One of the objects that are a target's subject."""

    item: bpy.types.Object | None = ObjectProperty()


class CalibrationSettings(bpy.types.PropertyGroup):
    """How a camera is calibrated."""

    method: str = EnumProperty(
        name="Method",
        description="How to find the gain of each step",
        items=METHODS,
        default=DEFAULTS.method,
        update=notify,
    )
    lens: str = EnumProperty(
        name="Lens",
        description="Whose field of view the camera has",
        items=LENSES,
        default=DEFAULTS.lens,
        update=notify,
    )
    focus: str = EnumProperty(
        name="Focus", description="What the focus distance follows along the path", items=FOCUS_PULLS, update=notify
    )
    timing: str = EnumProperty(
        name="Timing", description="How the reference's frames become frames of the scene", items=TIMINGS, update=notify
    )
    strength: float = FloatProperty(
        name="Strength", description="Multiplies the target Parallax Number", default=1.0, min=0.0, soft_max=4.0
    )
    smooth: float = FloatProperty(
        name="Smooth",
        description="Smooth the gain over this many frames; 0 is off",
        min=0.0,
        soft_max=50.0,
        update=notify,
    )
    max_gain_change: float = FloatProperty(
        name="Limit Gain",
        description="Largest change of the gain from its first value, as a logarithm: 0.7 is twice or half; 0 is "
        "no limit",
        min=0.0,
        soft_max=3.0,
        update=notify,
    )
    max_gain_step: float = FloatProperty(
        name="Limit per Frame",
        description="Largest change of the gain from one frame to the next, as a logarithm: 0.05 is 5 %; 0 is no limit",
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
    target_place: bpy.types.Object | None = ObjectProperty(
        name="Target",
        description="Marks the surface of the target whose depth counts, at the start frame",
        update=notify,
    )
    reference_place: bpy.types.Object | None = ObjectProperty(
        name="Reference", description="Marks the point of the reference whose depth counts", update=notify
    )
    retiming: str = EnumProperty(
        name="Retiming",
        description="Whether the move plays over another number of frames",
        items=RETIMINGS,
        update=notify,
    )
    retimed_frames: int = IntProperty(
        name="Frames", description="Frames of the scene that the move plays over", default=81, min=2, update=notify
    )
    framing: float = FloatProperty(
        name="Framing",
        description="How far the camera turns to hold the target's subject where the reference holds its own",
        default=DEFAULTS.framing,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=notify,
    )
    horizon: str = EnumProperty(
        name="Horizon",
        description="Which axes the camera turns about",
        items=HORIZONS,
        default=DEFAULTS.horizon,
        update=notify,
    )
    keep_clear: bool = BoolProperty(
        name="Keep Clear",
        description="Bend the path around surfaces instead of passing through them",
        default=DEFAULTS.clearance is None,
        update=notify,
    )
    max_jump: float = FloatProperty(
        name="Limit Jumps",
        description="Largest change of the gain from one frame to the next, as a logarithm, where the reference's own "
        "depth changes by less; 0 is no limit",
        default=DEFAULTS.max_jump or 0.0,
        min=0.0,
        soft_max=1.0,
        update=notify,
    )
    solver: str = EnumProperty(
        name="Solver",
        description="Whether the path is found step by step, or all poses at once",
        items=SOLVERS,
        default=DEFAULTS.solver,
        update=notify,
    )
    weight_felt_speed: float = _weight("Felt Speed", "Parallax Number and direction of each step count")
    weight_framing: float = _weight("Framing", "the subject's place in the picture counts")
    weight_horizon: float = _weight("Horizon", "a level horizon counts")
    weight_clearance: float = _weight("Clearance", "the distance to surfaces counts")
    weight_smooth: float = _weight("Smooth", "an even speed, without jumps and jerks, counts")
    size: str = EnumProperty(
        name="Subject Size", description="What keeps the subject's size in the picture", items=SIZES, update=notify
    )
    size_budget: float = FloatProperty(
        name="Budget",
        description="Largest change of the Parallax Number that the dolly may cost, as a logarithm: 0.1 is 10 %",
        default=DEFAULTS.size_budget,
        min=0.0,
        max=1.0,
        update=notify,
    )
    strength_along: float = FloatProperty(
        name="Along",
        description="Multiplies, beside the strength, the motion along the view",
        default=1.0,
        min=0.0,
        soft_max=4.0,
        update=notify,
    )
    strength_across: float = FloatProperty(
        name="Across",
        description="Multiplies, beside the strength, the motion across the view",
        default=1.0,
        min=0.0,
        soft_max=4.0,
        update=notify,
    )
    match_at: str = EnumProperty(
        name="Match At", description="Which frame of the move the anchor stands for", items=MATCHES, update=notify
    )
    match_frame: int = IntProperty(
        name="Frame",
        description="Frame of the scene at which the camera stands on its anchor",
        default=1,
        update=notify,
    )
    target_subject: bpy.types.Object | None = ObjectProperty(
        name="Target Subject", description="Marks what the camera holds in the target", update=notify
    )
    reference_subject: bpy.types.Object | None = ObjectProperty(
        name="Reference Subject", description="Marks what the reference's camera holds", update=notify
    )
    keep_angles: bool = BoolProperty(
        name="Keep Angles", description="Keep Felt Speed: keep the directions of view", update=notify
    )
    count_rotation: bool = BoolProperty(
        name="Count Rotation",
        description="Even: count rotation as motion, so that pans keep their time",
        update=notify,
    )

    @property
    def subject_objects(self) -> list[bpy.types.Object]:
        """The objects that are the subject; those deleted since are left out."""
        return [chosen.item for chosen in self.subject if chosen.item is not None]

    def measured_objects(self) -> list[bpy.types.Object] | None:
        """Return the objects whose depth alone counts; None where that of the whole frame does.

        Raises
        ------
        InputError
            Where none is chosen.
        """
        if self.statistic != "OBJECTS":
            return None
        if not self.subject_objects:
            raise InputError("no subject is chosen: select objects and press Use Selected, under Target")
        return self.subject_objects

    @property
    def keys_lens(self) -> bool:
        """Whether the camera's lens is another than its own, which may change along the path."""
        return self.lens == "copy" or self.size == "lens"

    def set_subject(self, objects: Iterable[bpy.types.Object]) -> None:
        """Make objects the subject of the target."""
        self.subject.clear()
        for item in objects:
            self.subject.add().item = item

    def snapshot(self) -> Snapshot:
        """Note all that a camera takes over from another as it is now."""
        values = {name: getattr(self, name) for name in (*SHARED_SETTINGS, *MARKS)}
        return Snapshot(values | {"reference_box": tuple(self.reference_box)}, self.subject_objects)

    def take(self, snapshot: Snapshot) -> None:
        """Take over settings that were noted."""
        for name, value in snapshot.values.items():
            setattr(self, name, value)
        self.set_subject(snapshot.subject)
