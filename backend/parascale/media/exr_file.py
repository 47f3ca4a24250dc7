"""EXR files: by NumPy alone inside Blender, and by the OpenEXR library elsewhere.

Blender's own images have no layers, and wrong numbers for some single channels. Read here by the "OpenEXR File Layout"
of openexr.com: scan lines of one part or several, uncompressed or as RLE, ZIPS or ZIP.
"""

import mmap
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.extras import require
from parascale.media.size_limit import check_decoded_size

T = TypeVar("T")
# Left, top, right and bottom pixel, all of them inside.
Window = tuple[int, int, int, int]

MAX_PIXELS = 1_000_000_000

_MAGIC = 20000630
_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000
_TYPES: dict[int, np.dtype[np.generic]] = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}
# Name and lines per block, by their number in the file.
_COMPRESSIONS = [
    ("nothing", 1),
    ("RLE", 1),
    ("ZIPS", 1),
    ("ZIP", 16),
    ("PIZ", 32),
    ("PXR24", 16),
    ("B44", 32),
    ("B44A", 32),
    ("DWAA", 32),
    ("DWAB", 256),
    ("HTJ2K", 256),
    ("HTJ2K", 32),
]


@dataclass(frozen=True)
class _Channel:
    name: str
    dtype: np.dtype[np.generic]
    sampling: tuple[int, int]


@dataclass(frozen=True)
class _Part:
    """A part by its header."""

    name: str
    kind: str
    channels: tuple[_Channel, ...]
    compression: int
    window: Window
    display: Window
    chunks: int


