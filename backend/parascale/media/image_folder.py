"""Folders of images, one a frame."""

import itertools
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from parascale.errors import InputError
from parascale.media.image_file import read_exr_image
from parascale.media.lens_metadata import read_common_focal
from parascale.media.suffixes import image_files
from parascale.media.video_file import DEFAULT_FPS, Frame, SmallFrame, VideoInfo, fit_within
from parascale.types import Image

# Photos decoded at the same time, each at full size, and photos requested at a time.
THREADS, READ_AHEAD = 2, 8


class ImageFolder:
    """The images of a folder in natural order, `DEFAULT_FPS` of them a second.

    The last number in each name gives its time, so that missing frames are gaps in time.

    Raises
    ------
    InputError
        Where the folder holds no images; the methods, where an image cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._files = image_files(path)
        digits = [re.findall(r"\d+", file.stem) for file in self._files]
        numbers = [int(found[-1]) for found in digits if found]
        if len(numbers) != len(self._files) or any(a >= b for a, b in itertools.pairwise(numbers)):
            numbers = list(range(len(self._files)))
        self._times = [(number - numbers[0]) / DEFAULT_FPS for number in numbers]

    @cached_property
    def info(self) -> VideoInfo:
        """Size of the first image, and how many there are."""
        height, width = _read_image(self._files[0]).shape[:2]
        return VideoInfo(width, height, DEFAULT_FPS, len(self._files))

    def frames(self) -> Iterator[Frame]:
        """Read the images one after the other."""
        for number, (file, time) in enumerate(zip(self._files, self._times, strict=True)):
            yield Frame(number, time, _read_image(file))

    def small_frames(self, start: int, end: int | None, grey_side: int, colour_side: int) -> Iterator[SmallFrame]:
        """Read a range of the images and shrink them, so that their longer sides are at most as long as given."""

        def read(number: int) -> SmallFrame:
            picture = _read_image(self._files[number])
            grey = _shrink(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8), grey_side, cv2.INTER_AREA)
            colour = _shrink(picture, colour_side, cv2.INTER_NEAREST)
            return SmallFrame(number, self._times[number], grey, colour)

        chosen = range(len(self._files))[start:end]
        with ThreadPoolExecutor(THREADS) as pool:
            # A few at a time, so that a cancelled solve does not wait for the rest.
            for first in range(0, len(chosen), READ_AHEAD):
                yield from pool.map(read, chosen[first : first + READ_AHEAD])

    def focal_lengths(self, numbers: Collection[int]) -> tuple[float | None, float | None]:
        """Focal length in pixels by the Exif tags of all these images, where they agree; None for a nominal one."""
        return read_common_focal(self._files[number] for number in numbers), None


def _read_image(path: Path) -> Image:
    if path.suffix.lower() == ".exr":
        return read_exr_image(path)
    # Decoded from bytes: OpenCV's own reader prints warnings and fails on names outside the locale.
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path} is not an image that can be read: remove it or export it again")
    return np.asarray(picture[:, :, ::-1])


def _shrink(picture: Image, side: int, interpolation: int) -> Image:
    height, width = picture.shape[:2]
    size = fit_within(width, height, side)
    return picture if size == (width, height) else np.asarray(cv2.resize(picture, size, interpolation=interpolation))
