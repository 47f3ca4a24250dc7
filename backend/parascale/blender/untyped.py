"""Blender's data where its type stubs fall short: pointers declared as perhaps missing, and base classes."""

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray


def untyped(value: object) -> Any:
    """Return a value as it is, its attributes unchecked."""
    return value


def camera_data(camera_object: bpy.types.Object) -> bpy.types.Camera:
    """Return the camera that an object shows."""
    assert isinstance(camera_object.data, bpy.types.Camera)
    return camera_object.data


def depth_of_field(data: bpy.types.Camera) -> bpy.types.CameraDOFSettings:
    """Return the focus settings of a camera."""
    assert data.dof is not None
    return data.dof


def has_property(item: bpy.types.ID, name: str) -> bool:
    """Whether a datablock has a custom property."""
    return name in untyped(item)


def shader_tree(material: bpy.types.Material) -> Any:
    """Return a material's nodes, made where this Blender does not make them by itself."""
    if material.node_tree is None:
        material.use_nodes = True
    return material.node_tree


def image_size(image: bpy.types.Image) -> tuple[int, int]:
    """Width and height in pixels."""
    width, height = untyped(image.size)
    return int(width), int(height)


def stored_pixels(image: bpy.types.Image) -> NDArray[np.float32]:
    """Pixels (H, W, channels) as the file stores them, top row first."""
    untyped(image.colorspace_settings).name = "Non-Color"
    width, height = image_size(image)
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, image.channels)[::-1]
