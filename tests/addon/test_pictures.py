"""Pictures that people choose: read in the light that their files are in, or refused by name."""

import struct
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

SIZE = (24, 16)
# Of a grey ramp, red and a colour; light beyond white is white.
LIGHT = np.zeros((SIZE[1], SIZE[0], 4), np.float32)
LIGHT[..., :3] = (np.arange(SIZE[0]) / (SIZE[0] - 1))[None, :, None]
LIGHT[:4, :, :3] = (0.5, 0.02, 0.02)
LIGHT[4:8, :, :3] = (0.7, 0.55, 0.05)
LIGHT[..., 3] = 1


def shown(light: np.ndarray) -> np.ndarray:
    """As sRGB, IEC 61966-2-1."""
    cut = np.clip(light[..., :3].astype(np.float64), 0, 1)
    return np.rint(255 * np.where(cut <= 0.0031308, 12.92 * cut, 1.055 * cut ** (1 / 2.4) - 0.055)).astype(int)


def write(scene: bpy.types.Scene, path: Path, file_format: str, depth: str, light: np.ndarray, **settings: str) -> Path:
    """Have Blender write a picture of scene-linear light, shown as it is."""
    image = bpy.data.images.new("written", *SIZE, alpha=True, float_buffer=True)
    image.pixels.foreach_set(np.ascontiguousarray(light[::-1], np.float32).ravel())
    scene.view_settings.view_transform = "Standard"
    written = scene.render.image_settings
    for name, value in {"file_format": file_format, "color_mode": "RGB", "color_depth": depth, **settings}.items():
        setattr(written, name, value)
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)
    return path


@pytest.mark.parametrize(
    ("name", "file_format", "depth", "settings"),
    [
        ("a.png", "PNG", "8", {}),
        ("a16.png", "PNG", "16", {}),
        ("a.tif", "TIFF", "8", {}),
        ("a16.tif", "TIFF", "16", {}),
        ("half.exr", "OPEN_EXR", "16", {"exr_codec": "ZIP"}),
        ("float.exr", "OPEN_EXR", "32", {"exr_codec": "NONE"}),
        ("piz.exr", "OPEN_EXR", "16", {"exr_codec": "PIZ"}),
        ("dwaa.exr", "OPEN_EXR", "16", {"exr_codec": "DWAA"}),
        ("a.hdr", "HDR", "32", {}),
        ("a.bmp", "BMP", "8", {}),
        ("a.webp", "WEBP", "8", {"quality": 100}),
        ("a.jpg", "JPEG", "8", {"quality": 100}),
    ],
)
def test_a_picture_is_what_a_screen_shows_whatever_it_is_written_as(
    scene: bpy.types.Scene, tmp_path: Path, name: str, file_format: str, depth: str, settings: dict[str, str]
) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    path = write(scene, tmp_path / name, file_format, depth, LIGHT, **settings)
    found = pictures.read_picture(path).astype(int)
    # Lossy ones differ where colours meet.
    lossy = {"a.jpg": 40, "a.hdr": 2, "dwaa.exr": 8}.get(name, 1)
    assert np.abs(found - shown(LIGHT)).max() <= lossy
    assert np.abs(found - shown(LIGHT)).mean() < 5
    assert not bpy.data.images


@pytest.mark.parametrize("codec", ["ZIP", "PIZ", "DWAA", "PXR24"])
def test_a_cropped_picture_lies_where_it_is_shown(scene: bpy.types.Scene, tmp_path: Path, codec: str) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    path = write(scene, tmp_path / "crop.exr", "OPEN_EXR", "16", LIGHT, exr_codec=codec)
    content, kind = path.read_bytes(), b"displayWindow\0box2i\0\x10\0\0\0"
    place = content.index(kind) + len(kind)
    path.write_bytes(content[:place] + struct.pack("<4i", -30, -20, 69, 59) + content[place + 16 :])
    found = pictures.read_picture(path).astype(int)
    assert found.shape == (80, 100, 3)
    inside = np.zeros((80, 100), bool)
    inside[20 : 20 + SIZE[1], 30 : 30 + SIZE[0]] = True
    assert not found[~inside].any()
    assert np.abs(found[inside].reshape(LIGHT.shape[0], -1, 3) - shown(LIGHT)).max() <= (8 if codec == "DWAA" else 1)


