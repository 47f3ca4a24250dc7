"""Pictures that a video starts from: rendered, as a viewport shows the scene, or read from a file."""

import tempfile
from pathlib import Path
from typing import cast

import bpy
import numpy as np

from parascale.blender.render import render_still, temporary, temporary_image_settings
from parascale.blender.scene_state import at_frame
from parascale.errors import InputError
from parascale.media.orientation import UPRIGHT, read_orientation, turn_upright
from parascale.types import Image


def render_frame(
    scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int], engine: str
) -> Image:
    """Render what a camera sees at a frame, (H, W, 3) sRGB; the engine "VIEWPORT" takes what the 3D viewport shows.

    Raises
    ------
    InputError
        If no 3D viewport is open to take it from.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        at_frame(scene) as go_to,
        temporary(scene, {"camera": camera}),
    ):
        go_to(frame)
        path = Path(folder) / "first.png"
        if engine == "VIEWPORT":
            _render_viewport(scene, path, size)
        else:
            render_still(scene, path, size, engine=engine)
        return read_picture(path)


def read_picture(path: Path) -> Image:
    """Read a picture file, (H, W, 3) sRGB, upright by its Exif orientation, which Blender does not apply.

    Raises
    ------
    InputError
        If Blender cannot read it, or it holds no colours.
    """
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError:
        raise InputError(f"{path} is no picture that Blender can read: choose a PNG or JPEG file") from None
    try:
        width, height = cast("tuple[int, int]", image.size)
        if not width or image.channels < 3:
            raise InputError(f"{path} holds no colour picture: choose a PNG or JPEG file")
        pixels = np.empty(width * height * image.channels, np.float32)
        # An 8-bit file's pixels come as they are stored, bottom row first.
        image.pixels.foreach_get(pixels)
        picture = pixels.reshape(height, width, image.channels)[::-1, :, :3]
        stored = np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)
        return turn_upright(stored, read_orientation(path) or UPRIGHT)
    finally:
        bpy.data.images.remove(image)


def cut_to_shape(picture: Image, size: tuple[int, int]) -> Image:
    """Cut a picture (H, W, 3) around its middle to the shape of a size; its resolution is kept."""
    height, width = picture.shape[:2]
    scale = min(width / size[0], height / size[1])
    kept = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    left, top = (width - kept[0]) // 2, (height - kept[1]) // 2
    return np.ascontiguousarray(picture[top : top + kept[1], left : left + kept[0]])


def _render_viewport(scene: bpy.types.Scene, path: Path, size: tuple[int, int]) -> None:
    """Draw the scene camera's view as the viewport does: its shading, without its overlays."""
    window, area = _find_viewport()
    space = cast("bpy.types.SpaceView3D", area.spaces.active)
    width, height = size
    picture = {"resolution_x": width, "resolution_y": height, "resolution_percentage": 100, "filepath": str(path)}
    region = next(region for region in area.regions if region.type == "WINDOW")
    with (
        temporary(space.region_3d, {"view_perspective": "CAMERA"}),
        temporary(space.overlay, {"show_overlays": False}),
        temporary(scene.render, picture),
        temporary_image_settings(scene.render.image_settings),
        bpy.context.temp_override(window=window, area=area, region=region, scene=scene),
    ):
        scene.render.image_settings.file_format = "PNG"
        bpy.ops.render.opengl(write_still=True, view_context=True)
    if not path.is_file():
        raise InputError("the viewport gave no picture: take the render instead")


def _find_viewport() -> tuple[bpy.types.Window, bpy.types.Area]:
    if not bpy.app.background:
        for window in bpy.data.window_managers[0].windows:
            for area in window.screen.areas:
                if area.type == "VIEW_3D":
                    return window, area
    raise InputError("no 3D viewport is open to take the picture from: take the render instead")
