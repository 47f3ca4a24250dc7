"""What the add-on stores in a .blend: settings on the calibrated camera, pointers on the scene.

All of it survives a missing add-on, and an appended camera brings its settings along.
"""

from collections.abc import Iterable

import bpy

from parascale.blender.surfaces import UNMEASURED
from parascale.parallax.settings import Settings
from parascale.weights.catalogue import DEPTH_MODELS

from ..typed_properties import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    ObjectProperty,
    PointerProperty,
    StringProperty,
)
from .changes import notify
from .choices import (
    DEPTH_SOURCES,
    HORIZONS,
    LENSES,
    MATCHES,
    METHODS,
    PICTURES,
    RETIMINGS,
    ROLES,
    STARTS,
    STATISTICS,
    TIMINGS,
)
from .generators import search_generators

# Custom properties of a calibrated camera, which play and may be animated without the add-on.
STRENGTH = "parascale_strength"
TIME = "parascale_time"

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
)
# What an empty marks, for one scene alone.
MARKS = ("target_place", "reference_place", "target_subject", "reference_subject")

# Those of a calibration without the add-on.
DEFAULTS = Settings()


class SubjectObject(bpy.types.PropertyGroup):
    """One of the objects that are a target's subject."""

    item: bpy.types.Object | None = ObjectProperty()


class CalibrationSettings(bpy.types.PropertyGroup):
    """How a camera is calibrated."""

    method: str = EnumProperty(
        name="Method", description="How to find the gain of each step", items=METHODS, update=notify
    )
    lens: str = EnumProperty(name="Lens", description="Whose field of view the camera has", items=LENSES, update=notify)
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

    def set_subject(self, objects: Iterable[bpy.types.Object]) -> None:
        """Make objects the subject of the target."""
        self.subject.clear()
        for item in objects:
            self.subject.add().item = item

    def copy_from(self, other: "CalibrationSettings") -> None:
        """Take over another camera's settings."""
        for name in (*SHARED_SETTINGS, *MARKS):
            setattr(self, name, getattr(other, name))
        self.set_subject(other.subject_objects)


class ObjectSettings(bpy.types.PropertyGroup):
    """What an object of ours is, and what it was made from."""

    role: str = EnumProperty(name="Role", items=ROLES)
    text: bpy.types.Text | None = PointerProperty(
        name="Shot", description="Text that holds the exact reference", type=bpy.types.Text
    )
    points: bpy.types.Object | None = ObjectProperty(name="Points", description="Mesh of the reference's points")
    reference: bpy.types.Object | None = ObjectProperty(
        name="Reference",
        description="Reference shot that this camera follows",
        poll=lambda _, candidate: settings_of_object(candidate).role == "REFERENCE",
        update=notify,
    )
    calibration: CalibrationSettings = PointerProperty(type=CalibrationSettings)
    report: str = StringProperty(name="Report", description="Result of the last calibration, as JSON")
    inputs: str = StringProperty(name="Inputs", description="Inputs of the last calibration, as JSON")
    draft: bool = BoolProperty(name="Draft", description="Whether the keys are a quick draft of fewer rays")
    own_lens: tuple[float, float, float] = FloatVectorProperty(
        name="Own Lens", description="Lens and shift from before the reference's were copied; 0 if not copied"
    )
    # The property that is animated is a plain one, which plays without the add-on; this one answers while it slides.
    strength: float = FloatProperty(
        name="Strength",
        description="Multiplies the target Parallax Number",
        min=0.0,
        soft_max=4.0,
        get=lambda settings: float(settings.id_data.get(STRENGTH, 1.0)),
        set=lambda settings, value: settings.id_data.__setitem__(STRENGTH, value),
        update=notify,
    )


class PhotoSettings(bpy.types.PropertyGroup):
    """A photo that is the target, where its depth comes from, and what that found."""

    picture: str = StringProperty(name="Photo", description="Picture that becomes the target", subtype="FILE_PATH")
    source: str = EnumProperty(name="Depth", description="Where the depth of the photo comes from", items=DEPTH_SOURCES)
    model: str = StringProperty(
        name="Model",
        description=f"Depth model of the backend: {', '.join(DEPTH_MODELS)}, or a folder of weights there",
        default="depth-anything-v2-small",
    )
    depth_path: str = StringProperty(
        name="Depth Map", description="Depth of every pixel along the optical axis", subtype="FILE_PATH"
    )
    depth_scale: float = FloatProperty(
        name="Scale",
        description="Converts the file's values to units of the scene; 0 takes 0.001 for PNG and 1 for all others",
        min=0.0,
        precision=4,
    )
    distance: float = FloatProperty(
        name="Distance", description="Distance of the wall", default=5.0, min=0.001, subtype="DISTANCE"
    )
    fov: float = FloatProperty(
        name="Field of View",
        description="Horizontal, in degrees; 0 takes the model's, or 50 without a model",
        min=0.0,
        max=179.0,
    )
    surface: bpy.types.Object | None = ObjectProperty(name="Surface", description="Surface made of the photo")
    camera: bpy.types.Object | None = ObjectProperty(name="Camera", description="Camera that sees the photo")
    found: str = StringProperty(name="Found", description="What is known of the depth, as JSON")


