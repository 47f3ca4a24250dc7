"""Video files, by PyAV."""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from parascale.errors import InputError, Notice
from parascale.media.container import (
    find_films,
    open_container,
    read_orientation_of_frame,
    read_projection_of_frame,
)
from parascale.media.damage import SILENT_DECODERS, Damage
from parascale.media.interlacing import deinterlace
from parascale.media.lens_metadata import read_container_focal
from parascale.media.orientation import is_transposed, turn_upright, upright_size
from parascale.media.picture_times import DEFAULT_FPS
from parascale.types import Image

# A film that ends before this share of the time it states breaks off.
MIN_PRESENT = 0.8
# Frames by which it is seen whether a decoder can be told to fail.
TRIED_FRAMES = 5


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
        self._damage = Damage()

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
            # Of streams without times FFmpeg makes up an average.
            rates = (stream.average_rate, stream.guessed_rate)
            fps = float(next(filter(None, rates if self._has_times else rates[::-1]), 0)) or DEFAULT_FPS
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

    def places(self, numbers: Collection[int]) -> None:
        """None: a video tells one place at most."""

    def _numbered(self) -> Iterator[tuple[int, VideoFrame]]:
        with self._open(strict=self._strict) as container:
            self._damage = Damage()
            first = last = shown = float("nan")
            for number, frame in enumerate(deinterlace(self._decode(container, self._damage))):
                last = _time(frame)
                # Files of a variable rate may hold their last picture for long.
                shown = max(1 / self.info.fps, float((frame.duration or 0) * (frame.time_base or 0)))
                first = last if number == 0 else first
                yield number, frame
            # Some containers count their length from 0, where their film starts later.
            if max(last, last - first) + shown < MIN_PRESENT * _stated_seconds(container, self._film):
                self._damage.cut = True

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was assumed about the file, and what of it could not be decoded whole when it was last read."""
        told = list(self._damage.notices(self._path.name))
        if len(self._films) > 1:
            size = f"{self.info.width}x{self.info.height}"
            told.append(Notice(f"{self._path.name} holds {len(self._films)} videos: the one of {size} is taken"))
        if not self._has_times:
            rate = f"{self.info.fps:.4g} frames a second"
            told.append(Notice(f"{self._path.name} is a stream without times: {rate} are assumed, as it is encoded"))
        return tuple(told)

    @cached_property
    def _has_times(self) -> bool:
        with self._open() as container:
            first = next(self._decode(container), None)
        return first is None or first.time is not None

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

    def _open(self, *, strict: bool = False) -> InputContainer:
        film, container = self._film, open_container(self._path)
        stream = container.streams.video[film]
        stream.thread_type = "AUTO"
        if strict:
            stream.codec_context.options |= {"err_detect": "explode"}
        return container

    @cached_property
    def _strict(self) -> bool:
        """Whether the decoder is to fail, not to be silent, but not where it fails from the start, as on oddities."""
        with self._open(strict=True) as container:
            if container.streams.video[self._film].codec_context.name not in SILENT_DECODERS:
                return False
            damage = Damage()
            try:
                tried = list(itertools.islice(self._decode(container, damage), TRIED_FRAMES))
            except InputError:
                return False
            return bool(tried) and not damage.lost

    def _decode(self, container: InputContainer, damage: Damage | None = None) -> Iterator[VideoFrame]:
        """Frames in display order, without those that cannot be decoded."""
        damage = damage or Damage()
        count = 0
        for packet in _demux(container, self._film, damage):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                damage.lost.append(count)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    damage.concealed.append(count)
                count += 1
                yield frame
        if damage.lost and not count:
            raise InputError(f"{self._path.name} cannot be decoded: export it again")


def _stated_seconds(container: InputContainer, film: int) -> float:
    """Seconds that a file says its film takes; 0 where it does not say, or says how long its sound is."""
    stream = container.streams.video[film]
    if container.format.name == "avi" and stream.average_rate:
        # Its lengths are those of what is left, its count is that of the header.
        return float(stream.frames / stream.average_rate)
    whole = (container.duration or 0) / av.time_base
    if stream.duration is None or stream.time_base is None:
        return whole if len(container.streams) == 1 else 0.0
    return min(float(stream.duration * stream.time_base), whole)


def _demux(container: InputContainer, film: int, damage: Damage) -> Iterator["Packet[VideoStream]"]:
    try:
        yield from container.demux(video=film)
    except av.FFmpegError:
        damage.cut = True


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
