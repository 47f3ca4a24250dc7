"""EXR files without a library: the same pixels as OpenEXR gives, and one sentence where there are none."""

import contextlib
import tracemalloc
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.media.exr_file import ExrFile, name_channels, read_channels

RANDOM = np.random.default_rng(5)
DEPTH = np.linspace(1, 9, 37 * 48, dtype=np.float32).reshape(37, 48)
CHANNELS = {
    "A.Z": DEPTH,
    "B.half": DEPTH.astype(np.float16),
    "C.number": RANDOM.integers(0, 2**32, DEPTH.shape, np.uint32),
    "D.noise": RANDOM.random(DEPTH.shape, np.float32),
    "E.flat": np.full(DEPTH.shape, 3, np.float32),
}


def write(path: Path, packed: str = "ZIP", **header: object) -> Path:
    facts = {"compression": getattr(OpenEXR, f"{packed}_COMPRESSION"), "type": OpenEXR.scanlineimage} | header
    OpenEXR.File(facts, dict(CHANNELS)).write(str(path))
    return path


def part(name: str, **channels: np.ndarray) -> OpenEXR.Part:
    return OpenEXR.Part({"type": OpenEXR.scanlineimage}, channels, name)


@pytest.mark.parametrize("packed", ["NO", "RLE", "ZIPS", "ZIP"])
def test_every_channel_has_the_numbers_that_were_written(tmp_path: Path, packed: str) -> None:
    file = ExrFile(write(tmp_path / "layers.exr", packed))
    assert sorted(file.names) == sorted(CHANNELS)
    for name, pixels in CHANNELS.items():
        assert file.obstacle(name) is None
        read = file.read(name)
        assert read.dtype == pixels.dtype
        np.testing.assert_array_equal(read, pixels)


def window(left: int, top: int, right: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([left, top], np.int32), np.array([right, bottom], np.int32)


def test_a_window_that_begins_elsewhere_serves(tmp_path: Path) -> None:
    both = window(-5, 7, 42, 43)
    file = ExrFile(write(tmp_path / "window.exr", dataWindow=both, displayWindow=both))
    np.testing.assert_array_equal(file.read("A.Z"), DEPTH)


WINDOWS = {
    "a crop": ((10, 5, 57, 41), (0, 0, 99, 79)),
    "overscan": ((-8, -6, 39, 30), (0, 0, 31, 24)),
    "off to a side": ((20, -10, 67, 26), (0, 0, 47, 36)),
    "outside": ((200, 5, 247, 41), (0, 0, 47, 36)),
}


@pytest.mark.parametrize("reader", ["ours", "OpenEXR"])
@pytest.mark.parametrize("name", WINDOWS)
def test_pixels_lie_where_the_picture_is_shown(tmp_path: Path, name: str, reader: str) -> None:
    data, display = WINDOWS[name]
    path = write(tmp_path / "window.exr", dataWindow=window(*data), displayWindow=window(*display))
    if reader == "ours":
        found = [ExrFile(path).read(channel) for channel in ("A.Z", "B.half", "C.number")]
    else:
        found = read_channels(path, lambda _path, _names: ("A.Z", "B.half", "C.number"))[1]
    wide = np.full((400, 400), np.nan)
    wide[100 + data[1] : 101 + data[3], 100 + data[0] : 101 + data[2]] = DEPTH
    shown = wide[100 + display[1] : 101 + display[3], 100 + display[0] : 101 + display[2]]
    np.testing.assert_array_equal(found[0], shown)
    np.testing.assert_array_equal(found[1], shown.astype(np.float16))
    assert found[2].shape == shown.shape
    assert (found[2][np.isnan(shown)] == 0).all()


@pytest.mark.parametrize("kind", ["dataWindow", "displayWindow"])
def test_a_window_that_the_file_does_not_pay_for_is_refused_before_memory_is_taken(tmp_path: Path, kind: str) -> None:
    # 400 million pixels, which 16 bytes of a header state; the file is as long as their table of blocks.
    whole = write(tmp_path / "whole.exr").read_bytes()
    head, name, tail = whole.partition(f"{kind}\0box2i\0".encode())
    stated = tail[:4] + np.array([0, 0, 19_999, 19_999], "<i4").tobytes()
    (tmp_path / "huge.exr").write_bytes(head + name + stated + tail[20:] + bytes(20_000))
    file = ExrFile(tmp_path / "huge.exr")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"huge\.exr holds pictures of 20000x20000: at most 300 megapixels"):
            file.read("A.Z")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_parts_are_read_apart(tmp_path: Path) -> None:
    grey = np.full(DEPTH.shape, 0.5, np.float16)
    parts = [part("picture", R=grey, G=grey, B=grey), part("depth", Z=DEPTH), part("far", Z=2 * DEPTH)]
    OpenEXR.File(parts).write(str(tmp_path / "parts.exr"))
    file = ExrFile(tmp_path / "parts.exr")
    assert sorted(file.names) == ["B", "G", "R", "depth.Z", "far.Z"]
    np.testing.assert_array_equal(file.read("far.Z"), 2 * DEPTH)
    np.testing.assert_array_equal(file.read("R"), grey)


def test_channels_are_named_apart_where_parts_share_them() -> None:
    assert name_channels([("", ["R", "Z"]), ("", ["Z"])]) == {"R": (0, "R"), "0.Z": (0, "Z"), "1.Z": (1, "Z")}


@pytest.mark.parametrize("packed", ["PIZ", "PXR24", "B44", "DWAA"])
def test_what_is_packed_otherwise_is_said(tmp_path: Path, packed: str) -> None:
    file = ExrFile(write(tmp_path / "packed.exr", packed))
    assert file.obstacle("A.Z") == f"compressed as {packed}"


def test_tiles_are_said(tmp_path: Path) -> None:
    tiles = OpenEXR.TileDescription()
    file = ExrFile(write(tmp_path / "tiles.exr", type=OpenEXR.tiledimage, tiles=tiles))
    assert file.obstacle("A.Z") == "tiled"


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\x76\x2f\x31\x01\x02\0\0\0", b"\x76\x2f\x31\x01\x02\0\0\0\0"]
)
def test_what_is_no_such_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.exr").write_bytes(content)
    with pytest.raises(InputError, match="is not an EXR file that can be read: ") as caught:
        ExrFile(tmp_path / "broken.exr")
    assert "\n" not in str(caught.value)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_a_broken_file_never_ends_in_anything_but_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    whole = write(tmp_path / "whole.exr", data.draw(st.sampled_from(["NO", "RLE", "ZIP"]))).read_bytes()
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if broken else 0):
        broken[data.draw(st.integers(0, min(len(broken), 900) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "broken.exr").write_bytes(broken)
    with contextlib.suppress(InputError):
        file = ExrFile(tmp_path / "broken.exr")
        for name in file.names:
            if file.obstacle(name) is None:
                file.read(name)
