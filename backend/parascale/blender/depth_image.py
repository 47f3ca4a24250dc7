"""Depth maps from files, read inside Blender, which brings no library for them but its own pictures."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.projection.depth_file import EIGHT_BITS, DepthFile, depth_of_values, read_depth_map

_NUMPY = (".npy", ".npz")
_PICTURES = (".exr", ".png")


def read_depth_in_blender(path: Path, scale: float | None = None) -> DepthFile:
    """Read a depth map as `parascale.projection.depth_file.read_depth_map` does, which see.

    Of EXR files Blender reads what is grey, or one channel that it takes for that; not layers.
    """
    if path.suffix.lower() in _NUMPY:
        return read_depth_map(path, scale)
    if path.suffix.lower() not in _PICTURES:
        raise InputError(f"{path} is no depth map that Blender reads: give one of {', '.join(_NUMPY + _PICTURES)}")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    image = bpy.data.images.load(str(path))
    try:
        stored, bits = _grey(image, path)
    finally:
        bpy.data.images.remove(image)
    if path.suffix.lower() == ".exr":
        return depth_of_values(path, stored, scale)
    if bits == np.uint8:
        return depth_of_values(path, np.rint(stored * 255).astype(bits), scale, (EIGHT_BITS.format(path.name),))
    return depth_of_values(path, np.rint(stored * 65535).astype(bits), scale)


def _grey(image: bpy.types.Image, path: Path) -> tuple[NDArray[np.float32], type[np.unsignedinteger[Any]]]:
    """Pixels (h, w) as they are stored, top row first, and the whole numbers that a PNG file keeps them in."""
    size: Any = image.size
    width, height = size
    if not width or image.channels < 3:
        raise InputError(f"{path} is no picture of one layer that Blender can read: save the depth pass alone, or .npy")
    colours: Any = image.colorspace_settings
    colours.name = "Non-Color"
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    picture = pixels.reshape(height, width, image.channels)[::-1]
    if not (picture[..., :1] == picture[..., 1:3]).all():
        raise InputError(f"{path} has channels that differ: depth is grey, so save the depth pass alone")
    return np.ascontiguousarray(picture[..., 0]), np.uint16 if image.is_float else np.uint8