@pytest.mark.parametrize("name", ["half.exr", "dwaa.exr", "a.hdr"])
def test_light_beyond_a_screens_white_is_white(scene: bpy.types.Scene, tmp_path: Path, name: str) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    kind = "HDR" if name.endswith("hdr") else "OPEN_EXR"
    settings = {} if kind == "HDR" else {"exr_codec": "DWAA" if name == "dwaa.exr" else "ZIP"}
    path = write(scene, tmp_path / name, kind, "32" if kind == "HDR" else "16", LIGHT * 20, **settings)
    assert (pictures.read_picture(path)[-1, 4:] == 255).all()


@pytest.mark.parametrize("depth", ["8", "16"])
def test_colours_of_a_transparent_picture_are_as_they_are_stored(
    scene: bpy.types.Scene, tmp_path: Path, depth: str
) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    light = LIGHT.copy()
    light[..., :3] = 0.2
    light[:, :12, 3] = 0.5
    light[:, :12, :3] *= 0.5  # as Blender holds it
    path = write(scene, tmp_path / "a.png", "PNG", depth, light, color_mode="RGBA")
    found = pictures.read_picture(path).astype(int)
    assert np.abs(found - shown(np.full((1, 1, 3), 0.2))).max() <= 2


def test_layers_of_a_render_give_its_picture(scene: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.world = bpy.data.worlds.new("World")
    scene.world.color = (0.2140, 0.2140, 0.2140)
    scene.render.engine = "BLENDER_WORKBENCH"
    written = scene.render.image_settings
    if hasattr(written, "media_type"):
        written.media_type = "MULTI_LAYER_IMAGE"
    written.file_format = "OPEN_EXR_MULTILAYER"
    written.exr_codec = "ZIP"
    scene.render.filepath = str(tmp_path / "layers.exr")
    bpy.ops.render.render(write_still=True)
    found = pictures.read_picture(tmp_path / "layers.exr")
    assert found.shape == (180, 320, 3)
    assert np.abs(found.astype(int) - 127).max() <= 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("photo.heic", "HEIC"),
        ("photo.avif", "AVIF"),
        ("photo.cr2", "CR2"),
        ("photo.png", "cannot be read|can be read"),
        ("missing.png", "can read"),
    ],
)
def test_what_blender_cannot_read_is_refused_by_name(
    scene: bpy.types.Scene, tmp_path: Path, name: str, said: str
) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    if name != "missing.png":
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    with pytest.raises(ValueError, match=said) as refusal:
        pictures.read_picture(tmp_path / name)
    assert name in str(refusal.value)
    assert "PNG or JPEG" in str(refusal.value)
    assert not bpy.data.images


