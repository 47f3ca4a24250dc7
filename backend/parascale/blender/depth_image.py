"""Depth maps from files, read inside Blender, which brings no library for them but its own pictures."""

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from parascale.blender.untyped import image_size, stored_pixels
from parascale.errors import InputError
from parascale.media.depth_file import (
    EIGHT_BITS_WARNING,
    DepthFile,
    check_depth_suffix,
    choose_depth_channels,
    make_depth,
    merge_channels,
    read_depth_map,
)
from parascale.media.exr_file import ExrFile, place_in_display
from parascale.media.suffixes import BLENDER_DEPTH_SUFFIXES

# What Blender itself reads as it stands in the file: of other lone channels its versions make something else.
_PLAIN = ({"R", "G", "B"}, {"R", "G", "B", "A"}, {"Y"})


def read_depth_in_blender(path: Path, scale: float | None = None) -> DepthFile:
    """Read a depth map inside Blender. Same contract as `parascale.media.depth_file.read_depth_map`.

    Of EXR files that are tiled, or compressed otherwise than by ZIP, ZIPS or RLE, only grey pictures without layers.
    """
    suffix = check_depth_suffix(path, BLENDER_DEPTH_SUFFIXES)
    if suffix in (".npy", ".npz"):
        return read_depth_map(path, scale)
    if suffix == ".exr":
        return make_depth(path, _exr(path), scale)
    pixels, deep = _read_picture(path)
    if not (pixels[..., :1] == pixels[..., 1:3]).all():
        raise InputError(f"{path} is a picture in colour: depth is grey, 16 bits a pixel")
    grey = pixels[..., 0]
    if deep:
        return make_depth(path, np.rint(grey * 65535).astype(np.uint16), scale)
    return make_depth(path, np.rint(grey * 255).astype(np.uint8), scale, (EIGHT_BITS_WARNING.format(path.name),))


def _exr(path: Path) -> NDArray[np.generic]:
    file = ExrFile(path)
    chosen = choose_depth_channels(path, file.names)
    obstacle = next(filter(None, map(file.obstacle, chosen)), None)
    if obstacle is None:
        return merge_channels(path, [file.read(name) for name in chosen], file.names)
    if set(file.names) not in _PLAIN:
        raise InputError(
            f"{path} is {obstacle}, and of such files Blender's pictures hold no layers: save it with ZIP compression, "
            "or take .npy"
        )
    pixels, _ = _read_picture(path)  # of the data window
    windows = file.windows(chosen[0])
    return merge_channels(path, [place_in_display(pixels[..., each], *windows) for each in range(3)], file.names)


def _read_picture(path: Path) -> tuple[NDArray[np.float32], bool]:
    """Pixels (h, w, channels) as they are stored, top row first, and whether they have more than 8 bits."""
    image = bpy.data.images.load(str(path))
    try:
        if not image_size(image)[0] or image.channels < 3:
            raise InputError(f"{path}: Blender cannot read this picture; save it again, or use .npy")
        return stored_pixels(image), bool(image.is_float)
    finally:
        bpy.data.images.remove(image)
