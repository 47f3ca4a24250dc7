"""Depth maps from files: EXR, 16-bit PNG, .npy, .npz."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.extras import require
from parascale.media.exr_file import read_channels
from parascale.media.suffixes import DEPTH_SUFFIXES

# Depth cameras and most data sets count millimetres.
PNG_SCALE = 0.001
# Beyond is no surface: renderers write a number like 1e10 there.
MAX_DEPTH = 1e9
# The projection makes no use of a larger map.
MAX_PIXELS = 16_000_000
EIGHT_BITS_WARNING = (
    "{} has 8 bits a pixel, 256 steps of depth: P jumps where surfaces cross them, and most such pictures hold "
    "normalised inverse depth for display, not depth. Use the 16-bit or EXR file."
)
WHOLE_NUMBERS_WARNING = (
    "{} holds whole numbers, which are taken as they are: where they count millimetres, a depth scale of 0.001 makes "
    "them metres."
)
_DEPTH_CHANNEL_NAMES = ("z", "depth", "v", "y")
# Passes that are read as depth by their last letter, and are something else.
_OTHER_PASSES = re.compile(r"disparity|inv(erse)?[_ .]?depth|mist|(?<!un)filtered", re.IGNORECASE)
# What stands between a pass and its channel in a file of two views.
_VIEWS = ("left", "right")


@dataclass(frozen=True, eq=False)
class DepthFile:
    """A depth map from a file.

    Attributes
    ----------
    depth : (h, w) float32
        z-depth; not finite where there is no surface, 0 or below where it was not measured.
    warnings : tuple of str
        Sentences for the user.
    """

    depth: NDArray[np.float32]
    warnings: tuple[str, ...] = ()


def read_depth_map(path: Path | str, scale: float | None = None) -> DepthFile:
    """Read a depth map.

    Parameters
    ----------
    path : Path
        ``.npy`` or ``.npz`` of one array, ``.exr`` with one depth channel, ``.png`` or ``.pgm`` in grey, 16 bits.
    scale : float, optional
        Multiplies the stored values; where None, 0.001 for pictures of whole numbers and 1 for all others.

    Raises
    ------
    InputError
        Where the file cannot be read, is not a depth map, or has no positive depth.
    """
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise InputError(f"a depth scale of {scale} is not positive")
    path = Path(path)
    suffix = check_depth_suffix(path, DEPTH_SUFFIXES)
    if suffix == ".exr":
        names, pixels = read_channels(path, choose_depth_channels)
        return make_depth(path, merge_channels(path, pixels, names), scale)
    if suffix in (".npy", ".npz"):
        values = _read_numpy(path)
        is_doubted = scale is None and np.issubdtype(values.dtype, np.integer)
        return make_depth(path, values, scale, (WHOLE_NUMBERS_WARNING.format(path.name),) if is_doubted else ())
    stored = _read_picture(path)
    warnings = (EIGHT_BITS_WARNING.format(path.name),) if stored.dtype == np.uint8 else ()
    return make_depth(path, stored, scale, warnings)


def check_depth_suffix(path: Path, known: Sequence[str]) -> str:
    """Return the suffix of a depth map, in lower case, or refuse a file that is not there or none of the known ones."""
    if path.suffix.lower() not in known:
        raise InputError(f"{path} is not a depth map that can be read: give one of {', '.join(known)}")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path.suffix.lower()


def make_depth(
    path: Path, stored: NDArray[np.generic], scale: float | None = None, warnings: tuple[str, ...] = ()
) -> DepthFile:
    """Convert the values a file stores to depth; same parameters and errors as `read_depth_map`."""
    if stored.ndim != 2 or min(stored.shape, default=0) < 2:
        raise InputError(f"{path} holds an array of shape {stored.shape} where height x width numbers are needed")
    step = int(np.ceil(np.sqrt(stored.size / MAX_PIXELS)))
    if step > 1:
        nth = str(step) + {2: "nd", 3: "rd"}.get(step, "th")
        warnings += (f"{path.name} has {stored.size / 1e6:.0f} megapixels: every {nth} row and column is used.",)
        stored = stored[step // 2 :: step, step // 2 :: step]
    default = PNG_SCALE if np.issubdtype(stored.dtype, np.integer) and path.suffix.lower() in (".png", ".pgm") else 1.0
    with np.errstate(over="ignore"):
        depth = stored.astype(np.float32) * np.float32(default if scale is None else scale)
    depth[depth >= MAX_DEPTH] = np.inf
    if not np.any(np.isfinite(depth) & (depth > 0)):
        raise InputError(f"{path} has no positive depth: give a map that shows a surface")
    return DepthFile(depth, warnings)


def _read_numpy(path: Path) -> NDArray[np.generic]:
    try:
        found = _load_arrays(path)
    except Exception as error:  # a broken archive raises zipfile's and zlib's errors, and NumPy's
        raise InputError(f"{path} is not a depth map in .npy or .npz form: {_sentence(error)}") from error
    name = "depth" if "depth" in found else next(iter(found), "")
    values = found.get(name)
    if values is None or (len(found) > 1 and name != "depth"):
        raise InputError(f"{path} does not hold one array of height x width numbers")
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise InputError(f"{path} does not hold one array of height x width numbers")
    if _OTHER_PASSES.search(name):
        raise InputError(f"{path}: {name} is not depth by its name: save the distance of the surface along the view")
    return np.asarray(values)


def _load_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Load the array of a file or of an archive by its name; `depth` alone where an archive has it."""
    loaded = np.load(path, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        return {"": loaded}
    with loaded:
        return {name: loaded[name] for name in (["depth"] if "depth" in loaded.files else loaded.files)}


def choose_depth_channels(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Choose the depth channel of an EXR file, or red, green and blue, which must then be equal.

    Raises
    ------
    InputError
        Where it is not clear which one holds depth.
    """
    candidates = [name for name in names if not _is_of_other_pass(name) and not _is_of_vector(name, names)]
    if len(names) == 1 and candidates:
        return tuple(names)
    for wanted in _DEPTH_CHANNEL_NAMES:
        found = [name for name in candidates if name.rpartition(".")[2].lower() == wanted]
        named = [name for name in found if name.rpartition(".")[0].rpartition(".")[2].lower() == "depth"]
        if len(found) == 1 or len(named) == 1:
            return tuple(named if len(named) == 1 else found)
    if not {"R", "G", "B"} <= set(names):
        raise _no_depth(path, names)
    return "R", "G", "B"


def _is_of_other_pass(name: str) -> bool:
    """Whether a channel is of a pass that is something else; the view layer's own name says nothing of it."""
    parts = [part for part in name.split(".") if part.lower() not in _VIEWS]
    return _OTHER_PASSES.search(".".join(parts[-2:])) is not None


def _is_of_vector(name: str, names: Sequence[str]) -> bool:
    """Whether a channel is one of the coordinates of a normal or a position, in a layer or without one."""
    layer, _, last = name.rpartition(".")
    others = {other.rpartition(".")[2].lower() for other in names if other.rpartition(".")[0] == layer}
    return last.lower() in {"y", "z"} and "x" in others


def merge_channels(path: Path, pixels: Sequence[NDArray[np.generic]], names: Sequence[str]) -> NDArray[np.generic]:
    """Merge the channels that `choose_depth_channels` chose among the names: they must be equal.

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


def _read_picture(path: Path) -> NDArray[np.generic]:
    require("reading a depth picture", "preview", ["av"])
    import av

    from parascale.media.container import open_container

    try:
        with open_container(path) as container:
            frame = next(container.decode(video=0))
            pixels: NDArray[np.generic] = frame.to_ndarray()
    except InputError:
        raise
    except (OSError, ValueError, IndexError, StopIteration, av.FFmpegError) as error:
        raise InputError(f"{path} is not a picture that can be read: {_sentence(error)}") from error
    if pixels.ndim == 2:
        return pixels
    if not (pixels[..., :1] == pixels[..., 1:3]).all():
        raise InputError(f"{path} is a picture in colour: depth is grey, 16 bits a pixel")
    return pixels[..., 0]


def _sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
