"""Depth maps that Blender reads: EXR and PNG as their files mean them, all else refused with a sentence."""

import struct
import zlib
from pathlib import Path

import bpy
import numpy as np
import pytest

from parascale.blender.depth_image import read_depth_in_blender
from parascale.errors import InputError

DEPTH = np.array([[1.0, 2.0, 3.5], [0.25, 8.0, 40.0]], np.float32)


def write_png(path: Path, values: np.ndarray, colour: int = 0) -> None:
    """Write whole numbers (h, w) or (h, w, 3) as a PNG of 8 or 16 bits."""
    big = values.astype(values.dtype.newbyteorder(">")).reshape(len(values), -1)
    rows = np.c_[np.zeros((len(values), 1), np.uint8), big.view(np.uint8).reshape(len(values), -1)]
    header = struct.pack(">IIBBBBB", values.shape[1], len(values), values.dtype.itemsize * 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def write_exr(path: Path, colours: list[np.ndarray]) -> None:
    """Write red, green and blue (h, w) by Blender itself."""
    image = bpy.data.images.new("depth", colours[0].shape[1], colours[0].shape[0], float_buffer=True, is_data=True)
    pixels = np.stack([*colours, np.ones_like(colours[0])], axis=-1)[::-1]
    image.pixels.foreach_set(np.ascontiguousarray(pixels).reshape(-1))
    image.file_format, image.filepath_raw = "OPEN_EXR", str(path)
    image.save()
    bpy.data.images.remove(image)


def write_parts(path: Path, compression: int, parts: dict[str, dict[str, np.ndarray]]) -> None:
    """Write an EXR file of several parts of 32-bit floats, one line a block, none of them packed."""
    height, width = DEPTH.shape
    heads, blocks = b"", []

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value

    for number, (part, channels) in enumerate(parts.items()):
        names = sorted(channels)
        listed = b"".join(name.encode() + b"\0" + struct.pack("<iiii", 2, 0, 1, 1) for name in names) + b"\0"
        heads += attribute("channels", "chlist", listed) + attribute("compression", "compression", bytes([compression]))
        for window in ("dataWindow", "displayWindow"):
            heads += attribute(window, "box2i", struct.pack("<4i", 0, 0, width - 1, height - 1))
        heads += attribute("name", "string", part.encode()) + attribute("type", "string", b"scanlineimage")
        heads += attribute("chunkCount", "int", struct.pack("<i", height)) + b"\0"
        for row in range(height):
            line = b"".join(channels[name][row].astype("<f4").tobytes() for name in names)
            blocks.append(struct.pack("<3i", number, row, len(line)) + line)
    start = b"\x76\x2f\x31\x01" + struct.pack("<I", 2 | 0x1000) + heads + b"\0"
    place, table = len(start) + 8 * len(blocks), b""
    for block in blocks:
        table += struct.pack("<Q", place)
        place += len(block)
    path.write_bytes(start + table + b"".join(blocks))


def test_depth_is_read_from_a_file_of_layers(scene: bpy.types.Scene, tmp_path: Path) -> None:
    # Red, green and blue alike are no depth where there is one.
    colours = {f"Layer.Combined.{colour}": 0 * DEPTH + 0.5 for colour in "RGBA"}
    path = tmp_path / "layers.exr"
    write_parts(path, 0, {"Layer.Combined": colours, "Layer.Depth": {"Layer.Depth.Z": DEPTH}})
    np.testing.assert_array_equal(read_depth_in_blender(path).depth, DEPTH)
    write_parts(path, 0, {"picture": {"R": DEPTH, "G": DEPTH, "B": DEPTH, "Z": 2 * DEPTH}})
    np.testing.assert_array_equal(read_depth_in_blender(path).depth, 2 * DEPTH)
    # Versions of Blender make something else of a channel that stands alone.
    write_parts(path, 0, {"depth": {"depth": DEPTH}})
    np.testing.assert_array_equal(read_depth_in_blender(path).depth, DEPTH)
    write_parts(path, 0, {"left": {"Z": DEPTH}, "right": {"Z": DEPTH}})
    with pytest.raises(InputError, match=r"no channel that is surely depth .* but left\.Z, right\.Z"):
        read_depth_in_blender(path)
    write_parts(path, 4, {"depth": {"Layer.Depth.Z": DEPTH}})
    with pytest.raises(InputError, match=r"is compressed as PIZ, .*: save it with ZIP compression, or take \.npy"):
        read_depth_in_blender(path)
    assert not bpy.data.images


@pytest.mark.parametrize("packed", ["ZIP", "RLE", "NONE"])
def test_layers_that_blender_wrote_are_read(
    scene: bpy.types.Scene, camera: bpy.types.Object, add_wall, tmp_path: Path, packed: str
) -> None:
    add_wall(distance=5.0)
    camera.rotation_euler.x = np.pi / 2
    scene.view_layers[0].use_pass_z = True
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x, scene.render.resolution_y = 40, 30
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format, settings.exr_codec = "OPEN_EXR_MULTILAYER", packed
    scene.render.filepath = str(tmp_path / "layers.exr")
    bpy.ops.render.render(write_still=True)
    depth = read_depth_in_blender(tmp_path / "layers.exr").depth
    assert depth.shape == (30, 40)
    np.testing.assert_allclose(depth, 5.0, rtol=1e-5)


def test_grey_exr_that_only_blender_unpacks_serves(scene: bpy.types.Scene, tmp_path: Path) -> None:
    settings = scene.render.image_settings
    settings.file_format, settings.exr_codec, settings.color_depth = "OPEN_EXR", "PIZ", "32"
    image = bpy.data.images.new("depth", *DEPTH.shape[::-1], float_buffer=True, is_data=True)
    pixels = np.stack([DEPTH] * 3 + [np.ones_like(DEPTH)], axis=-1)[::-1]
    image.pixels.foreach_set(np.ascontiguousarray(pixels).reshape(-1))
    scene.view_settings.view_transform = "Raw"
    image.save_render(str(tmp_path / "grey.exr"), scene=scene)
    bpy.data.images.remove(image)
    assert b"compression\0compression\0\x01\0\0\0\x04" in (tmp_path / "grey.exr").read_bytes()
    np.testing.assert_allclose(read_depth_in_blender(tmp_path / "grey.exr").depth, DEPTH, rtol=1e-6)


def test_a_crop_that_only_blender_unpacks_lies_where_it_is_shown(scene: bpy.types.Scene, tmp_path: Path) -> None:
    test_grey_exr_that_only_blender_unpacks_serves(scene, tmp_path)
    path, size = tmp_path / "grey.exr", DEPTH.shape
    content, kind = path.read_bytes(), b"displayWindow\0box2i\0\x10\0\0\0"
    place = content.index(kind) + len(kind)
    path.write_bytes(content[:place] + struct.pack("<4i", -4, -5, 7, 6) + content[place + 16 :])
    depth = read_depth_in_blender(path).depth
    assert depth.shape == (12, 12)
    np.testing.assert_allclose(depth[5 : 5 + size[0], 4 : 4 + size[1]], DEPTH, rtol=1e-6)
    assert np.isfinite(depth).sum() == DEPTH.size


def test_exr_keeps_its_numbers(scene: bpy.types.Scene, tmp_path: Path) -> None:
    write_exr(tmp_path / "depth.exr", [DEPTH] * 3)
    file = read_depth_in_blender(tmp_path / "depth.exr")
    np.testing.assert_allclose(file.depth, DEPTH, rtol=1e-3)  # half or full floats, as Blender saves them
    np.testing.assert_allclose(read_depth_in_blender(tmp_path / "depth.exr", 2.0).depth, 2 * DEPTH, rtol=1e-3)
    assert not bpy.data.images


def test_png_of_16_bits_counts_millimetres(scene: bpy.types.Scene, tmp_path: Path) -> None:
    write_png(tmp_path / "depth.png", np.array([[1000, 2, 65535], [0, 40000, 7]], np.uint16))
    file = read_depth_in_blender(tmp_path / "depth.png")
    np.testing.assert_allclose(file.depth, [[1.0, 0.002, 65.535], [0, 40.0, 0.007]], rtol=1e-6)
    assert file.warnings == ()


def test_png_of_8_bits_is_warned_of(scene: bpy.types.Scene, tmp_path: Path) -> None:
    write_png(tmp_path / "depth.png", np.array([[10, 20, 255], [1, 2, 3]], np.uint8))
    file = read_depth_in_blender(tmp_path / "depth.png", 0.1)
    np.testing.assert_allclose(file.depth, [[1, 2, 25.5], [0.1, 0.2, 0.3]], rtol=1e-6)
    assert "8 bits a pixel" in file.warnings[0]


def test_npy_is_read_as_everywhere(scene: bpy.types.Scene, tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", DEPTH)
    np.testing.assert_array_equal(read_depth_in_blender(tmp_path / "depth.npy").depth, DEPTH)


def test_what_is_no_depth_is_refused_in_a_sentence(scene: bpy.types.Scene, tmp_path: Path) -> None:
    write_exr(tmp_path / "colours.exr", [DEPTH, 2 * DEPTH, DEPTH])
    with pytest.raises(InputError, match="no channel that is surely depth"):
        read_depth_in_blender(tmp_path / "colours.exr")
    write_exr(tmp_path / "empty.exr", [0 * DEPTH] * 3)
    with pytest.raises(InputError, match="no positive depth"):
        read_depth_in_blender(tmp_path / "empty.exr")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="Blender cannot read this picture"):
        read_depth_in_blender(tmp_path / "broken.png")
    with pytest.raises(InputError, match="there is no file"):
        read_depth_in_blender(tmp_path / "missing.png")
    with pytest.raises(InputError, match=r"give one of \.npy, \.npz, \.exr, \.png"):
        read_depth_in_blender(tmp_path / "depth.tiff")
    assert not bpy.data.images
