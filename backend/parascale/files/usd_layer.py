"""What a USD layer says of its time: fields at its top, in text (`usda`), binary (`usdc`) or a package (`usdz`).

The bpy module has no USD library of its own to ask. Binary layers are read by the layout that OpenUSD's
`pxr/usd/sdf/crateFile.cpp` writes since version 0.4.0 (2016).
"""

import itertools
import math
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from parascale.errors import InputError

TEXT_MAGIC, BINARY_MAGIC, PACKAGE_MAGIC = b"#usda", b"PXR-USDC", b"PK\x03\x04"
# The text's fields stand at its top; a binary layer's names and values are unpacked in Python, 0.2 s a megabyte.
MAX_TEXT_BYTES = 1 << 16
MAX_SECTION_BYTES = 1 << 23

DEFAULT_RATE = 24.0
FIELDS = ("timeCodesPerSecond", "framesPerSecond", "startTimeCode", "endTimeCode")
# What broken bytes end in, a package's among them.
BROKEN = (struct.error, IndexError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)
# File systems refuse to go to places far beyond, as a damaged file may name them.
MAX_OFFSET = 1 << 40
DOUBLE, INLINED, ARRAY = 9, 1 << 62, 1 << 63


@dataclass(frozen=True)
class LayerTime:
    """Time codes a second, and the first and last code where the layer states them."""

    rate: float
    start: float | None
    end: float | None


