"""Photos stand upright as their cameras marked them, and a broken mark changes nothing."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from parascale.media.orientation import (
    orientation_of_matrix,
    read_orientation,
    to_stored_coordinates,
    turn_upright,
    upright_size,
)

KINDS = ("jpg", "png", "webp", "tif")
PICTURE = np.random.default_rng(3).integers(0, 256, (6, 10, 3), dtype=np.uint8)


def save(path: Path, orientation: int | None) -> None:
    facts = Image.Exif()
    facts[0x10F] = "a camera"
    if orientation is not None:
        facts[0x112] = orientation
    Image.fromarray(PICTURE).save(path, exif=facts)


def jpeg(*segments: bytes) -> bytes:
    """A JPEG file as far as its tags."""
    parts = [b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment for segment in segments]
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xda\x00\x02"


def exif(order: str = ">", tag: int = 0x112, kind: int = 3, number: int = 1, value: int = 6, count: int = 1) -> bytes:
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", 8)
    return b"Exif\0\0" + head + struct.pack(order + "HHHIHHI", count, tag, kind, number, value, 0, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_are_read_and_undone(tmp_path: Path, kind: str, orientation: int) -> None:
    path = tmp_path / f"photo.{kind}"
    save(path, orientation)
    assert read_orientation(path) == orientation
    with Image.open(path) as photo:
        # Of TIFF files alone Pillow gives the upright pixels at once.
        stored = PICTURE if kind == "tif" else np.asarray(photo.convert("RGB"))
        wanted = np.asarray(ImageOps.exif_transpose(photo).convert("RGB"))
    turned = turn_upright(stored, orientation)
    np.testing.assert_array_equal(turned, wanted)
    assert turned.shape[1::-1] == upright_size((10, 6), orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_of_the_upright_photo_are_found_in_the_stored_one(orientation: int) -> None:
    turned = turn_upright(PICTURE, orientation)
    rows, columns = turned.shape[:2]
    y, x = (axis.ravel() for axis in np.mgrid[:rows, :columns])
    places = to_stored_coordinates(np.stack([(x + 0.5) / columns, (y + 0.5) / rows], axis=1), orientation)
    column, row = np.floor(places * [10, 6]).astype(int).T
    np.testing.assert_array_equal(PICTURE[row, column], turned[y, x])


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_without_the_tag_is_upright(tmp_path: Path, kind: str) -> None:
    save(tmp_path / f"photo.{kind}", None)
    assert read_orientation(tmp_path / f"photo.{kind}") == 1


def test_both_byte_orders_and_other_blocks_before_it_are_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(b"http://ns.adobe.com/xap/1.0/\0<x/>", exif("<", value=8)))
    assert read_orientation(path) == 8
    path.write_bytes(jpeg(exif(">", value=5)).replace(b"\xff\xe1", b"\xff\xff\xff\xe1"))
    assert read_orientation(path) == 5


BROKEN = {
    "no such orientation": jpeg(exif(value=9)),
    "zero": jpeg(exif(value=0)),
    "another type": jpeg(exif(kind=2)),
    "several values": jpeg(exif(number=2)),
    "cut short": jpeg(exif())[:-30],
    "a list that is not there": jpeg(b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "more tags than there are": jpeg(exif(tag=0x10F, count=60_000)),
    "no order of bytes": jpeg(b"Exif\0\0XX\0*" + exif()[10:]),
    "a segment of no length": b"\xff\xd8\xff\xe1\x00\x00" + exif(),
    "another segment of no length": b"\xff\xd8\xff\xe0\x00\x00" + exif(),
    "nothing but the start": b"\xff\xd8\xff",
    "a short TIFF": b"II*\0",
    "a PNG that ends early": b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 2**32 - 1, b"eXIf"),
    "a WebP that ends early": b"RIFF\0\0\0\0WEBPEXIF",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_tag_leaves_the_photo_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photo").write_bytes(content)
    assert read_orientation(tmp_path / "photo") == 1


def test_every_cut_of_a_file_is_shrugged_at(tmp_path: Path) -> None:
    for kind in KINDS:
        save(tmp_path / f"whole.{kind}", 6)
        whole = (tmp_path / f"whole.{kind}").read_bytes()
        for length in range(12, len(whole), 7):
            (tmp_path / "cut").write_bytes(whole[:length])
            assert read_orientation(tmp_path / "cut") in (1, 6)


def test_of_other_files_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no photo at all")
    assert read_orientation(tmp_path / "text") is None
    assert read_orientation(tmp_path / "nowhere.jpg") is None
    assert read_orientation(tmp_path) is None


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda p: p),
        ((0, 1, -1, 0), lambda p: np.rot90(p, 3)),
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((1, 0, 0, -1), lambda p: p[::-1]),
        ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda p: np.rot90(p, 2).swapaxes(0, 1)),
        ((0, 0, 0, 0), lambda p: p),
        ((0.98, 0.17, -0.17, 0.98), lambda p: p),
        ((-2, 0, 0, 2), lambda p: p[:, ::-1]),
    ],
)
def test_a_display_matrix_turns_and_mirrors_as_players_do(matrix: Any, shown: Any) -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(turn_upright(picture, orientation_of_matrix(*matrix)), shown(picture))
