"""How stored pictures are set upright; NumPy alone, so that it can be done inside Blender."""

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
# The tag is one of the first few dozen; a longer list is invalid.
_MAX_ENTRIES = 1000


class _Turn(NamedTuple):
    """How stored pixels become upright: mirrored first, then transposed."""

    left_right: bool
    top_bottom: bool
    transposed: bool


_TURNS = {n: _Turn(n in (2, 3, 7, 8), n in (3, 4, 6, 7), n >= 5) for n in range(1, 9)}


def read_orientation(path: Path) -> int | None:
    """Read the orientation tag of a picture file.

    Returns
    -------
    int or None
        1 .. 8 as Exif counts; 1 also where the tag is missing or invalid. None where the file is not JPEG, PNG, WebP or
        TIFF, or does not exist.
    """
    try:
        with path.open("rb") as file:
            find = _select_finder(file.read(12))
            if find is None:
                return None
            try:
                return next((found for block in find(file) if (found := _read_tag(block))), UPRIGHT)
            except (struct.error, ValueError):
                return UPRIGHT
    except OSError:
        return None


def turn_upright(stored: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """Turn a stored picture (H, W, ...) upright."""
    turn = _TURNS[orientation]
    turned = stored[:: -1 if turn.top_bottom else 1, :: -1 if turn.left_right else 1]
    return np.ascontiguousarray(turned.swapaxes(0, 1) if turn.transposed else turned)


def orientation_of_matrix(a: float, b: float, c: float, d: float) -> int:
    """Find the orientation, as Exif counts, of a display matrix as video containers store it.

    A stored pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift. Of a matrix that turns by less than a
    quarter, the nearest is taken; one of zeros says nothing.
    """
    transposed = abs(b) + abs(c) > abs(a) + abs(d)
    # Columns of the picture run along the second axis of what is shown once it is transposed.
    turn = _Turn(b < 0, c < 0, True) if transposed else _Turn(a < 0, d < 0, False)
    return next(number for number, known in _TURNS.items() if known == turn)


def is_transposed(orientation: int) -> bool:
    """Whether the width of a stored picture is the height of the upright one."""
    return _TURNS[orientation].transposed


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of a stored picture once it is upright."""
    return size[::-1] if is_transposed(orientation) else size


def to_stored_coordinates(points: NDArray[np.float64], orientation: int) -> NDArray[np.float64]:
    """Convert points (N, 2) of the upright picture to the stored one; x and y from the top left, 0 .. 1."""
    turn = _TURNS[orientation]
    found = points[:, ::-1].copy() if turn.transposed else points.copy()
    if turn.left_right:
        found[:, 0] = 1 - found[:, 0]
    if turn.top_bottom:
        found[:, 1] = 1 - found[:, 1]
    return found


def _select_finder(start: bytes) -> Callable[[BinaryIO], Iterator[bytes]] | None:
    """Select, by the first 12 bytes of a file, the function that finds its Exif blocks, each a TIFF file of its own."""
    if start.startswith(b"\xff\xd8\xff"):
        return _find_in_jpeg
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return _find_in_png
    if start.startswith(b"RIFF") and start.endswith(b"WEBP"):
        return _find_in_webp
    if start.startswith((b"II*\0", b"MM\0*")):
        return _find_in_tiff
    return None


def _find_in_jpeg(file: BinaryIO) -> Iterator[bytes]:
    file.seek(2)
    while len(marker := file.read(2)) == 2 and marker[0] == 0xFF and marker[1] not in (0xD9, 0xDA):
        if marker[1] == 0xFF:  # padding
            file.seek(-1, os.SEEK_CUR)
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker[1] == 0xE1:
            block = file.read(length - 2)
            if block.startswith(_EXIF):
                yield block[len(_EXIF) :]
        else:
            file.seek(length - 2, os.SEEK_CUR)


def _find_in_png(file: BinaryIO) -> Iterator[bytes]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            yield file.read(length)
            length = 0
        file.seek(length + 4, os.SEEK_CUR)


def _find_in_webp(file: BinaryIO) -> Iterator[bytes]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF":
            yield file.read(length).removeprefix(_EXIF)
            return
        file.seek(length + length % 2, os.SEEK_CUR)


def _find_in_tiff(file: BinaryIO) -> Iterator[bytes]:
    """Yield the header and the first list of tags as if they were adjacent."""
    file.seek(0)
    head = file.read(8)
    order = "<" if head.startswith(b"II") else ">"
    (offset,) = struct.unpack(order + "4xI", head)
    file.seek(offset)
    yield head[:4] + struct.pack(order + "I", 8) + file.read(2 + 12 * _MAX_ENTRIES)


def _read_tag(tiff: bytes) -> int | None:
    """Read the orientation in the first list of tags; None where it is missing or invalid."""
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    order = orders.get(tiff[:4])
    if order is None:
        return None
    (offset,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, offset)
    for index in range(min(count, _MAX_ENTRIES)):
        tag, kind, number, value = struct.unpack_from(order + "HHIH", tiff, offset + 2 + 12 * index)
        if tag == _TAG:
            return value if kind == _SHORT and number == 1 and value in _TURNS else None
    return None
