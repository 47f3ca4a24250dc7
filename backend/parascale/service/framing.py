"""Messages in a file or a pipe: the same header and frames as on the wire, each after its length."""

import struct
from collections.abc import Sequence
from typing import IO

from parascale.errors import InputError
from parascale.link.limits import MAX_ARRAY_COUNT, MAX_ARRAYS, MAX_FRAME

_COUNT = struct.Struct("<I")
_MAX_FRAMES = 1 + MAX_ARRAY_COUNT + MAX_ARRAYS // MAX_FRAME


def write_message(file: IO[bytes], header: bytes, frames: Sequence[bytes] = ()) -> None:
    """Write a message: the number of its frames, then each frame after its length, little-endian 32 bits."""
    parts = [_COUNT.pack(1 + len(frames))]
    for frame in (header, *frames):
        parts += [_COUNT.pack(len(frame)), frame]
    file.write(b"".join(parts))  # in one call of the system
    file.flush()


def read_message(file: IO[bytes]) -> tuple[bytes, list[bytes]] | None:
    """Read a message; None where the file or pipe ends before its last byte.

    Raises
    ------
    InputError
        Where a length is over the cap.
    """
    count = _read_count(file, _MAX_FRAMES)
    if count is None:
        return None
    frames = []
    for _ in range(count):
        size = _read_count(file, MAX_FRAME)
        data = None if size is None else file.read(size)
        if data is None or len(data) != size:
            return None
        frames.append(data)
    return (frames[0], frames[1:]) if frames else None


def _read_count(file: IO[bytes], most: int) -> int | None:
    data = file.read(_COUNT.size)
    if len(data) < _COUNT.size:
        return None
    count: int = _COUNT.unpack(data)[0]
    if count > most:
        raise InputError(f"a length of {count} is over {most}")
    return count
