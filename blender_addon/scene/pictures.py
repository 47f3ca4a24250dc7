"""Pictures that a video starts from: rendered, as a viewport shows the scene, or read from a file."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import cast

import bpy
import numpy as np

from parascale.blender.render import render_still
from parascale.blender.render_settings import temporary, temporary_render_settings
from parascale.blender.scene_state import at_frame
from parascale.blender.untyped import image_size, stored_pixels, untyped
from parascale.errors import InputError
from parascale.media.display_light import encode_srgb
from parascale.media.exr_file import ExrFile, place_in_display
from parascale.media.image_file import choose_colour_channels
from parascale.media.orientation import UPRIGHT, read_orientation, turn_upright
from parascale.media.suffixes import BLENDER_IMAGE_SUFFIXES
from parascale.types import Image

_NOTHING_RENDERED = "there is no render result yet: render an image first, or take the render instead"


def render_frame(
    scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int], engine: str | None
) -> Image:
    """Render what a camera sees at a frame, (H, W, 3) sRGB, by an engine as `render_still` takes it.

    The engine "VIEWPORT" takes what the 3D viewport shows.

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

    Scene-linear light, as of EXR and HDR files, is shown as `parascale.media.display_light` says.

    Raises
    ------
    InputError
        If Blender cannot read it, or it holds no colours.
    """
    if path.suffix.lower() == ".exr" and path.is_file():
        return _picture_of_exr(path)
    return turn_upright(_pixels_of_file(path), read_orientation(path) or UPRIGHT)


def load_picture(path: Path, *, check_existing: bool = False) -> bpy.types.Image:
    """Load a picture file as Blender's image.

    Raises
    ------
    InputError
        If Blender cannot read it.
    """
    try:
        image = bpy.data.images.load(str(path), check_existing=check_existing)
    except RuntimeError:
        raise InputError(f"{path} is no picture that Blender can read: choose a PNG or JPEG file") from None
    kind = "a video" if image.source == "MOVIE" else "" if image_size(image)[0] else _unread(path)
    if kind:
        if not image.users:
            bpy.data.images.remove(image)
        raise InputError(f"{path} is {kind}: choose a PNG or JPEG file")
    return image


def _unread(path: Path) -> str:
    known = path.suffix.lower() in BLENDER_IMAGE_SUFFIXES
    return "no picture that can be read" if known else f"of a kind that Blender cannot read ({path.suffix[1:].upper()})"


def _picture_of_exr(path: Path) -> Image:
    """Read the picture of an EXR file, with layers or without; by Blender where only that can."""
    file = ExrFile(path)
    chosen = choose_colour_channels(path, file.names)
    if any(map(file.obstacle, chosen)):
        stored = _pixels_of_file(path)  # of the data window
        windows = file.windows(chosen[0])
        return np.stack([place_in_display(stored[..., each], *windows) for each in range(3)], axis=2)
    return encode_srgb(np.stack([file.read(name) for name in chosen], axis=2))


def _pixels_of_file(path: Path) -> Image:
    image = load_picture(path)
    try:
        if image.channels < 3:
            raise InputError(f"{path} holds no colour picture: choose a PNG or JPEG file")
        # What Blender takes the file's numbers for: pictures of 16 bits are as a screen shows them, too.
        linear = image.is_float and untyped(image.colorspace_settings).name.startswith(("Linear", "ACES"))
        if not linear:
            image.alpha_mode = "CHANNEL_PACKED"  # colours as they are stored, not as much of them as is opaque
        picture = stored_pixels(image)[..., :3]
        return encode_srgb(picture) if linear else np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)
    finally:
        bpy.data.images.remove(image)


def read_render_result(scene: bpy.types.Scene) -> Image:
    """Return what was rendered last, (H, W, 3) sRGB, in a scene's own look.

    Raises
    ------
    InputError
        If nothing has been rendered, or there is no room to write it.
    """
    result = next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)
    if result is None:
        raise InputError(_NOTHING_RENDERED)
    return _developed(scene, result)


def read_current_image(scene: bpy.types.Scene) -> Image:
    """Return the picture that an Image Editor shows, (H, W, 3) sRGB; it is not changed.

    Raises
    ------
    InputError
        If no Image Editor shows one, several show different ones, or it has no colours.
    """
    image = _find_current_image()
    if image.type in ("RENDER_RESULT", "COMPOSITING"):
        return _developed(scene, image)
    width, height = image_size(image)
    if image.source == "MOVIE" or not width or image.channels < 3:
        raise InputError(f"{image.name} is no picture with colours: show another in the Image Editor")
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    colours = pixels.reshape(height, width, image.channels)[::-1, :, :3]
    # Blender holds pictures of more than 8 bits as light, and others as they are stored.
    return encode_srgb(colours) if image.is_float else np.asarray(np.rint(np.clip(colours, 0, 1) * 255), np.uint8)


def _developed(scene: bpy.types.Scene, result: bpy.types.Image) -> Image:
    """Return the light of a render as a scene shows it, in square pixels."""
    size = scene.render.resolution_x, scene.render.resolution_y
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shown.png"
        # Blender does not say of every picture that it could not write it.
        with temporary_render_settings(scene, size, renders=False), suppress(RuntimeError):
            result.save_render(str(path), scene=scene)
        if not result.has_data:
            raise InputError(_NOTHING_RENDERED)
        try:
            picture = read_picture(path)
        except InputError:
            raise InputError(f"the render cannot be written to {tempfile.gettempdir()}: is there room?") from None
    return _in_square_pixels(picture, scene.render.pixel_aspect_x / scene.render.pixel_aspect_y)


def _in_square_pixels(picture: Image, aspect: float) -> Image:
    """Stretch a picture (H, W, 3) whose pixels are as many times as wide as high, along one side; none is lost."""
    if aspect == 1:
        return picture
    axis, scale = (1, aspect) if aspect > 1 else (0, 1 / aspect)
    size = picture.shape[axis]
    count = max(1, round(size * scale))
    places = np.clip((np.arange(count) + 0.5) * size / count - 0.5, 0, size - 1)
    before = places.astype(int)
    share = np.expand_dims((places - before).astype(np.float32), (1 - axis, 2))
    near, far = picture.take(before, axis), picture.take(np.minimum(before + 1, size - 1), axis)
    return np.asarray(np.rint(near + share * (far.astype(np.float32) - near)), np.uint8)


def describe_current_image() -> str:
    """Name the picture that an Image Editor shows, or say why there is none to take."""
    try:
        return _find_current_image().name
    except InputError as error:
        return str(error)


def _find_current_image() -> bpy.types.Image:
    shown = _shown_images()
    if not shown:
        raise InputError("no Image Editor shows a picture: open one with the picture, or take the render instead")
    if len(shown) > 1:
        names = ", ".join(image.name for image in shown)
        raise InputError(
            f"Image Editors show different pictures ({names}): have one show the picture, and close others"
        )
    return shown[0]


def _shown_images() -> list[bpy.types.Image]:
    """Return the different pictures of all Image Editors; UV Editors, which are of the same kind, are none."""
    spaces = [
        area.spaces.active
        for window in bpy.data.window_managers[0].windows
        for area in window.screen.areas
        if area.ui_type == "IMAGE_EDITOR"
    ]
    shown = [space.image for space in spaces if isinstance(space, bpy.types.SpaceImageEditor)]
    return list(dict.fromkeys(image for image in shown if image is not None))


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
    region = next(region for region in area.regions if region.type == "WINDOW")
    with (
        temporary(space, {"use_local_camera": False}),
        temporary(space.region_3d, {"view_perspective": "CAMERA"}),
        temporary(space.overlay, {"show_overlays": False}),
        temporary_render_settings(scene, size),
        bpy.context.temp_override(window=window, area=area, region=region, scene=scene),
    ):
        scene.render.filepath = str(path)
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