class ExrFile:
    """The channels of an EXR file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        Where it is not an EXR file.

    Attributes
    ----------
    names : tuple of str
        As `name_channels` returns them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parts, self._tables, self._multipart = self._open(_headers)
        self._channels = name_channels([(part.name, [c.name for c in part.channels]) for part in self._parts])
        self.names = tuple(self._channels)

    def obstacle(self, name: str) -> str | None:
        """Return why a channel cannot be read here, as a property of the file; None where it can."""
        facts = self._parts[self._channels[name][0]]
        if facts.kind != "scanlineimage":
            return "tiled" if facts.kind == "tiledimage" else "deep"
        if any(found.sampling != (1, 1) for found in facts.channels):
            return "subsampled"
        packed, _ = _COMPRESSIONS[facts.compression]
        return None if facts.compression <= 3 else f"compressed as {packed}"

    def windows(self, name: str) -> tuple[Window, Window]:
        """Return the data window and the display window of a channel."""
        part = self._parts[self._channels[name][0]]
        return part.window, part.display

    def read(self, name: str) -> NDArray[np.generic]:
        """Read a channel (h, w) that has no obstacle, placed as `place_in_display` does.

        Raises
        ------
        InputError
            Where the file is broken, or states more pixels than are decoded.
        """
        number, channel = self._channels[name]
        part = self._parts[number]
        # A header states either window without a byte of pixels behind it.
        for left, top, right, bottom in (part.window, part.display):
            check_decoded_size(self.path, right - left + 1, bottom - top + 1)
        return place_in_display(self._open(lambda data: self._pixels(data, number, channel)), part.window, part.display)

    def _pixels(self, data: mmap.mmap, number: int, name: str) -> NDArray[np.generic]:
        part = self._parts[number]
        left, top, right, bottom = part.window
        width = right - left + 1
        sizes = [channel.dtype.itemsize * width for channel in part.channels]
        index = [channel.name for channel in part.channels].index(name)
        begin, line = sum(sizes[:index]), sum(sizes)
        dtype = part.channels[index].dtype
        pixels = np.empty((bottom - top + 1, width), dtype)
        _, lines = _COMPRESSIONS[part.compression]
        filled = 0
        for first, block in self._blocks(data, number):
            count = min(lines, bottom - first + 1)
            if first < top or (first - top) % lines or count < 1:
                raise ValueError("its lines are not in order")
            rows = _unpack(block, part.compression, count * line).reshape(count, line)
            stored = np.ascontiguousarray(rows[:, begin : begin + sizes[index]])
            pixels[first - top : first - top + count] = stored.view(dtype)
            filled += count
        if filled != len(pixels):
            raise ValueError("lines are missing")
        return pixels.astype(dtype.newbyteorder("="))

    def _blocks(self, data: mmap.mmap, number: int) -> Iterator[tuple[int, bytes]]:
        """Yield the first line of every block of a part, and its compressed content."""
        for offset in struct.unpack_from(f"<{self._parts[number].chunks}Q", data, self._tables[number]):
            if self._multipart:
                owner, first, size = struct.unpack_from("<3i", data, offset)
                start = offset + 12
            else:
                (first, size), owner, start = struct.unpack_from("<2i", data, offset), number, offset + 8
            block = data[start : start + max(size, 0)]
            if owner != number or offset == 0 or len(block) != size:
                raise ValueError("unexpected end of file")
            yield first, block

    def _open(self, work: Callable[[mmap.mmap], T]) -> T:
        try:
            with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return work(data)
        except (struct.error, ValueError, KeyError, IndexError, OverflowError, zlib.error) as error:
            said = str(error).strip("'\"").rstrip(".") or type(error).__name__
            raise InputError(f"{self.path} is not an EXR file that can be read: {said}") from error


def place_in_display(pixels: NDArray[np.generic], window: Window, display: Window) -> NDArray[np.generic]:
    """Place the pixels that a file stores in the picture they are of: a crop of it, or more than it shows.

    Parameters
    ----------
    pixels : (h, w)
        Of the data window.
    window, display : (int, int, int, int)
        Left, top, right and bottom of the data window and of the display window.

    Returns
    -------
    (H, W)
        Of the display window; NaN, or 0 of whole numbers, where the file stores nothing.
    """
    if window == display:
        return pixels
    left, top, right, bottom = display
    nothing = np.nan if np.issubdtype(pixels.dtype, np.floating) else 0
    placed = np.full((bottom - top + 1, right - left + 1), nothing, pixels.dtype)
    across = slice(max(window[0], left), min(window[2], right) + 1)
    down = slice(max(window[1], top), min(window[3], bottom) + 1)
    if across.start < across.stop and down.start < down.stop:
        placed[down.start - top : down.stop - top, across.start - left : across.stop - left] = pixels[
            down.start - window[1] : down.stop - window[1], across.start - window[0] : across.stop - window[0]
        ]
    return placed


def _check_window(window: Window) -> Window:
    width, height = window[2] - window[0] + 1, window[3] - window[1] + 1
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ValueError(f"invalid size {width}x{height}")
    return window


def name_channels(parts: Sequence[tuple[str, Sequence[str]]]) -> dict[str, tuple[int, str]]:
    """Give each channel of all parts of a file a name of its own.

    Parameters
    ----------
    parts : sequence of (str, sequence of str)
        Name and channel names of each part.

    Returns
    -------
    dict
        Number of the part and name in it, by unique name: the part's comes first where several parts have it.
    """
    everywhere = [channel for _, channels in parts for channel in channels]
    named = {}
    for number, (part, channels) in enumerate(parts):
        for channel in channels:
            name = channel if everywhere.count(channel) == 1 else f"{part or number}.{channel}"
            named[name] = number, channel
    return named


def read_channels(
    path: Path, choose: Callable[[Path, Sequence[str]], Sequence[str]]
) -> tuple[tuple[str, ...], list[NDArray[np.generic]]]:
    """Read channels of any EXR file, by the OpenEXR library.

    Parameters
    ----------
    path : Path
    choose : callable
        Takes the path and the names of all channels, returns the names of those to read.

    Returns
    -------
    tuple of str, list of (h, w)
        The names of all channels, and the pixels of the chosen ones, placed as `place_in_display` does.

    Raises
    ------
    InputError
        Where it cannot be read, or as ``choose`` does.
    """
    require("reading an EXR file", "preview", ["OpenEXR"])
    import OpenEXR

    try:
        windows = []
        for part in OpenEXR.File(str(path), header_only=True).parts:
            windows.append((_window_of(part.header["dataWindow"]), _window_of(part.header["displayWindow"])))
            for left, top, right, bottom in windows[-1]:
                check_decoded_size(path, right - left + 1, bottom - top + 1)
        with OpenEXR.File(str(path), separate_channels=True) as file:
            parts = file.parts
            named = name_channels([(part.name(), list(part.channels)) for part in parts])
            chosen = [named[name] for name in choose(path, tuple(named))]
            # Pixels live no longer than their file.
            pixels = [(np.array(parts[number].channels[name].pixels), *windows[number]) for number, name in chosen]
            return tuple(named), [place_in_display(*each) for each in pixels]
    except InputError:
        raise
    except Exception as error:  # its binding raises RuntimeError, ValueError and OSError alike
        said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InputError(f"{path} is an EXR file that cannot be read: {said}") from error


def _window_of(corners: tuple[Sequence[int], Sequence[int]]) -> Window:
    (left, top), (right, bottom) = corners
    return int(left), int(top), int(right), int(bottom)


def _headers(data: mmap.mmap) -> tuple[list[_Part], list[int], bool]:
    """Read all headers: the parts, the offset of each part's table of blocks, and whether the file is multipart."""
    magic, version = struct.unpack_from("<iI", data)
    if magic != _MAGIC or version & 0xFF != 2:
        raise ValueError("wrong magic number")
    multipart = bool(version & _MULTIPART)
    kind = "tiledimage" if version & _TILED else "deepscanline" if version & _DEEP else "scanlineimage"
    parts, offset = [], 8
    while True:
        attributes, offset = _attributes(data, offset)
        if multipart and not attributes:
            break
        parts.append(_part(attributes, kind))
        if not multipart:
            break
    tables = [offset + 8 * sum(part.chunks for part in parts[:number]) for number in range(len(parts))]
    if not parts or tables[-1] + 8 * parts[-1].chunks > len(data):
        raise ValueError("unexpected end of file")
    return parts, tables, multipart


