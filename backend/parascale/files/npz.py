"""NumPy archives of other tools: named arrays, read one by one, the large ones frame by frame; never unpickled."""

import io
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.files.disk import LARGEST_TEXT, read_bytes
from parascale.types import Array

# NumPy's own description of the format, which its stubs leave untyped.
_format: Any = np.lib.format
_BROKEN = (ValueError, KeyError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, NotImplementedError)


class Archive:
    """An open .npz file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        Where it is missing or not such an archive.
    """

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise InputError(f"{path} does not exist") from None
        except _BROKEN as error:
            raise InputError(f"{path} is not a NumPy archive, or it is cut short: {error}") from None
        self.names = {name.removesuffix(".npy") for name in self._zip.namelist()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array, without reading it."""
        with self._member(name) as file:
            return self._header(file, name)[0]

    def array(self, name: str, shape: tuple[int | None, ...]) -> Array:
        """Read a small array of numbers.

        Parameters
        ----------
        name : str
        shape : tuple
            None accepts any length from 1.

        Raises
        ------
        InputError
            Where it is broken, too large, of another shape, or not finite: with the frame.
        """
        with self._member(name) as file:
            found, dtype, fortran = self._header(file, name)
            fits = len(found) == len(shape) and all(
                have == want or (want is None and have > 0) for have, want in zip(found, shape, strict=True)
            )
            if not fits:
                raise InputError(f"{self.source}: {name!r} has the shape {found}, expected {_format_shape(shape)}")
            values = self._read(file, name, found[::-1] if fortran else found, dtype)
            values = values.T if fortran else values
        for frame in np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[:1]:
            raise InputError(f"{self.source}, frame {frame}: {name!r} is not finite")
        return values

    def frames(self, name: str) -> Iterator[Array]:
        """Read a large array along its first axis, one at a time."""
        with self._member(name) as file:
            shape, dtype, fortran = self._header(file, name)
            if fortran:
                raise InputError(f"{self.source}: {name!r} is not in row order")
            for _ in range(shape[0]):
                yield self._read(file, name, shape[1:], dtype)

    def text(self, name: str) -> str:
        """Text of a string array; empty where there is none."""
        if name not in self.names:
            return ""
        try:
            with self._member(name) as file:
                return str(np.load(io.BytesIO(file.read(100_000)), allow_pickle=False))
        except _BROKEN:
            return ""

    def _member(self, name: str) -> IO[bytes]:
        if name not in self.names:
            raise InputError(f"{self.source}: no array {name!r}. It has {', '.join(sorted(self.names))[:200]}")
        try:
            return self._zip.open(f"{name}.npy")
        except _BROKEN as error:
            raise InputError(f"{self.source}: {name!r} cannot be read: {error}") from None

    def _header(self, file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[np.generic], bool]:
        try:
            version = _format.read_magic(file)
            read = _format.read_array_header_1_0 if version == (1, 0) else _format.read_array_header_2_0
            shape, fortran, dtype = read(file)
        except _BROKEN as error:
            raise InputError(f"{self.source}: {name!r} is not a NumPy array: {error}") from None
        if dtype.kind not in "fiub":
            raise InputError(f"{self.source}: {name!r} is not an array of plain numbers")
        return shape, dtype, fortran and len(shape) > 1

    def _read(self, file: IO[bytes], name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
        size = math.prod(shape) * dtype.itemsize
        if size > LARGEST_TEXT:
            raise InputError(f"{self.source}: {name!r} takes {size // 1_000_000} MB, which no file of its kind does")
        try:
            data = file.read(size)
        except _BROKEN as error:
            raise InputError(f"{self.source}: {name!r} is damaged: {error}") from None
        if len(data) < size:
            raise InputError(f"{self.source}: {name!r} is cut short")
        values: Array = np.frombuffer(data, dtype).reshape(shape).astype(np.float64)
        return values


def read_npy(path: Path, shape: tuple[int | None, ...]) -> Array:
    """Read a .npy file of numbers, as `Archive.array` reads one of an archive's."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("array.npy", read_bytes(path))
    return _Renamed(packed, str(path)).array("array", shape)


class _Renamed(Archive):
    """An archive in memory that goes by the name of the file it was made of."""

    def __init__(self, packed: IO[bytes], source: str) -> None:
        self.source = source
        self._zip = zipfile.ZipFile(packed)
        self.names = {"array"}


def npz_bytes(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Bytes of an uncompressed .npz file."""
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def npy_bytes(array: NDArray[np.generic], header: int | None = None) -> bytes:
    """Bytes of a .npy file; its header padded to a size where one is given, which readers skip."""
    out = io.BytesIO()
    np.save(out, array)
    data = out.getvalue()
    if header is None:
        return data
    end = 10 + int.from_bytes(data[8:10], "little")
    text = data[10:end].rstrip().ljust(header - 11) + b"\n"
    return data[:8] + len(text).to_bytes(2, "little") + text + data[end:]


def _format_shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("frames" if length is None else str(length) for length in shape) + ")"
