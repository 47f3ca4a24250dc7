"""Which pictures of a HEIF or AVIF file make the one that is shown: phones store theirs as a grid of tiles."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.media.orientation import turn_upright

# The list of a file's pictures is a few kilobytes; a longer one is none.
_MAX_META = 1 << 24
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif", b"hevc", b"msf1")


@dataclass(frozen=True)
class Layout:
    """How the picture that is shown is put together.

    Attributes
    ----------
    tiles : tuple of int
        Numbers of its tiles, row by row: the ids of FFmpeg's streams. One alone where it is no grid.
    columns : int
    size : (int, int) or None
        Width and height of the stored picture, which the last tiles may exceed; None where it is no grid.
    turns : tuple of (str, int)
        What is done to the stored picture, in order: ("irot", quarter turns anticlockwise), or ("imir", 0 or 1), where
        0 exchanges top and bottom and 1 left and right.
    """

    tiles: tuple[int, ...]
    columns: int = 1
    size: tuple[int, int] | None = None
    turns: tuple[tuple[str, int], ...] = ()

    def compose(self, tiles: dict[int, NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Put decoded tiles (h, w, 3) together and set the picture upright.

        Raises
        ------
        ValueError
            Where some are missing or do not fit.
        """
        if self.size is None or not set(self.tiles) <= set(tiles):
            raise ValueError("tiles are missing")
        found = [tiles[number] for number in self.tiles]
        rows = [np.concatenate(found[at : at + self.columns], 1) for at in range(0, len(found), self.columns)]
        picture = np.concatenate(rows)[: self.size[1], : self.size[0]]
        if picture.shape[:2] != self.size[::-1]:
            raise ValueError("the tiles are smaller than the picture")
        for kind, value in self.turns:
            picture = np.rot90(picture, value) if kind == "irot" else turn_upright(picture, 2 if value else 4)
        return np.ascontiguousarray(picture, np.uint8)


def read_layout(path: Path) -> Layout | None:
    """Read which tiles make the picture of a HEIF or AVIF file; None where the file is another.

    Raises
    ------
    InputError
        Where the picture is made in another way than as a grid.
    """
    try:
        with path.open("rb") as file:
            start = file.read(12)
            if start[4:8] != b"ftyp" or start[8:12] not in _BRANDS:
                return None
            file.seek(0)
            while len(head := file.read(8)) == 8:
                length, kind = struct.unpack(">I4s", head)
                if kind == b"meta" and length < _MAX_META:
                    return _Meta(file.read(length - 8)[4:], path).layout()
                if length < 8:
                    return None
                file.seek(length - 8, 1)
    except (OSError, struct.error, IndexError, KeyError, StopIteration):
        return None
    return None


class _Meta:
    """The box that lists a file's pictures, by its children's types."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._boxes = dict(_boxes(data))
        self._path = path

    def layout(self) -> Layout | None:
        if b"pitm" not in self._boxes:
            return None
        version, data = self._boxes[b"pitm"][0], self._boxes[b"pitm"][4:]
        shown = int.from_bytes(data[: 4 if version else 2])
        kind = self._kinds().get(shown)
        if kind == b"grid":
            rows, columns, size = self._grid(shown)
            tiles = self._made_of(shown)
            if len(tiles) < rows * columns:
                return None
            return Layout(tiles[: rows * columns], columns, size, tuple(self._turns(shown)))
        if kind in (b"iovl", b"iden", b"tmap"):
            raise InputError(f"{self._path.name} is made of several pictures laid over each other: export it as a JPEG")
        return Layout((shown,))

    def _kinds(self) -> dict[int, bytes]:
        data = self._boxes[b"iinf"]
        found = {}
        for kind, entry in _boxes(data[4 + (4 if data[0] else 2) :]):
            if kind == b"infe" and entry[0] >= 2:
                wide = 4 if entry[0] == 3 else 2
                found[int.from_bytes(entry[4 : 4 + wide])] = entry[6 + wide : 10 + wide]
        return found

    def _made_of(self, item: int) -> tuple[int, ...]:
        data = self._boxes[b"iref"]
        wide = 4 if data[0] else 2
        for kind, entry in _boxes(data[4:]):
            if kind == b"dimg" and int.from_bytes(entry[:wide]) == item:
                ids = entry[wide + 2 :]
                return tuple(int.from_bytes(ids[at : at + wide]) for at in range(0, len(ids) - wide + 1, wide))
        return ()

    def _grid(self, item: int) -> tuple[int, int, tuple[int, int]]:
        data = self._content(item)
        wide = ">II" if data[1] & 1 else ">HH"
        width, height = struct.unpack_from(wide, data, 4)
        return data[2] + 1, data[3] + 1, (width, height)

    def _content(self, item: int) -> bytes:
        """Read what an item stores, by the table of places."""
        data = self._boxes[b"iloc"]
        version = data[0]
        offset_size, length_size = data[4] >> 4, data[4] & 15
        base_size, index_size = data[5] >> 4, data[5] & 15 if version else 0
        at = 6
        wide = 4 if version == 2 else 2

        def number(size: int) -> int:
            nonlocal at
            at += size
            return int.from_bytes(data[at - size : at])

        for _ in range(number(wide)):
            found = number(wide)
            method = number(2) & 15 if version else 0
            number(2)
            base = number(base_size)
            for _ in range(number(2)):
                number(index_size)
                offset, length = base + number(offset_size), number(length_size)
                if found == item:
                    if method == 1:
                        return self._boxes[b"idat"][offset : offset + length]
                    with self._path.open("rb") as file:
                        file.seek(offset)
                        return file.read(length)
        raise KeyError(item)

    def _turns(self, item: int) -> Iterator[tuple[str, int]]:
        """Give the turns of an item, in the order of its properties."""
        parts = list(_boxes(self._boxes[b"iprp"]))
        properties = list(_boxes(next(data for kind, data in parts if kind == b"ipco")))
        for kind, data in parts:
            if kind != b"ipma":
                continue
            wide, index = 4 if data[0] else 2, 2 if data[3] & 1 else 1
            at = 8
            for _ in range(int.from_bytes(data[4:8])):
                found, count = int.from_bytes(data[at : at + wide]), data[at + wide]
                at += wide + 1
                for _ in range(count):
                    chosen = int.from_bytes(data[at : at + index]) & ((1 << (8 * index - 1)) - 1)
                    at += index
                    if found == item and chosen:
                        name, content = properties[chosen - 1]
                        if name in (b"irot", b"imir"):
                            yield name.decode(), content[0] & (3 if name == b"irot" else 1)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split what a box holds into boxes: their types and contents."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        length = len(data) - at if length == 0 else length
        if length < 8:
            return
        yield kind, data[at + 8 : at + length]
        at += length
