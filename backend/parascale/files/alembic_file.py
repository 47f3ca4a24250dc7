"""When an Alembic file samples one of its objects. The bpy module has no Alembic library of its own to ask.

Read is the layout that Alembic's `AbcCoreOgawa` writes (`lib/Alembic/Ogawa` and `AbcCoreOgawa/ReadUtil.cpp`), the only
one since version 1.5 (2013); files of HDF5 before it are refused.
"""

import itertools
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

from parascale.errors import InputError

MAGIC = b"Ogawa\xff"
# What Alembic takes for the period of samples without one.
NO_PERIOD = 1e300
MAX_CHILDREN, MAX_DATA_BYTES = 1 << 20, 1 << 23
# What broken bytes end in.
BROKEN = (struct.error, IndexError, ValueError, OverflowError, MemoryError)

_DATA = 1 << 63
# Behind the names of an object's children stand two hashes.
_HASHES = 32
# The properties that move an object, or a camera's lens; others are its bounds and its user's.
_MOVING = (".vals", ".ops", ".animChans", "isNotConstantIdentity", ".core")


@dataclass(frozen=True)
class SampleTimes:
    """Samples a second, and the seconds of the first and the last one.

    Of several samples a frame, as for motion blur, counted are those nearest to whole frames.
    """

    rate: float
    first: float
    last: float


@dataclass(frozen=True)
class _Sampling:
    period: float
    stored: tuple[float, ...]

    def times(self, count: int) -> SampleTimes:
        """Give the times of so many samples."""
        if not 0 < self.period < NO_PERIOD:
            steps = [after - before for before, after in itertools.pairwise(self.stored)]
            if not steps or max(steps) - min(steps) > 1e-3 * max(steps) or min(steps) <= 0:
                raise ValueError("its samples are not evenly spaced in time")
            return SampleTimes(1 / (sum(steps) / len(steps)), self.stored[0], self.stored[-1])
        frames = [time / self.period for time in self.stored]
        chosen = min(range(len(frames)), key=lambda at: abs(frames[at] - round(frames[at])))
        cycles = (count - 1 - chosen) // len(self.stored)
        first = self.stored[chosen]
        return SampleTimes(1 / self.period, first, first + max(cycles, 0) * self.period)


def read_sample_times(path: Path, object_path: str) -> SampleTimes | None:
    """Read when an object of a file is moved, itself or, where it is a camera's or mesh's shape, by what it hangs on.

    Parameters
    ----------
    path : Path
    object_path : str
        Names from the top, as ``/group/camera/cameraShape``.

    Returns
    -------
    SampleTimes or None
        None where it stands still.

    Raises
    ------
    InputError
        Where the file is not Alembic of this layout, is broken, has no such object, or its samples are not even.
    OSError
        Where it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError("wrong magic number")
            file.seek(8)
            archive = _Archive(file, *struct.unpack("<Q", file.read(8)))
            found = [archive.samplings[index].times(count) for index, count in archive.moves(object_path)]
    except BROKEN as error:
        raise InputError(f"{path.name}: not an Alembic file that can be read ({error})") from None
    if not found:
        return None
    rate, first, last = max(t.rate for t in found), min(t.first for t in found), max(t.last for t in found)
    if not (0 < rate < math.inf and math.isfinite(last - first)):
        raise InputError(f"{path.name}: not an Alembic file that can be read ({rate:g} samples a second)")
    return SampleTimes(rate, first, last)


class _Archive:
    def __init__(self, file: BinaryIO, root: int) -> None:
        self._file, self._size = file, file.seek(0, SEEK_END)
        children = self._children(root)
        self._top = self._group(children[2])
        self.samplings = list(_parse_samplings(self._data(children[4])))

    def moves(self, object_path: str) -> list[tuple[int, int]]:
        """List sampling and count of samples of each property that moves an object."""
        at, chain = self._top, [self._top]
        for name in filter(None, object_path.split("/")):
            children = self._children(at)
            names = list(_parse_names(self._data(children[-1])))
            at = self._group(children[1 + names.index(name)])
            chain.append(at)
        properties = dict(self._properties(at))
        if ".xform" not in properties and len(chain) > 1:
            properties = dict(self._properties(chain[-2])) | properties
        places = [properties[name] for name in (".xform", ".geom") if name in properties]
        return [each for place in places for each in self._moving(place)]

    def _properties(self, place: int) -> Iterator[tuple[str, int]]:
        """Yield the compound properties of an object: name and place of their group."""
        children = self._children(place)
        if not children or children[0] & _DATA:
            return
        inside = self._children(children[0])
        for number, header in enumerate(_parse_properties(self._data(inside[-1]))):
            if header.is_compound:
                yield header.name, inside[number]

    def _moving(self, place: int) -> Iterator[tuple[int, int]]:
        children = self._children(place)
        for header in _parse_properties(self._data(children[-1])):
            if header.name in _MOVING and header.changes:
                yield header.sampling, header.count

    def _children(self, place: int) -> list[int]:
        if place == 0:
            return []
        self._go_to(place)
        (count,) = struct.unpack("<Q", self._file.read(8))
        if count > MAX_CHILDREN:
            raise ValueError(f"a group of {count}")
        return list(struct.unpack(f"<{count}Q", self._file.read(8 * count)))

    def _go_to(self, place: int) -> None:
        if place >= self._size:
            raise ValueError("a place beyond its end")
        self._file.seek(place)

    def _group(self, child: int) -> int:
        if child & _DATA:
            raise ValueError("data in place of a group")
        return child

    def _data(self, child: int) -> bytes:
        if not child & _DATA:
            raise ValueError("a group in place of data")
        place = child & ~_DATA
        if place == 0:
            return b""
        self._go_to(place)
        (size,) = struct.unpack("<Q", self._file.read(8))
        if size > MAX_DATA_BYTES:
            raise ValueError(f"{size} bytes in one piece")
        return self._file.read(size)


def _parse_samplings(data: bytes) -> Iterator[_Sampling]:
    at = 0
    while at < len(data):
        period, count = struct.unpack_from("<dI", data, at + 4)
        yield _Sampling(period, struct.unpack_from(f"<{count}d", data, at + 16))
        at += 16 + 8 * count


def _parse_names(data: bytes) -> Iterator[str]:
    """Give the names of an object's children."""
    at, end = 0, len(data) - _HASHES
    while at < end:
        (size,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + size].decode("utf-8", "replace")
        at += 4 + size + 1
        if data[at - 1] == 0xFF:
            at += 4 + struct.unpack_from("<I", data, at)[0]


@dataclass(frozen=True)
class _Property:
    name: str
    is_compound: bool
    changes: bool
    count: int
    sampling: int


def _parse_properties(data: bytes) -> Iterator[_Property]:
    at = 0

    def number(hint: int) -> int:
        nonlocal at
        (value,) = struct.unpack_from("<" + "BHI"[hint], data, at)
        at += (1, 2, 4)[hint]
        return int(value)

    while at < len(data):
        info = number(2)
        hint = info >> 2 & 3
        is_compound, count, changes, sampling = info & 3 == 0, 0, False, 0
        if not is_compound:
            count = number(hint)
            changes = count > 1 and not info & 0x0800
            if info & 0x0200:
                changes = number(hint) < number(hint) or changes
            if info & 0x0100:
                sampling = number(hint)
        size = number(hint)
        name = data[at : at + size].decode("utf-8", "replace")
        at += size
        if info >> 20 & 0xFF == 0xFF:
            at += number(hint)
        yield _Property(name, is_compound, changes, count, sampling)
