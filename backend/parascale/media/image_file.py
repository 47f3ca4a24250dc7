"""Pictures from files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.media.depth_file import MAX_PIXELS
from parascale.media.orientation import orientation_of, upright


@dataclass(frozen=True, eq=False)
class ImageFile:
    """What a file holds.

    Attributes
    ----------
    image : (H, W, 3) uint8
        sRGB, upright as cameras mark it.
    warnings : tuple of str
        Sentences a user should read.
    """

    image: NDArray[np.uint8]
    warnings: tuple[str, ...] = ()


def read_image(path: Path) -> ImageFile:
    """Read a picture; one of more than 16 megapixels is averaged down to that.

    Raises
    ------
    InputError
        Where the file is no picture that can be read.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(f"pictures need {error.name}: pip install 'parascale[preview]'") from error
    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            rows, columns = frame.height, frame.width
            scale = min(1.0, np.sqrt(MAX_PIXELS / (rows * columns)))
            size = max(round(columns * scale), 1), max(round(rows * scale), 1)
            if scale < 1:
                image = frame.reformat(*size, "rgb24", interpolation="AREA").to_ndarray()
            else:
                image = frame.to_ndarray(format="rgb24")
            turns = round(frame.rotation / 90)
    except (OSError, ValueError, IndexError, StopIteration, av.FFmpegError) as error:
        raise InputError(f"{path} is no image that can be read: take a PNG or JPEG file") from error
    # The libraries know the quarter turns alone, and each knows other files: of photos the tag itself is read.
    orientation = orientation_of(path)
    image = np.asarray(np.rot90(image, turns) if orientation is None else upright(image, orientation), np.uint8)
    if scale == 1:
        return ImageFile(np.ascontiguousarray(image))
    said = f"{path.name} has {rows * columns / 1e6:.0f} megapixels: it is used at {image.shape[1]}x{image.shape[0]}."
    return ImageFile(np.ascontiguousarray(image), (said,))
