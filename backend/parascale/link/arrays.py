"""Arrays as raw frames: no frame over the cap, nothing that the header does not announce."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.link.codec import build
from parascale.link.limits import MAX_ARRAY_COUNT, MAX_ARRAYS, MAX_FRAME, MAX_INLINE
from parascale.link.messages import ArrayInfo

Arrays = Mapping[str, NDArray[np.generic]]

ARRAYS_FILE = "arrays"
"""Role and name of the file in which arrays travel that are too large to follow a header."""


def describe(arrays: Arrays) -> tuple[ArrayInfo, ...]:
    """Return the headers of arrays, in their order.

    Raises
    ------
    InputError
        Where the type is not on the allow-list, or all together are over the cap.
    """
    infos = tuple(
        build(ArrayInfo, {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}, f"array {name}")
        for name, array in arrays.items()
    )
    _sizes(infos)
    return infos


def to_frames(arrays: Arrays) -> list[memoryview]:
    """Return the bytes of arrays, C order and little endian, each array in frames of at most the cap."""
    frames = []
    for array in arrays.values():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        data = memoryview(little.reshape(-1).view(np.uint8).data)
        frames += [data[start : start + MAX_FRAME] for start in range(0, len(data), MAX_FRAME)]
    return frames


def travel_as_file(infos: Sequence[ArrayInfo]) -> bool:
    """Tell whether arrays are too large to follow their header.

    Raises
    ------
    InputError
        See `from_frames`.
    """
    return sum(_sizes(infos)) > MAX_INLINE


def from_bytes(infos: Sequence[ArrayInfo], data: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that headers announce, one after the other in the bytes of a file; see `from_frames`."""
    frames, start = [], 0
    for size in _sizes(infos):
        frames += [data[at : min(at + MAX_FRAME, start + size)] for at in range(start, start + size, MAX_FRAME)]
        start += size
    return from_frames(infos, frames + [data[start:]] * (start < len(data)))


def from_frames(infos: Sequence[ArrayInfo], frames: Sequence[bytes]) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that headers announce.

    Raises
    ------
    InputError
        Where a name stands twice, a shape is empty or over the cap, or the bytes are more or fewer than announced.
    """
    left = list(frames)
    arrays: dict[str, NDArray[np.generic]] = {}
    for info, size in zip(infos, _sizes(infos), strict=True):
        pieces = [left.pop(0) for _ in range(min(len(left), math.ceil(size / MAX_FRAME)))]
        if sum(len(piece) for piece in pieces) != size:
            raise InputError(f"array {info.name} has {sum(map(len, pieces))} bytes where {size} are announced")
        data = np.frombuffer(b"".join(pieces), np.dtype(info.dtype).newbyteorder("<"))
        arrays[info.name] = data.reshape(info.shape).astype(info.dtype, copy=False)
    if left:
        raise InputError(f"{len(left)} frames follow that no array announces")
    return arrays


def _sizes(infos: Sequence[ArrayInfo]) -> list[int]:
    if len(infos) > MAX_ARRAY_COUNT:
        raise InputError(f"{len(infos)} arrays are over the {MAX_ARRAY_COUNT} a message may hold")
    if len({info.name for info in infos}) != len(infos):
        raise InputError("two arrays have the same name")
    for info in infos:
        if not 1 <= len(info.shape) <= 4 or min(info.shape) < 1:
            raise InputError(f"array {info.name} has the shape {info.shape}, which holds nothing")
    sizes = [math.prod(info.shape) * np.dtype(info.dtype).itemsize for info in infos]
    if sum(sizes) > MAX_ARRAYS:
        raise InputError(f"the arrays have {sum(sizes)} bytes where {MAX_ARRAYS} are allowed")
    return sizes
