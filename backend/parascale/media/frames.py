"""Frames of a reference, whether it is a video file or pictures."""

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Union

from parascale.errors import InputError
from parascale.media.sequences import sequence_files
from parascale.media.video_file import Frame, VideoFile

if TYPE_CHECKING:
    from parascale.media.image_folder import ImageFolder


def open_frames(path: Path, fps: float | None = None) -> Union[VideoFile, "ImageFolder"]:
    """Return the reader of a reference.

    Both have ``info``, ``notices``, ``frames``, ``small_frames``, ``focal_lengths`` and ``places``.

    Parameters
    ----------
    path : Path
        A video, a folder of pictures, one of numbered pictures, or their pattern: see `sequence_files`.
    fps : float or None
        Pictures a second, which a video tells itself.

    Raises
    ------
    InputError
        Where it is a folder or pattern without pictures, or a rate is given for a video; the methods, where it cannot
        be read.
    """
    pictures = sequence_files(path)
    if pictures is not None:
        # Here, as it needs OpenCV, which an installation that only generates lacks.
        from parascale.media.image_folder import ImageFolder

        return ImageFolder(path, pictures, fps)
    if fps is not None and path.is_file():
        raise InputError(f"{path.name} is a video, which tells its own times: a frame rate is for pictures")
    return VideoFile(path)


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