def read_layer_time(path: Path) -> LayerTime:
    """Read the time of a stage from its root layer.

    Raises
    ------
    InputError
        Where the file is not a USD layer, is broken, or is larger than what is unpacked here.
    OSError
        Where it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            fields = _read_fields(file)
        # OpenUSD's own order: frames a second stand in where no time codes a second are given.
        rate = fields.get("timeCodesPerSecond") or fields.get("framesPerSecond") or DEFAULT_RATE
        if not 0 < rate < math.inf:
            raise ValueError(f"{rate:g} time codes a second")
    except BROKEN as error:
        raise InputError(f"{path.name}: not a USD file that can be read ({error})") from None
    return LayerTime(rate, fields.get("startTimeCode"), fields.get("endTimeCode"))


def _read_fields(file: BinaryIO) -> dict[str, float]:
    magic = file.read(8)
    file.seek(0)
    if magic.startswith(PACKAGE_MAGIC):
        # A package's first file is its root layer, stored as it is.
        with zipfile.ZipFile(file) as package, package.open(package.infolist()[0]) as inner:
            return _read_fields(inner)  # type: ignore[arg-type]
    if magic.startswith(TEXT_MAGIC):
        return _text_fields(file.read(MAX_TEXT_BYTES).decode("utf-8", "replace"))
    if magic == BINARY_MAGIC:
        return _binary_fields(file)
    raise ValueError("wrong magic number")


def _text_fields(text: str) -> dict[str, float]:
    """Read the fields in the brackets that follow the first line; comments and strings count for nothing."""
    bare = re.sub(r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"[^"\n]*"|\'[^\'\n]*\'|#.*', "", text).lstrip()
    if not bare.startswith("("):
        return {}
    depth = itertools.accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in bare)
    end = next((index for index, level in enumerate(depth) if level == 0), len(bare))
    header = bare[:end]
    # Dictionaries hold what tools like to keep, under any name.
    while (outer := re.sub(r"\{[^{}]*\}", "", header)) != header:
        header = outer
    found = re.findall(rf"\b({'|'.join(FIELDS)})\s*=\s*([-+.\deE]+)", header)
    return {name: float(value) for name, value in found}


def _binary_fields(file: BinaryIO) -> dict[str, float]:
    file.seek(8)
    version = tuple(file.read(3))
    if version < (0, 4, 0):
        raise ValueError(f"version {version} is too old")
    sections = _sections(file)
    names = _tokens(_section(file, *sections["TOKENS"]))
    data = _section(file, *sections["FIELDS"])
    count, size = struct.unpack_from("<QQ", data)
    indices = _unpack_integers(_unpack(data[16 : 16 + size]), count)
    (packed,) = struct.unpack_from("<Q", data, 16 + size)
    values = struct.unpack(f"<{count}Q", _unpack(data[24 + size : 24 + size + packed]))
    fields = {}
    for index, value in zip(indices, values, strict=True):
        # No other spec of a layer has fields of these names.
        if names[index] in FIELDS and value >> 48 & 0xFF == DOUBLE and not value & ARRAY:
            fields[names[index]] = _double(file, value)
    return fields


def _sections(file: BinaryIO) -> dict[str, tuple[int, int]]:
    """Read the table of contents: start and size of each section."""
    file.seek(16)
    (table,) = struct.unpack("<Q", file.read(8))
    _seek(file, table)
    (count,) = struct.unpack("<Q", file.read(8))
    rows = [struct.unpack("<16sQQ", file.read(32)) for _ in range(min(count, 64))]
    found = {name.rstrip(b"\0").decode("ascii"): (start, size) for name, start, size in rows}
    if not {"TOKENS", "FIELDS"} <= found.keys():
        raise ValueError("no table of contents")
    return found


def _section(file: BinaryIO, start: int, size: int) -> bytes:
    if size > MAX_SECTION_BYTES:
        raise ValueError(f"a section of {size} bytes, where {MAX_SECTION_BYTES} are read at most")
    _seek(file, start)
    return file.read(size)


def _seek(file: BinaryIO, place: int) -> None:
    if place > MAX_OFFSET:
        raise ValueError(f"something at byte {place}")
    file.seek(place)


def _tokens(data: bytes) -> list[str]:
    _, _, packed = struct.unpack_from("<QQQ", data)
    return [name.decode("utf-8", "replace") for name in _unpack(data[24 : 24 + packed]).split(b"\0")]


def _double(file: BinaryIO, value: int) -> float:
    if value & INLINED:
        return float(struct.unpack("<f", struct.pack("<I", value & 0xFFFFFFFF))[0])
    _seek(file, value & (1 << 48) - 1)
    return float(struct.unpack("<d", file.read(8))[0])


def _unpack(data: bytes) -> bytes:
    """Unpack blocks of LZ4 behind their number; none means one that fills the rest."""
    blocks, at = data[0], 1
    if blocks == 0:
        return _unpack_block(data[1:])
    unpacked = b""
    for _ in range(blocks):
        (size,) = struct.unpack_from("<i", data, at)
        unpacked += _unpack_block(data[at + 4 : at + 4 + size])
        at += 4 + size
    return unpacked


def _unpack_block(data: bytes) -> bytes:
    """Unpack a block of LZ4: literal bytes, then a copy of what was written before, and so on."""
    out, at = bytearray(), 0

    def length(nibble: int) -> int:
        nonlocal at
        more = nibble == 15
        while more:
            nibble += data[at]
            more = data[at] == 255
            at += 1
        return nibble

    while at < len(data):
        token = data[at]
        at += 1
        literals = length(token >> 4)
        out += data[at : at + literals]
        at += literals
        if at >= len(data):
            break
        distance = data[at] | data[at + 1] << 8
        at += 2
        copied = length(token & 15) + 4
        if not 0 < distance <= len(out) or len(out) > 16 * MAX_SECTION_BYTES:
            raise ValueError("a packed block is broken")
        start = len(out) - distance
        # A copy may overlap what it writes: then it repeats.
        out += (out[start:] * (copied // distance + 1))[:copied]
    return bytes(out)


def _unpack_integers(data: bytes, count: int) -> list[int]:
    """Unpack differences: the common one, two bits each that say how wide each is, then those that are not common."""
    (common,) = struct.unpack_from("<i", data)
    at = 4 + (2 * count + 7) // 8
    numbers, last = [], 0
    for index in range(count):
        code = data[4 + index // 4] >> 2 * (index % 4) & 3
        if code == 0:
            last += common
        else:
            width = 1 << code - 1
            last += int.from_bytes(data[at : at + width], "little", signed=True)
            at += width
        numbers.append(last)
    return numbers
