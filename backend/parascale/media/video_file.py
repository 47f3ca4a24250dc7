"""Video files, by PyAV."""

import itertools
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from parascale.errors import InputError, Notice
from parascale.media.container import (
    find_films,
    open_container,
    read_orientation_of_frame,
    read_projection_of_frame,
)
from parascale.media.interlacing import deinterlace
from parascale.media.lens_metadata import read_container_focal
from parascale.media.orientation import is_transposed, turn_upright, upright_size
from parascale.media.picture_times import DEFAULT_FPS
from parascale.types import Image

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VideoInfo:
    """What a reference says about itself before it is decoded.

    Attributes
    ----------
    width, height : int
        Size of the upright picture in pixels.
    fps : float
        Nominal frame rate.
    frames : int
        How many frames it declares (a folder: how many images it holds).
    aspect : float
        Width of a pixel over its height.
    projection : str or None
        What it states its pictures are, where that is no flat view.
    """

    width: int
    height: int
    fps: float
    frames: int
    aspect: float = 1.0
    projection: str | None = None


class Frame(NamedTuple):
    """A frame by its number, counted from 0.

    Attributes
    ----------
    number : int
    time : float
        Seconds; NaN where the stream does not say.
    picture : (H, W, 3) uint8
        sRGB, upright.
    """

    number: int
    time: float
    picture: Image


class SmallFrame(NamedTuple):
    """A frame made smaller: its number and time, grey (h, w) uint8, and sRGB (h', w', 3) uint8."""

    number: int
    time: float
    grey: Image
    colour: Image


class VideoFile:
    """The film of a video file: frames set upright, interlaced ones deinterlaced.

    Raises
    ------
    InputError
        The methods, where it is not a video that can be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def info(self) -> VideoInfo:
        """Size, rate and length; decodes one frame."""
        with self._open() as container:
            stream = container.streams.video[self._film]
            first = next(self._decode(container), None)
            if first is None:
                raise InputError(f"{self._path.name} holds no picture that can be decoded: choose another clip")
            orientation, projection = read_orientation_of_frame(first), read_projection_of_frame(first)
            width, height = upright_size((first.width, first.height), orientation)
            aspect = float(stream.sample_aspect_ratio or 0) or 1.0
            if is_transposed(orientation):
                aspect = 1 / aspect
            fps = float(stream.average_rate or stream.guessed_rate or 0) or DEFAULT_FPS
            count = stream.frames
        if not count:
            with self._open() as container:
                count = sum(1 for packet in container.demux(video=self._film) if packet.size)
        return VideoInfo(width, height, fps, count, aspect, projection)

    def frames(self) -> Iterator[Frame]:
        """Decode all frames in order."""
        for number, frame in self._numbered():
            yield Frame(number, _time(frame), _upright(frame.reformat(format="rgb24"), frame))

    def small_frames(self, start: int, end: int | None, grey_side: int, colour_side: int) -> Iterator[SmallFrame]:
        """Decode a range of frames and shrink them, so that their longer sides are at most as long as given."""
        # Scaled and converted in one go, by contexts that are kept: a third of the time.
        grey, colour = VideoReformatter(), VideoReformatter()
        for number, frame in itertools.islice(self._numbered(), start, end):
            width, height = fit_within(frame.width, frame.height, grey_side)
            small_grey = grey.reformat(frame, width, height, "gray", interpolation="AREA")
            width, height = fit_within(frame.width, frame.height, colour_side)
            small_colour = colour.reformat(frame, width, height, "rgb24", interpolation="POINT")
            yield SmallFrame(number, _time(frame), _upright(small_grey, frame), _upright(small_colour, frame))

    def focal_lengths(self, numbers: Collection[int]) -> tuple[float | None, float | None]:
        """None for a measured focal length, and the nominal one of the lens that the container names, in pixels."""
        with self._open() as container:
            metadata = container.metadata | container.streams.video[self._film].metadata
        return None, read_container_focal(metadata, self.info.width, self.info.height)

    def _numbered(self) -> Iterator[tuple[int, VideoFrame]]:
        with self._open() as container:
            yield from enumerate(deinterlace(self._decode(container)))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was assumed about the file."""
        if len(self._films) < 2:
            return ()
        size = f"{self.info.width}x{self.info.height}"
        return (Notice(f"{self._path.name} holds {len(self._films)} videos: the one of {size} is taken"),)

    @property
    def _film(self) -> int:
        return self._films[0]

    @cached_property
    def _films(self) -> list[int]:
        if not self._path.exists():
            raise InputError(f"{self._path} does not exist: give a video file or a folder of images")
        name = self._path.name
        try:
            found = find_films(self._path)
        except InputError:
            raise
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{name} is not a video that can be read: give a video file or a folder") from error
        if not found:
            raise InputError(f"{name} holds no video: give a video file or a folder of images")
        return found

    def _open(self) -> InputContainer:
        film, container = self._film, open_container(self._path)
        container.streams.video[film].thread_type = "AUTO"
        return container

    def _decode(self, container: InputContainer) -> Iterator[VideoFrame]:
        """Frames in display order; a broken tail ends the clip where the last good frame was."""
        count = 0
        try:
            for frame in container.decode(video=self._film):
                count += 1
                yield frame
        except av.FFmpegError as error:
            if not count:
                raise InputError(f"{self._path.name} cannot be decoded: export it again") from error
            log.warning("%s breaks off after %d frames", self._path.name, count)


def read_video(path: Path, count: int) -> Image:
    """Read a video's first frames, at most ``count``: (T, H, W, 3) uint8 sRGB.

    Raises
    ------
    InputError
        Where it cannot be read.
    """
    pictures = [frame.picture for frame in itertools.islice(VideoFile(path).frames(), count)]
    if not pictures:
        raise InputError(f"{path} has no frames")
    return np.stack(pictures)


def fit_within(width: int, height: int, side: int) -> tuple[int, int]:
    """Size whose longer side is at most that long."""
    scale = min(side / max(width, height), 1.0)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _time(frame: VideoFrame) -> float:
    return float("nan") if frame.time is None else float(frame.time)


def _upright(picture: VideoFrame, frame: VideoFrame) -> Image:
    return np.asarray(turn_upright(picture.to_ndarray(), read_orientation_of_frame(frame)), np.uint8)