def _follow_camera(state: "SceneSettings", _context: object) -> None:
    # Header and panels speak of one shot: that of the camera at hand.
    if state.camera is not None and settings_of_object(state.camera).reference is not None:
        state.reference = settings_of_object(state.camera).reference


def _mark_unmeasured(state: "SceneSettings", _context: object) -> None:
    for group in bpy.data.collections:
        if group == state.unmeasured:
            group[UNMEASURED] = True
        elif group.get(UNMEASURED):
            del group[UNMEASURED]


class SceneSettings(bpy.types.PropertyGroup):
    """What the tab works on."""

    reference: bpy.types.Object | None = ObjectProperty(
        name="Reference",
        description="Reference shot whose motion is carried over",
        poll=lambda _, candidate: settings_of_object(candidate).role == "REFERENCE",
    )
    camera: bpy.types.Object | None = ObjectProperty(
        name="Calibrated Camera",
        description="Camera to rebuild and to generate from",
        poll=lambda _, candidate: settings_of_object(candidate).role == "CAMERA",
        update=_follow_camera,
    )
    start_from: str = EnumProperty(name="Start From", description="Where a new calibrated camera starts", items=STARTS)
    calibration: CalibrationSettings = PointerProperty(type=CalibrationSettings)
    measured_depth: float = FloatProperty(name="Median Depth", description="Median depth that Measure Target found")
    measured_near: float = FloatProperty(name="Near Depth", description="10 % of the picture is nearer than this")
    measured_far: float = FloatProperty(name="Far Depth", description="10 % of the picture is farther than this")
    measured_cover: float = FloatProperty(name="Covered", description="Share of the picture that shows a surface")
    unmeasured: bpy.types.Collection | None = PointerProperty(
        name="Leave Out",
        description="Collection whose objects are never measured",
        type=bpy.types.Collection,
        update=_mark_unmeasured,
    )
    show_measured: bool = BoolProperty(
        name="Show Measured Surface", description="Paint the points that were measured last into the viewport"
    )
    show_overlay: bool = BoolProperty(
        name="Overlay",
        description="Show the calibrated path in the viewport, coloured by its Parallax Number",
        default=True,
    )
    generator: str = StringProperty(
        name="Generator",
        description="Generator of the backend to use",
        default="preview",
        search=lambda _settings, _context, text: search_generators(text),
    )
    prompt: str = StringProperty(name="Prompt", description="Text prompt, for generators that take one")
    seed: int = IntProperty(name="Seed", description="Same seed, same video", min=0)
    fps: float = FloatProperty(
        name="Frame Rate", description="Frames a second of the video; 0 takes the reference's own", min=0.0
    )
    frames: int = IntProperty(
        name="Frames", description="Frames of the video; 0 takes as many as the move lasts", min=0
    )
    long_side: int = IntProperty(
        name="Long Side", description="Longer side of the video in pixels", default=832, min=64, max=4096, step=16
    )
    picture: str = EnumProperty(name="Picture", description="The picture the video starts from", items=PICTURES)
    picture_path: str = StringProperty(
        name="File",
        description="Picture of the first frame",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    workbench: bool = BoolProperty(
        name="Workbench Picture",
        description="Render the first frame with Workbench, in a moment, instead of with the scene's own engine",
    )
    photo: PhotoSettings = PointerProperty(type=PhotoSettings)
    comparison: str = StringProperty(name="Comparison", description="Result of Compare Methods, as JSON")
    job_id: str = StringProperty(name="Job", description="The last job submitted from this scene")

    @property
    def current(self) -> CalibrationSettings:
        """The settings the tab shows: the calibrated camera's, or those of the next one. Presets use it."""
        return self.calibration if self.camera is None else settings_of_object(self.camera).calibration


def settings_of_object(item: bpy.types.Object) -> ObjectSettings:
    """Return what the add-on stores on an object."""
    return item.parascale  # type: ignore[attr-defined, no-any-return]  # registered, which the stubs do not know


def settings_of_scene(scene: bpy.types.Scene) -> SceneSettings:
    """Return what the add-on stores on a scene."""
    return scene.parascale  # type: ignore[attr-defined, no-any-return]


PROPERTIES = (
    (bpy.types.Object, "parascale", PointerProperty(type=ObjectSettings)),
    (bpy.types.Scene, "parascale", PointerProperty(type=SceneSettings)),
)
