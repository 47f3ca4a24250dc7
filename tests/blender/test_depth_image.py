"""Depth maps that Blender reads: grey EXR and PNG as their files mean them, all else refused with a sentence."""

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
    with pytest.raises(InputError, match="channels that differ"):
        read_depth_in_blender(tmp_path / "colours.exr")
    write_exr(tmp_path / "empty.exr", [0 * DEPTH] * 3)
    with pytest.raises(InputError, match="no positive depth"):
        read_depth_in_blender(tmp_path / "empty.exr")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="no picture of one layer that Blender can read"):
        read_depth_in_blender(tmp_path / "broken.png")
    with pytest.raises(InputError, match="there is no file"):
        read_depth_in_blender(tmp_path / "missing.png")
    with pytest.raises(InputError, match=r"give one of \.npy, \.npz, \.exr, \.png"):
        read_depth_in_blender(tmp_path / "depth.tiff")
    assert not bpy.data.images