def test_a_video_is_no_picture(scene: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    from parascale.blender.render import render_clip

    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    path = render_clip(scene, tmp_path / "film.mp4", (64, 48), (1, 3), 16, "OFF")
    with pytest.raises(ValueError, match=r"film\.mp4 is a video: choose a PNG or JPEG"):
        pictures.read_picture(path)


def test_a_click_goes_through_what_the_camera_clips(stage: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.scene.picking import point_on_ray
    from mathutils import Vector

    ray = stage, "TARGET", Vector((-1.5, 0, 0.5)), Vector((0, 1, 0))
    assert point_on_ray(*ray).y == pytest.approx(3.5, abs=1e-4)
    assert point_on_ray(*ray, (3.6, 100)).y == pytest.approx(4.5, abs=1e-4)
    with pytest.raises(ValueError, match="no surface"):
        point_on_ray(*ray, (0.1, 3.4))


def test_the_render_result_is_taken_in_the_scenes_look(stage: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    stage.render.engine, stage.cycles.samples = "CYCLES", 1
    stage.render.resolution_x, stage.render.resolution_y, stage.render.resolution_percentage = 64, 36, 50
    stage.view_settings.exposure = 1.0
    stage.collection.objects.link(bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN")))
    stage.render.image_settings.file_format = "OPEN_EXR"
    stage.render.filepath = str(tmp_path / "own.exr")
    bpy.ops.render.render()
    found = pictures.read_render_result(stage)
    assert found.shape == (18, 32, 3)
    # As Save As writes it.
    settings = stage.render.image_settings
    assert settings.file_format == "OPEN_EXR"
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGB", "8"
    bpy.data.images["Render Result"].save_render(str(tmp_path / "saved.png"), scene=stage)
    np.testing.assert_allclose(found.astype(int), pictures.read_picture(tmp_path / "saved.png"), atol=1)
    assert found.std() > 1


def test_a_render_result_that_is_not_there_is_refused(scene: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    from parascale.errors import InputError

    with pytest.raises(InputError, match="no render result yet"):
        pictures.read_render_result(scene)


@pytest.mark.parametrize("kind", ["painted", "light"])
def test_the_current_image_is_taken_as_it_is_shown_and_stays(
    scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    from parascale.errors import InputError

    image = bpy.data.images.new("current", *SIZE, alpha=True, float_buffer=kind == "light")
    stored = LIGHT if kind == "light" else np.dstack([shown(LIGHT) / 255, np.ones(LIGHT.shape[:2])])
    image.pixels.foreach_set(np.ascontiguousarray(stored[::-1], np.float32).ravel())
    monkeypatch.setattr(pictures, "_shown_images", lambda: [image])
    assert pictures.describe_current_image() == image.name
    before = image.colorspace_settings.name, image.alpha_mode, image.is_dirty
    assert np.abs(pictures.read_current_image(scene).astype(int) - shown(LIGHT)).max() <= 1
    assert (image.colorspace_settings.name, image.alpha_mode, image.is_dirty) == before
    monkeypatch.undo()
    with pytest.raises(InputError, match="no Image Editor shows a picture"):
        pictures.read_current_image(scene)


def test_of_several_pictures_that_are_shown_none_is_taken(
    scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    from parascale.errors import InputError

    images = [bpy.data.images.new(name, *SIZE) for name in ("first", "texture")]
    monkeypatch.setattr(pictures, "_shown_images", lambda: images)
    with pytest.raises(InputError, match=r"different pictures \(first, texture\)"):
        pictures.read_current_image(scene)
    assert "first, texture" in pictures.describe_current_image()


def render_row(stage: bpy.types.Scene, width: int, height: int) -> None:
    stage.render.engine, stage.cycles.samples = "CYCLES", 4
    stage.render.resolution_x, stage.render.resolution_y = width, height
    if "sun" not in bpy.data.objects:
        stage.collection.objects.link(bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN")))
    bpy.ops.render.render()


@pytest.mark.parametrize(("size", "aspect", "source"), [((72, 54), (4 / 3, 1), "RESULT"), ((96, 27), (1, 2), "IMAGE")])
def test_a_render_of_long_pixels_is_taken_in_square_ones(
    stage: bpy.types.Scene,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    aspect: tuple[float, float],
    source: str,
) -> None:
    from bl_ext.user_default.parascale.scene import generation, pictures

    stage.render.pixel_aspect_x, stage.render.pixel_aspect_y = aspect
    render_row(stage, *size)
    monkeypatch.setattr(pictures, "_shown_images", lambda: [bpy.data.images["Render Result"]])
    settings = generation.GenerationSettings(picture=source)
    found = generation.read_given_picture(stage, generation.picture_size(stage, 832), settings)
    stage.render.pixel_aspect_x = stage.render.pixel_aspect_y = 1
    render_row(stage, 96, 54)
    expected = pictures.read_render_result(stage).astype(int)
    assert found is not None
    assert found.shape == expected.shape == (54, 96, 3)
    assert np.abs(found - expected).mean() < 0.1 * expected.std()


def test_what_is_rendered_is_taken_without_a_camera(stage: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.scene import pictures

    render_row(stage, 32, 18)
    before = pictures.read_render_result(stage)
    stage.camera = None
    np.testing.assert_array_equal(pictures.read_render_result(stage), before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_a_render_that_there_is_no_room_for_is_said_to_be_one(stage: bpy.types.Scene) -> None:
    import resource

    from bl_ext.user_default.parascale.scene import pictures

    from parascale.errors import InputError

    render_row(stage, 32, 18)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(InputError, match=r"the render cannot be written .* room"):
            pictures.read_render_result(stage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("source", ["RESULT", "IMAGE", "FILE"])
def test_a_picture_that_is_there_is_taken_before_the_path_is_measured(
    stage: bpy.types.Scene, calibrated: bpy.types.Object, tmp_path: Path, source: str
) -> None:
    from bl_ext.user_default.parascale.scene import generation

    from parascale.errors import InputError

    settings = generation.GenerationSettings(picture=source, picture_path=str(tmp_path / "missing.png"))
    with pytest.raises(InputError, match=r"no render result|no Image Editor|missing\.png"):
        next(generation.build_request(stage, calibrated, settings))


@pytest.mark.parametrize("source", ["RESULT", "IMAGE"])
def test_a_repeat_takes_no_picture_that_happens_to_be_shown(
    stage: bpy.types.Scene, calibrated: bpy.types.Object, source: str
) -> None:
    from bl_ext.user_default.parascale.jobs.generation import submit_again

    from parascale.errors import InputError

    with pytest.raises(InputError, match="started from a picture that Blender showed then"):
        next(submit_again(stage, {"camera": calibrated.name, "asked": {"picture": source}}))
