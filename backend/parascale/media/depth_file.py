"""Depth maps from files: EXR, 16-bit PNG, .npy, .npz."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.media.exr_file import read_channels
from parascale.media.suffixes import DEPTH_SUFFIXES

# Depth cameras and most data sets count millimetres.
PNG_SCALE = 0.001
# Renderers write a number like 1e10 where there is no surface.
FARTHEST = 1e9
# A larger map shows nothing that the projection would use.
MAX_PIXELS = 16_000_000
# What to say of such a picture, by its name.
EIGHT_BITS = (
    "{} has 8 bits a pixel, 256 steps of depth: P jumps where surfaces cross them, and most such pictures hold inverse "
    "depth stretched to the eye, not depth. Take the 16-bit or EXR file."
)
_DEPTH_CHANNELS = ("z", "depth", "v", "y")


@dataclass(frozen=True, eq=False)
class DepthFile:
    """What a file holds.

    Attributes
    ----------
    depth : (h, w) float32
        z-depth; not finite where there is no surface, 0 or below where none was measured.
    warnings : tuple of str
        Sentences a user should read.
    """

    depth: NDArray[np.float32]
    warnings: tuple[str, ...] = ()


def read_depth_map(path: Path, scale: float | None = None) -> DepthFile:
    """Read a depth map.

    Parameters
    ----------
    path : Path
        ``.npy`` or ``.npz`` of one array, ``.exr`` with one depth channel, ``.png`` or ``.pgm`` in grey, 16 bits.
    scale : float, optional
        Multiplies what the file holds; where None, 0.001 for pictures of whole numbers and 1 for all others.

    Raises
    ------
    InputError
        Where the file cannot be read, is no depth map, or holds no positive depth.
    """
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise InputError(f"a depth scale of {scale} is not positive")
    suffix = check_depth_suffix(path, DEPTH_SUFFIXES)
    if suffix == ".exr":
        names, pixels = read_channels(path, depth_channels)
        return depth_of_values(path, one_channel(path, pixels, names), scale)
    if suffix in (".npy", ".npz"):
        return depth_of_values(path, _read_numpy(path), scale)
    stored = _read_picture(path)
    warnings = (EIGHT_BITS.format(path.name),) if stored.dtype == np.uint8 else ()
    return depth_of_values(path, stored, scale, warnings)


def check_depth_suffix(path: Path, known: Sequence[str]) -> str:
    """Return the suffix of a depth map, in lower case, or refuse a file that is not there or none of the known ones."""
    if path.suffix.lower() not in known:
        raise InputError(f"{path} is not a depth map that can be read: give one of {', '.join(known)}")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path.suffix.lower()


def depth_of_values(
    path: Path, stored: NDArray[Any], scale: float | None = None, warnings: tuple[str, ...] = ()
) -> DepthFile:
    """Make depth of what a file was found to hold; parameters and errors are those of `read_depth_map`."""
    if stored.ndim != 2 or min(stored.shape, default=0) < 2:
        raise InputError(f"{path} holds an array of shape {stored.shape} where height x width numbers are needed")
    step = int(np.ceil(np.sqrt(stored.size / MAX_PIXELS)))
    if step > 1:
        warnings += (f"{path.name} has {stored.size / 1e6:.0f} megapixels: every {_nth(step)} row and column is used.",)
        stored = stored[step // 2 :: step, step // 2 :: step]
    default = PNG_SCALE if np.issubdtype(stored.dtype, np.integer) and path.suffix.lower() in (".png", ".pgm") else 1.0
    with np.errstate(over="ignore"):
        depth = stored.astype(np.float32) * np.float32(default if scale is None else scale)
    depth[depth >= FARTHEST] = np.inf
    if not np.any(np.isfinite(depth) & (depth > 0)):
        raise InputError(f"{path} has no positive depth: give a map that shows a surface")
    return DepthFile(depth, warnings)


def _read_numpy(path: Path) -> NDArray[Any]:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = [loaded[name] for name in loaded.files] if isinstance(loaded, np.lib.npyio.NpzFile) else [loaded]
    except Exception as error:  # a broken archive raises zipfile's and zlib's errors, and NumPy's
        raise InputError(f"{path} is not a depth map in .npy or .npz form: {_sentence(error)}") from error
    if len(arrays) != 1 or not np.issubdtype(arrays[0].dtype, np.number) or np.iscomplexobj(arrays[0]):
        raise InputError(f"{path} does not hold one array of height x width numbers")
    return arrays[0]


def depth_channels(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Choose the channels of an EXR file that hold its depth: one, or red, green and blue, which must be alike.

    Raises
    ------
    InputError
        Where none surely does.
    """
    if len(names) == 1:
        return tuple(names)
    for wanted in _DEPTH_CHANNELS:
        found = [name for name in names if name.rpartition(".")[2].lower() == wanted]
        if len(found) == 1:
            return tuple(found)
    if not {"R", "G", "B"} <= set(names):
        raise _no_depth(path, names)
    return "R", "G", "B"


def one_channel(path: Path, pixels: Sequence[NDArray[Any]], names: Sequence[str]) -> NDArray[Any]:
    """Make one channel of those that `depth_channels` chose among some names.

    Raises
    ------
    InputError
        Where they differ.
    """
    if not all(np.array_equal(pixels[0], other, equal_nan=True) for other in pixels[1:]):
        raise _no_depth(path, names)
    return pixels[0]


def _no_depth(path: Path, names: Sequence[str]) -> InputError:
    return InputError(
        f"{path} has no channel that is surely depth (Z, Depth.Z, Y, V, or R = G = B), "
        f"but {', '.join(sorted(names)[:8])}: save the depth pass alone"
    )


def _read_picture(path: Path) -> NDArray[Any]:
    try:
        import av
    except ImportError as error:
        raise InputError("depth pictures need av: pip install 'parascale[preview]'") from error
    try:
        with av.open(path) as container:
            frame = next(container.decode(video=0))
            pixels: NDArray[Any] = frame.to_ndarray()
    except (OSError, ValueError, IndexError, StopIteration, av.FFmpegError) as error:
        raise InputError(f"{path} is no picture that can be read: {_sentence(error)}") from error
    if pixels.ndim == 2:
        return pixels
    if not (pixels[..., :1] == pixels[..., 1:3]).all():
        raise InputError(f"{path} is a picture in colour: depth is grey, 16 bits a pixel")
    return pixels[..., 0]


def _sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _nth(number: int) -> str:
    return str(number) + {2: "nd", 3: "rd"}.get(number, "th")
