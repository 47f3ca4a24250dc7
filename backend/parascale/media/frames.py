"""Frames of a reference, whether it is a video file or a folder of images."""

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Union

from parascale.media.video_file import Frame, VideoFile

if TYPE_CHECKING:
    from parascale.media.image_folder import ImageFolder


def open_frames(path: Path) -> Union[VideoFile, "ImageFolder"]:
    """Return the reader of a reference: both have ``info``, ``frames``, ``small_frames`` and ``focal_lengths``.

    Raises
    ------
    InputError
        Where it is a folder without images; the methods, where it cannot be read.
    """
    if not path.is_dir():
        return VideoFile(path)
    # Here, as it needs OpenCV, which an installation that only generates lacks.
    from parascale.media.image_folder import ImageFolder

    return ImageFolder(path)


def read_frames(path: Path, numbers: Collection[int] | None = None) -> Iterator[Frame]:
    """Read the frames of a reference in order: all, or those with the given numbers.

    Raises
    ------
    InputError
        Where it is neither a video nor a folder of images.
    """
    last = None if numbers is None else max(numbers) + 1
    for frame in islice(open_frames(path).frames(), last):
        if numbers is None or frame.number in numbers:
            yield frame
