"""The points of a shot in a file of their own, which the shot file names with its SHA-256."""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.files.disk import read_bytes
from parascale.files.npz import npz_bytes
from parascale.parallax.shot import Points

LARGEST_POINTS = 2_000_000_000
_BROKEN = (ValueError, KeyError, OSError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)


def format_points(points: Points) -> tuple[bytes, str]:
    """Give the bytes of a points file, and their SHA-256."""
    positions, colours = np.asarray(points.positions, np.float32), np.asarray(points.colours, np.uint8)
    data = npz_bytes({"positions": positions, "colours": colours})
    return data, hashlib.sha256(data).hexdigest()


def read_points(path: Path, sha256: str, source: str) -> Points:
    """Read a points file.

    Parameters
    ----------
    path : Path
    sha256 : str
        What the shot file states.
    source : str
        What messages call the shot file.

    Raises
    ------
    InputError
        Where it is another file than the shot's, too large, or not a points file.
    """
    data = read_bytes(path, LARGEST_POINTS)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputError(f"{path} is not the points file that {source} names: its SHA-256 differs")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > LARGEST_POINTS:
            raise ValueError(f"it unpacks to more than {LARGEST_POINTS} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            positions, colours = arrays["positions"], arrays["colours"]
    except _BROKEN as error:
        raise InputError(f"{path} is not a points file: {error}") from None
    if positions.shape != colours.shape or positions.ndim != 2 or positions.shape[1] != 3:
        raise InputError(f'{path}: "positions" and "colours" must both have the shape (N, 3)')
    if positions.dtype != np.float32 or colours.dtype != np.uint8:
        raise InputError(f'{path}: "positions" must be float32 and "colours" uint8')
    if not np.isfinite(positions).all():
        raise InputError(f'{path}: "positions" are not all finite')
    return Points(positions, colours)