def _attributes(data: mmap.mmap, offset: int) -> tuple[dict[str, bytes], int]:
    found: dict[str, bytes] = {}
    while True:
        name, offset = _text(data, offset)
        if not name:
            return found, offset
        _, offset = _text(data, offset)
        (size,) = struct.unpack_from("<i", data, offset)
        if not 0 <= size <= len(data) - offset:
            raise ValueError("unexpected end of file")
        found[name] = data[offset + 4 : offset + 4 + size]
        offset += 4 + size


def _text(data: mmap.mmap | bytes, offset: int) -> tuple[str, int]:
    end = data.find(b"\0", offset, offset + 256)
    if end < 0:
        raise ValueError("unexpected end of file")
    return data[offset:end].decode("utf-8", "replace"), end + 1


def _part(attributes: Mapping[str, bytes], kind: str) -> _Part:
    window, display = (_check_window(struct.unpack("<4i", attributes[f"{kind}Window"])) for kind in ("data", "display"))
    compression = attributes["compression"][0]
    if compression >= len(_COMPRESSIONS):
        raise ValueError(f"invalid compression (method {compression})")
    chunks = -(-(window[3] - window[1] + 1) // _COMPRESSIONS[compression][1])
    if "chunkCount" in attributes:
        (chunks,) = struct.unpack("<I", attributes["chunkCount"])
    name = attributes.get("name", b"").decode("utf-8", "replace")
    kind = attributes.get("type", kind.encode()).decode("utf-8", "replace")
    return _Part(name, kind, _channels(attributes["channels"]), compression, window, display, chunks)


def _channels(data: bytes) -> tuple[_Channel, ...]:
    channels: list[_Channel] = []
    offset = 0
    while True:
        name, offset = _text(data, offset)
        if not name:
            return tuple(channels)
        kind, across, down = struct.unpack_from("<i4x2i", data, offset)
        channels.append(_Channel(name, _TYPES[kind], (across, down)))
        offset += 16


def _unpack(block: bytes, compression: int, size: int) -> NDArray[np.uint8]:
    """Decompress a block; one that would not have become smaller is stored uncompressed."""
    if len(block) == size or compression == 0:
        plain = block
    else:
        packed = _decode_runs(block) if compression == 1 else zlib.decompressobj().decompress(block, size)
        plain = _undo_predictor(packed)
    if len(plain) != size:
        raise ValueError("a block has the wrong size")
    return np.frombuffer(plain, np.uint8)


def _decode_runs(block: bytes) -> bytes:
    plain, offset = bytearray(), 0
    while offset < len(block):
        count = block[offset]
        if count > 127:
            plain += block[offset + 1 : offset + 1 + 256 - count]
            offset += 1 + 256 - count
        else:
            plain += block[offset + 1 : offset + 2] * (count + 1)
            offset += 2
    return bytes(plain)


def _undo_predictor(packed: bytes) -> bytes:
    """Sum up the differences of bytes, then interleave the first half (even bytes) with the second (odd ones)."""
    steps = np.frombuffer(packed, np.uint8).copy()
    steps[1:] -= np.uint8(128)
    values = np.add.accumulate(steps, dtype=np.uint8)
    plain = np.empty_like(values)
    middle = (len(values) + 1) // 2
    plain[::2], plain[1::2] = values[:middle], values[middle:]
    return plain.tobytes()
