"""What the add-on stores of a photo that is the target."""

import bpy
from bpy.props import EnumProperty, FloatProperty, PointerProperty, StringProperty

from .backend_lists import DEPTH_MODELS

SOURCES = (
    ("MODEL", "Model", "A depth model estimates it, on the backend", "SHADERFX", 0),
    ("FILE", "File", "A depth map from a file: EXR, 16-bit PNG, .npy or .npz", "FILE_IMAGE", 1),
    ("CONSTANT", "None", "No map: the photo is a wall at a stated distance", "MESH_PLANE", 2),
)


class PhotoSettings(bpy.types.PropertyGroup):
    """A photo, where its depth comes from, and what that found."""

    picture: StringProperty(name="Photo", description="Picture that becomes the target", subtype="FILE_PATH")
    source: EnumProperty(name="Depth", description="Where the depth of the photo comes from", items=SOURCES)
    model: StringProperty(
        name="Model",
        description=f"Depth model of the backend: {', '.join(DEPTH_MODELS)}, or a folder of weights there",
        default="depth-anything-v2-small",
    )
    depth_path: StringProperty(
        name="Depth Map", description="Depth along the optical axis, one number a pixel", subtype="FILE_PATH"
    )
    depth_scale: FloatProperty(
        name="Scale",
        description="Multiplies what the file holds, to units of the scene; 0 takes 0.001 for PNG and 1 for all others",
        default=0.0,
        min=0.0,
        precision=4,
    )
    distance: FloatProperty(
        name="Distance", description="How far the wall stands", default=5.0, min=0.001, subtype="DISTANCE"
    )
    fov: FloatProperty(
        name="Field of View",
        description="Horizontal, in degrees; 0 takes the model's, and 50 where there is none",
        default=0.0,
        min=0.0,
        max=179.0,
    )
    surface: PointerProperty(name="Surface", description="What the photo became in the scene", type=bpy.types.Object)
    camera: PointerProperty(name="Camera", description="What sees the photo", type=bpy.types.Object)
    found: StringProperty(name="Found", description="What is known of the depth, as JSON")


CLASSES = (PhotoSettings,)
