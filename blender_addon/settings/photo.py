"""What the add-on stores of a photo that is the target."""

import bpy

from parascale.weights.catalogue import DEPTH_MODELS

from ..typed_properties import EnumProperty, FloatProperty, ObjectProperty, StringProperty
from .choices import DEPTH_SOURCES


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
