"""Pictures, one a frame."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from parascale.errors import InputError, Notice
from parascale.media.display_light import encode_srgb
from parascale.media.dpx_file import read_transfer
from parascale.media.heif_file import read_layout
from parascale.media.image_file import describe_light, read_exr_image, read_image
from parascale.media.lens_metadata import read_common_focal
from parascale.media.orientation import UPRIGHT, read_orientation, turn_upright
from parascale.media.photo_places import read_places
from parascale.media.picture_times import read_times
from parascale.media.sequences import image_files
from parascale.media.size_limit import check_decoded_size
from parascale.media.suffixes import OPENCV_SUFFIXES
from parascale.media.video_file import Frame, SmallFrame, VideoInfo, fit_within
from parascale.types import Array, Image

# Photos decoded at the same time, each at full size, and photos requested at a time.
THREADS, READ_AHEAD = 2, 8
# OpenCV sets these upright whatever it is told.
TIFF_SUFFIXES = (".tif", ".tiff")


class ImageFolder:
    """Pictures in their order, at the times that `parascale.media.picture_times` reads in their names.

    Parameters
    ----------
    path : Path
        What the user named: their folder, one of them, or a pattern.
    files : list of Path
    fps : float or None
        Pictures a second, where known.

    Raises
    ------
    InputError
        Where the rate is not positive; the methods, where a picture cannot be read.
    """

    def __init__(self, path: Path, files: Sequence[Path], fps: float | None = None) -> None:
        if fps is not None and not (np.isfinite(fps) and fps > 0):
            raise InputError(f"a frame rate of {fps} is not positive")
        self._files = files
        self._times, self._fps, notices = read_times(path.name, [file.stem for file in files], fps)
        taken = f"{path.name} is one of {len(files)} numbered pictures: all are taken"
        self.notices = (
            *([Notice(taken)] if path.is_file() and len(files) > 1 else []),
            *(_name_left_out(path, files) if path.is_dir() else ()),
            *(Notice(told) for told in describe_light(files[0])),
            *_name_mixed_light(path, files),
            *notices,
        )

    @cached_property
    def info(self) -> VideoInfo:
        """Size of the first image, and how many there are."""
        height, width = _read_image(self._files[0]).shape[:2]
        return VideoInfo(width, height, self._fps, len(self._files))

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

    def places(self, numbers: Collection[int]) -> Array | None:
        """Where these images were taken by their GPS tags, see `read_places`."""
        return read_places(self._files[number] for number in numbers)


def _read_image(path: Path) -> Image:
    if path.suffix.lower() == ".exr":
        return read_exr_image(path)
    _check_size(path)
    if path.suffix.lower() not in OPENCV_SUFFIXES:
        return read_image(path).image
    # Decoded from bytes: OpenCV's own reader prints warnings and fails on names outside the locale.
    data = np.frombuffer(path.read_bytes(), np.uint8)
    # Set upright below, as OpenCV does not know the tag of WebP.
    stored_as = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(data, stored_as) if len(data) else None
    if picture is None and read_layout(path) is not None:
        # Phones and their exports name HEIC photos .JPG.
        return read_image(path).image
    if picture is None:
        raise InputError(f"{path} is not an image that can be read: remove it or export it again")
    if path.suffix.lower() in TIFF_SUFFIXES:
        # Read as 8 bits, floating-point samples are encoded by OpenCV's own rule.
        stored = cv2.imdecode(data, stored_as | cv2.IMREAD_ANYDEPTH)
        if stored is not None and np.issubdtype(stored.dtype, np.floating):
            picture = encode_srgb(stored)
    turned = path.suffix.lower() in TIFF_SUFFIXES
    orientation = UPRIGHT if turned else read_orientation(path) or UPRIGHT
    return turn_upright(np.asarray(picture[:, :, ::-1], np.uint8), orientation)


def _name_left_out(folder: Path, files: Sequence[Path]) -> Iterator[Notice]:
    """Say which pictures of a folder are none of the sequence that is taken."""
    taken = set(files)
    rest = [file.name for file in image_files(folder) if file not in taken]
    if rest:
        more = f" and {len(rest) - 1} more" if len(rest) > 1 else ""
        yield Notice(f"left out of {folder.name}: {rest[0]}{more}, not named like the sequence")


def _name_mixed_light(path: Path, files: Sequence[Path]) -> Iterator[Notice]:
    """Say where the headers of DPX pictures do not agree on how their values are to be read."""
    found = Counter(read_transfer(file) for file in files if file.suffix.lower() == ".dpx")
    if len(found) > 1:
        kinds = ", ".join(f"{count} {kind or 'as a screen shows them'}" for kind, count in found.items())
        yield Notice(f"the pictures of {path.name} are by their headers {kinds}: each is read so, and tones may jump")


def _check_size(path: Path) -> None:
    """Refuse a picture that is too large to be decoded, by its header; what has none that can be read passes."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            with Pillow.open(path) as picture:
                check_decoded_size(path, *picture.size)
    except Pillow.DecompressionBombError as error:  # beyond Pillow's own limit, which is above ours
        raise InputError(f"{path.name} is too large a picture to be decoded: make it smaller") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return


def _shrink(picture: Image, side: int, interpolation: int) -> Image:
    height, width = picture.shape[:2]
    size = fit_within(width, height, side)
    return picture if size == (width, height) else np.asarray(cv2.resize(picture, size, interpolation=interpolation))
