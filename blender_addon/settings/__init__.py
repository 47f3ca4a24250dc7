"""What the add-on stores in a .blend: settings on the calibrated camera, pointers on the scene.

All of it survives a missing add-on, and an appended camera brings its settings along.
"""

import bpy

from parascale.blender.keyframes import FOCUS_DISTANCE, LENS
from parascale.blender.surfaces import UNMEASURED

from ..typed_properties import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    ObjectProperty,
    PointerProperty,
    StringProperty,
)
from .calibration import CalibrationSettings
from .changes import notify
from .choices import COMPARISONS, PICTURES, ROLES, STARTS
from .generators import search_generators
from .photo import PhotoSettings

# Custom properties of a calibrated camera, which play and may be animated without the add-on.
STRENGTH = "parascale_strength"
TIME = "parascale_time"


def _follow_reference(ours: "ObjectSettings", context: bpy.types.Context) -> None:
    # As where another camera is chosen: header and panel speak of one shot.
    state = settings_of_scene(context.scene) if context.scene is not None else None
    if state is not None and state.camera == ours.id_data and ours.reference is not None:
        state.reference = ours.reference
    notify(ours, context)


class ObjectSettings(bpy.types.PropertyGroup):
    """What an object of ours is, and what it was made from."""

    role: str = EnumProperty(name="Role", items=ROLES)
    text: bpy.types.Text | None = PointerProperty(
        name="Shot", description="Text that holds the exact reference", type=bpy.types.Text
    )
    # As text: a number of Blender's own is too coarse.
    made: str = StringProperty(name="Made", description="When a reference was made, in seconds since 1970")
    film: bpy.types.Image | None = PointerProperty(
        name="Film", description="The reference's own pictures", type=bpy.types.Image
    )
    points: bpy.types.Object | None = ObjectProperty(name="Points", description="Mesh of the reference's points")
    reference: bpy.types.Object | None = ObjectProperty(
        name="Reference",
        description="Reference shot that this camera follows",
        poll=lambda _, candidate: settings_of_object(candidate).role == "REFERENCE",
        update=_follow_reference,
    )
    calibration: CalibrationSettings = PointerProperty(type=CalibrationSettings)
    report: str = StringProperty(name="Report", description="Result of the last calibration, as JSON")
    inputs: str = StringProperty(name="Inputs", description="Inputs of the last calibration, as JSON")
    compared: bpy.types.Image | None = PointerProperty(
        name="Compared", description="Pictures that Compare Shots made", type=bpy.types.Image
    )
    draft: bool = BoolProperty(name="Draft", description="Whether the keys are a quick draft of fewer rays")
    own_lens: tuple[float, float, float] = FloatVectorProperty(
        name="Own Lens", description="Lens and shift from before the reference's were copied; 0 if not copied"
    )
    own_focus: float = FloatProperty(
        name="Own Focus", description="Focus distance from before it was keyed along the path; 0 if it was not"
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

    @property
    def own_values(self) -> dict[str, float]:
        """What a camera has of itself, by path, where something else is keyed meanwhile."""
        lens = dict(zip(LENS, self.own_lens, strict=True)) if self.own_lens[0] > 0 else {}
        return lens | ({FOCUS_DISTANCE: self.own_focus} if self.own_focus > 0 else {})


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
    side_by_side: str = EnumProperty(
        name="Compare", description="Show the reference's film in step with the calibrated camera", items=COMPARISONS
    )
    film_opacity: float = FloatProperty(
        name="Opacity",
        description="How much of the view the film hides",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
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
