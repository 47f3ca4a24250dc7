"""What the add-on stores on a scene: what the tab works on."""

import bpy

from ..typed_properties import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty
from .calibration import CalibrationSettings
from .choices import PICTURES, STARTS
from .generators import search_generators
from .object import settings_of_object
from .photo import PhotoSettings


class SceneSettings(bpy.types.PropertyGroup):
    """What the tab works on."""

    reference: bpy.types.Object | None = PointerProperty(
        name="Reference",
        description="Reference shot whose motion is carried over",
        type=bpy.types.Object,
        poll=lambda _, candidate: settings_of_object(candidate).role == "REFERENCE",
    )
    camera: bpy.types.Object | None = PointerProperty(
        name="Calibrated Camera",
        description="Camera to rebuild and to generate from",
        type=bpy.types.Object,
        poll=lambda _, candidate: settings_of_object(candidate).role == "CAMERA",
    )
    start_from: str = EnumProperty(name="Start From", description="Where a new calibrated camera starts", items=STARTS)
    calibration: CalibrationSettings = PointerProperty(type=CalibrationSettings)
    measured_depth: float = FloatProperty(
        name="Median Depth", description="Median depth that Measure Target found", default=0.0
    )
    measured_near: float = FloatProperty(name="Near Depth", description="10 % of the picture is nearer than this")
    measured_far: float = FloatProperty(name="Far Depth", description="10 % of the picture is farther than this")
    measured_cover: float = FloatProperty(name="Covered", description="Share of the picture that shows a surface")
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
    seed: int = IntProperty(name="Seed", description="Same seed, same video", default=0, min=0)
    fps: float = FloatProperty(
        name="Frame Rate",
        description="Frames a second of the video; 0 takes the reference's own",
        default=0.0,
        min=0.0,
    )
    frames: int = IntProperty(
        name="Frames", description="Frames of the video; 0 takes as many as the move lasts", default=0, min=0
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
        default=False,
    )
    photo: PhotoSettings = PointerProperty(type=PhotoSettings)
    comparison: str = StringProperty(name="Comparison", description="Result of Compare Methods, as JSON")
    job_id: str = StringProperty(name="Job", description="The last job submitted from this scene")

    @property
    def current(self) -> CalibrationSettings:
        """The settings the tab shows: the calibrated camera's, or those of the next one. Presets use it."""
        return self.calibration if self.camera is None else settings_of_object(self.camera).calibration


def settings_of_scene(scene: bpy.types.Scene) -> SceneSettings:
    """Return what the add-on stores on a scene."""
    return scene.parascale  # type: ignore[attr-defined, no-any-return]  # `attach` makes it
