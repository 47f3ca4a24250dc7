"""Which way up a photo is, by the Exif tag that its camera wrote; NumPy alone, so that Blender can ask."""

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixel = TypeVar("Pixel", bound=np.generic)

UPRIGHT = 1

_TAG = 0x0112
_SHORT = 3
_EXIF = b"Exif\0\0"
# The tag stands among the first few dozens; a longer list is none.
_MOST_ENTRIES = 1000


class _Turn(NamedTuple):
    """How stored pixels become upright: mirrored first, then transposed."""

    left_right: bool
    top_bottom: bool
    transposed: bool


_TURNS = {
    1: _Turn(False, False, False),
    2: _Turn(True, False, False),
    3: _Turn(True, True, False),
    4: _Turn(False, True, False),
    5: _Turn(False, False, True),
    6: _Turn(False, True, True),
    7: _Turn(True, True, True),
    8: _Turn(True, False, True),
}


def orientation_of(path: Path) -> int | None:
    """Read the orientation tag of a picture file.

    Returns
    -------
    int or None
        1 .. 8 as Exif counts; 1 too where the tag is missing or broken. None where the file is not JPEG, PNG, WebP or
        TIFF, or is not there.
    """
    try:
        with path.open("rb") as file:
            find = _finder(file.read(12))
            if find is None:
                return None
            try:
                return next((found for block in find(file) if (found := _tag_of(block))), UPRIGHT)
            except (struct.error, ValueError):
                return UPRIGHT
    except OSError:
        return None


def upright(stored: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """Turn a picture (H, W, ...) as it is stored so that it stands upright."""
    turn = _TURNS[orientation]
    turned = stored[:: -1 if turn.top_bottom else 1, :: -1 if turn.left_right else 1]
    return np.ascontiguousarray(turned.swapaxes(0, 1) if turn.transposed else turned)


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of a picture once it stands upright."""
    return size[::-1] if _TURNS[orientation].transposed else size


def stored_places(places: NDArray[np.float64], orientation: int) -> NDArray[np.float64]:
    """Say where places (N, 2) of the upright picture lie as it is stored; x and y from its top left, 0 .. 1."""
    turn = _TURNS[orientation]
    found = places[:, ::-1].copy() if turn.transposed else places.copy()
    if turn.left_right:
        found[:, 0] = 1 - found[:, 0]
    if turn.top_bottom:
        found[:, 1] = 1 - found[:, 1]
    return found


def _finder(start: bytes) -> Callable[[BinaryIO], Iterator[bytes]] | None:
    """Choose, by the first 12 bytes of a file, what finds its Exif blocks: each is a TIFF file of its own."""
    if start.startswith(b"\xff\xd8\xff"):
        return _in_jpeg
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return _in_png
    if start.startswith(b"RIFF") and start.endswith(b"WEBP"):
        return _in_webp
    if start.startswith((b"II*\0", b"MM\0*")):
        return _in_tiff
    return None


def _in_jpeg(file: BinaryIO) -> Iterator[bytes]:
    file.seek(2)
    while len(marker := file.read(2)) == 2 and marker[0] == 0xFF and marker[1] not in (0xD9, 0xDA):
        if marker[1] == 0xFF:  # a byte that only fills
            file.seek(-1, os.SEEK_CUR)
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker[1] == 0xE1:
            block = file.read(length - 2)
            if block.startswith(_EXIF):
                yield block[len(_EXIF) :]
        else:
            file.seek(length - 2, os.SEEK_CUR)


def _in_png(file: BinaryIO) -> Iterator[bytes]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            yield file.read(length)
            length = 0
        file.seek(length + 4, os.SEEK_CUR)


def _in_webp(file: BinaryIO) -> Iterator[bytes]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF":
            yield file.read(length).removeprefix(_EXIF)
            return
        file.seek(length + length % 2, os.SEEK_CUR)


def _in_tiff(file: BinaryIO) -> Iterator[bytes]:
    """Give the header and the first list of tags as if they stood together."""
    file.seek(0)
    head = file.read(8)
    order = "<" if head.startswith(b"II") else ">"
    (place,) = struct.unpack(order + "4xI", head)
    file.seek(place)
    yield head[:4] + struct.pack(order + "I", 8) + file.read(2 + 12 * _MOST_ENTRIES)


def _tag_of(tiff: bytes) -> int | None:
    """Read the orientation in the first list of tags; None where it is not there, or not as Exif writes it."""
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    order = orders.get(tiff[:4])
    if order is None:
        return None
    (place,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, place)
    for index in range(min(count, _MOST_ENTRIES)):
        tag, kind, number, value = struct.unpack_from(order + "HHIH", tiff, place + 2 + 12 * index)
        if tag == _TAG:
            return value if kind == _SHORT and number == 1 and value in _TURNS else None
    return None
