"""Depth maps from files, read inside Blender, which brings no library for them but its own pictures."""

from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.media.depth_file import (
    EIGHT_BITS,
    DepthFile,
    check_depth_suffix,
    depth_channels,
    depth_of_values,
    one_channel,
    read_depth_map,
)
from parascale.media.exr_file import ExrFile
from parascale.media.suffixes import BLENDER_DEPTH_SUFFIXES

# What Blender itself reads as it stands in the file: of other lone channels its versions make something else.
_PLAIN = ({"R", "G", "B"}, {"R", "G", "B", "A"}, {"Y"})


def read_depth_in_blender(path: Path, scale: float | None = None) -> DepthFile:
    """Read a depth map as `parascale.media.depth_file.read_depth_map` does, which see.

    Of EXR files that are tiled, or compressed otherwise than by ZIP, ZIPS or RLE, only grey pictures without layers.
    """
    suffix = check_depth_suffix(path, BLENDER_DEPTH_SUFFIXES)
    if suffix in (".npy", ".npz"):
        return read_depth_map(path, scale)
    if suffix == ".exr":
        return depth_of_values(path, _exr(path), scale)
    picture = _stored(path)
    if not (picture.pixels[..., :1] == picture.pixels[..., 1:3]).all():
        raise InputError(f"{path} is a picture in colour: depth is grey, 16 bits a pixel")
    grey = picture.pixels[..., 0]
    if picture.deep:
        return depth_of_values(path, np.rint(grey * 65535).astype(np.uint16), scale)
    return depth_of_values(path, np.rint(grey * 255).astype(np.uint8), scale, (EIGHT_BITS.format(path.name),))


def _exr(path: Path) -> NDArray[Any]:
    file = ExrFile(path)
    chosen = depth_channels(path, file.names)
    obstacle = next(filter(None, map(file.obstacle, chosen)), None)
    if obstacle is None:
        return one_channel(path, [file.read(name) for name in chosen], file.names)
    if set(file.names) not in _PLAIN:
        raise InputError(
            f"{path} is {obstacle}, and of such files Blender's pictures hold no layers: save it with ZIP compression, "
            "or take .npy"
        )
    pixels = _stored(path).pixels
    return one_channel(path, [pixels[..., channel] for channel in range(3)], file.names)


class _Stored(NamedTuple):
    """Pixels (h, w, channels) as they are stored, top row first, and whether they have more than 8 bits."""

    pixels: NDArray[np.float32]
    deep: bool


def _stored(path: Path) -> _Stored:
    image = bpy.data.images.load(str(path))
    try:
        size: Any = image.size
        width, height = size
        if not width or image.channels < 3:
            raise InputError(f"{path} is no picture that Blender can read: save it anew, or take .npy")
        colours: Any = image.colorspace_settings
        colours.name = "Non-Color"
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        return _Stored(pixels.reshape(height, width, image.channels)[::-1], bool(image.is_float))
    finally:
        bpy.data.images.remove(image)
