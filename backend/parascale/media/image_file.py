"""Pictures from files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.media.depth_file import MAX_PIXELS
from parascale.media.display_light import to_display
from parascale.media.exr_file import read_channels
from parascale.media.orientation import read_orientation, turn_upright
from parascale.types import Image


@dataclass(frozen=True, eq=False)
class ImageFile:
    """A picture from a file.

    Attributes
    ----------
    image : (H, W, 3) uint8
        sRGB, upright as cameras mark it.
    warnings : tuple of str
        Sentences for the user.
    """

    image: NDArray[np.uint8]
    warnings: tuple[str, ...] = ()


def read_image(path: Path) -> ImageFile:
    """Read a picture; one of more than 16 megapixels is averaged down to that.

    Raises
    ------
    InputError
        Where the file is not a picture that can be read.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(f"pictures need {error.name}", "extra", ["preview"]) from error
    try:
        if path.suffix.lower() == ".exr":
            frame = av.VideoFrame.from_ndarray(read_exr_image(path), "rgb24")
        else:
            with av.open(str(path)) as container:
                frame = next(container.decode(video=0))
        megapixels = frame.height * frame.width / 1e6
        scale = min(1.0, float(np.sqrt(MAX_PIXELS / 1e6 / megapixels)))
        if scale < 1:
            width, height = max(round(frame.width * scale), 1), max(round(frame.height * scale), 1)
            image = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
        else:
            image = frame.to_ndarray(format="rgb24")
    except InputError:
        raise
    except (OSError, ValueError, IndexError, StopIteration, av.FFmpegError) as error:
        raise InputError(f"{path} is not an image that can be read: take a PNG or JPEG file") from error
    # The libraries know quarter turns only, and each of other files: the tag of a photo is read itself.
    orientation = read_orientation(path)
    turned = np.rot90(image, round(frame.rotation / 90)) if orientation is None else turn_upright(image, orientation)
    found = np.ascontiguousarray(turned, np.uint8)
    size = f"{found.shape[1]}x{found.shape[0]}"
    return ImageFile(
        found, (f"{path.name} has {megapixels:.0f} megapixels: it is used at {size}.",) if scale < 1 else ()
    )


def read_exr_image(path: Path) -> Image:
    """Read the colours of an EXR file (H, W, 3) as a screen shows them (see `parascale.media.display_light`).

    Raises
    ------
    InputError
        Where the file cannot be read or it is not clear which of its channels are the picture.
    """
    _, planes = read_channels(path, choose_colour_channels)
    return to_display(np.stack(planes, axis=2).astype(np.float32))


def choose_colour_channels(path: Path, names: Sequence[str]) -> Sequence[str]:
    """Choose red, green and blue of an EXR file: of no layer, of a render's combined pass, or of the only layer.

    Raises
    ------
    InputError
        Where it is not clear which of its channels are the picture.
    """
    layers = [name[:-1] for name in names if name.rpartition(".")[2] == "R"]
    layers = [layer for layer in layers if {layer + "G", layer + "B"} <= set(names)]
    combined = [layer for layer in layers if layer.endswith("Combined.")]
    for found in ([layer for layer in layers if not layer], combined, layers):
        if len(found) == 1:
            return [found[0] + colour for colour in "RGB"]
    if "Y" in names:
        return ["Y", "Y", "Y"]
    raise InputError(
        f"{path} has no red, green and blue channel that are surely the picture, but {', '.join(sorted(names)[:8])}: "
        "save the picture alone"
    )
