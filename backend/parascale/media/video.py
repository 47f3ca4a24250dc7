"""Pictures and their times out of a video file or a folder of images."""

import itertools
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from parascale.errors import Cancelled, InputError
from parascale.media.footage import Footage, VideoInfo
from parascale.media.image_file import read_exr_image
from parascale.media.lens_metadata import common_focal, container_focal
from parascale.media.suffixes import image_files
from parascale.types import CancelCheck, Image, Progress

WORKING_SIDE = 640
COLOUR_SIDE = 320
FOLDER_FPS = 24.0
MAX_FRAMES = 2000
# Photos decoded at once, each as large as it is, and asked for at once.
READERS, READ_AHEAD = 2, 8


log = logging.getLogger(__name__)


def probe(path: Path) -> VideoInfo:
    """Read size, rate and length of a reference without decoding it.

    Parameters
    ----------
    path : Path
        A video file, or a folder of images.

    Raises
    ------
    InputError
        Where it is neither.
    """
    if path.is_dir():
        images = image_files(path)
        height, width = _read_image(images[0]).shape[:2]
        return VideoInfo(width, height, FOLDER_FPS, len(images))
    with _open(path) as container:
        stream = container.streams.video[0]
        first = next(_decoded(container, path), None)
        if first is None:
            raise InputError(f"{path.name} holds no picture that can be decoded: choose another clip")
        width, height = first.width, first.height
        aspect = float(stream.sample_aspect_ratio or 0) or 1.0
        if _quarter_turns(first) % 2:
            width, height, aspect = height, width, 1 / aspect
        fps = float(stream.average_rate or stream.guessed_rate or 0) or FOLDER_FPS
        return VideoInfo(width, height, fps, stream.frames or _counted(path), aspect)


def read_frames(
    path: Path,
    *,
    start: int = 0,
    end: int | None = None,
    working_side: int = WORKING_SIDE,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Footage:
    """Decode a range of a reference.

    Parameters
    ----------
    path : Path
        A video file, or a folder of images, read in natural order.
    start, end : int
        First frame, and the one after the last; None is the end of the reference.
    working_side : int
        Longer side of the pictures worked on; smaller ones keep their size.

    Returns
    -------
    Footage

    Raises
    ------
    InputError
        Where the reference cannot be read, or the range holds no frame.
    Cancelled
    """
    if start < 0 or (end is not None and end <= start):
        raise InputError(f"the range {start} to {end} is empty: --start must be at least 0 and below --end")
    info = probe(path)
    last = info.frames if end is None else min(end, info.frames or end)
    numbers: list[int] = []
    times: list[float] = []
    grey: list[Image] = []
    colour: list[Image] = []
    for number, time, small_grey, small_colour in _working(path, start, end, working_side):
        if cancelled is not None and cancelled():
            raise Cancelled
        if len(grey) == MAX_FRAMES:
            raise InputError(f"{path.name} has more than {MAX_FRAMES} frames: give a range with --start and --end")
        if grey and small_grey.shape != grey[0].shape:
            raise InputError(f"frame {number} of {path.name} has another size than the first: all must be alike")
        numbers.append(number)
        times.append(time)
        grey.append(small_grey)
        colour.append(small_colour)
        if progress is not None:
            progress((number + 1 - start) / max(last - start, 1), "decode")
    if not grey:
        raise InputError(f"{path.name} has no frame from {start} on: it holds {info.frames} frames")
    stamps = _increasing(times, info.fps)
    return Footage(info, np.array(numbers), stamps, tuple(grey), tuple(colour), *_focals(path, info, numbers))


def _focals(path: Path, info: VideoInfo, numbers: list[int]) -> tuple[float | None, float | None]:
    """Focal length of a folder's photos, and nominal one of a video's lens, in pixels."""
    if path.is_dir():
        files = image_files(path)
        return common_focal(files[number] for number in numbers), None
    with _open(path) as container:
        told = container.metadata | container.streams.video[0].metadata
        return None, container_focal(told, info.width, info.height)


def pictures(path: Path) -> Iterator[tuple[int, float, Image]]:
    """Yield number, time in seconds and upright sRGB picture (H, W, 3) of every frame, in order."""
    return _folder_pictures(path) if path.is_dir() else _video_pictures(path)


def _working(path: Path, start: int, end: int | None, side: int) -> Iterator[tuple[int, float, Image, Image]]:
    """Yield number, time, grey picture at working size and small sRGB copy of a range of frames."""
    if path.is_dir():
        yield from _folder_working(path, start, end, side)
        return
    # Scaled and converted in one go, by contexts that are kept: a third of the time.
    grey, colour = VideoReformatter(), VideoReformatter()
    for number, frame in itertools.islice(_video_frames(path), start, end):
        width, height = _within(frame.width, frame.height, side)
        small_grey = grey.reformat(frame, width, height, "gray", interpolation="AREA")
        width, height = _within(frame.width, frame.height, COLOUR_SIDE)
        small_colour = colour.reformat(frame, width, height, "rgb24", interpolation="POINT")
        yield number, _time(frame), _upright(small_grey, frame), _upright(small_colour, frame)


def _folder_pictures(folder: Path) -> Iterator[tuple[int, float, Image]]:
    images = image_files(folder)
    for index, (image, time) in enumerate(zip(images, _times_in_names(images), strict=True)):
        yield index, time, _read_image(image)


def _folder_working(folder: Path, start: int, end: int | None, side: int) -> Iterator[tuple[int, float, Image, Image]]:
    images = image_files(folder)
    times = _times_in_names(images)
    chosen = range(len(images))[start:end]
    with ThreadPoolExecutor(READERS) as pool:
        # A few at a time, so that a cancelled solve does not wait for the rest.
        for first in range(0, len(chosen), READ_AHEAD):
            numbers = chosen[first : first + READ_AHEAD]
            read = pool.map(lambda number: _shrink(_read_image(images[number]), side), numbers)
            for number, (grey, colour) in zip(numbers, read, strict=True):
                yield number, times[number], grey, colour


def _times_in_names(images: list[Path]) -> list[float]:
    numbers = _numbers_in_names(images)
    return [(number - numbers[0]) / FOLDER_FPS for number in numbers]


def _numbers_in_names(images: list[Path]) -> list[int]:
    """Read the last number in each name, so that missing frames are gaps in time; count where they have none."""
    found = [re.findall(r"\d+", image.stem) for image in images]
    numbers = [int(digits[-1]) for digits in found if digits]
    if len(numbers) == len(images) and all(a < b for a, b in itertools.pairwise(numbers)):
        return numbers
    return list(range(len(images)))


def _read_image(path: Path) -> Image:
    if path.suffix.lower() == ".exr":
        return read_exr_image(path)
    # Decoded from bytes: OpenCV's own reader prints warnings and fails on names outside the locale.
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path} is not an image that can be read: remove it or export it again")
    return np.asarray(picture[:, :, ::-1])


def _video_pictures(path: Path) -> Iterator[tuple[int, float, Image]]:
    for number, frame in _video_frames(path):
        yield number, _time(frame), _upright(frame.reformat(format="rgb24"), frame)


def _video_frames(path: Path) -> Iterator[tuple[int, Any]]:
    with _open(path) as container:
        yield from enumerate(_progressive(_decoded(container, path)))


def _time(frame: Any) -> float:
    return float("nan") if frame.time is None else float(frame.time)


def _upright(picture: Any, frame: Any) -> Image:
    return np.ascontiguousarray(np.rot90(picture.to_ndarray(), _quarter_turns(frame)))


def _progressive(frames: Iterator[Any]) -> Iterator[Any]:
    """Pass frames on, interlaced ones with the lines of their later field made up from those of the first."""
    graph = None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None:
            graph = _deinterlacer(frame)
        graph.vpush(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph)


def _deinterlacer(frame: Any) -> Any:
    graph = av.filter.Graph()
    size = {"width": frame.width, "height": frame.height}
    source = graph.add_buffer(format=frame.format, time_base=frame.time_base, **size)
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink"))
    graph.configure()
    return graph


def _pulled(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _open(path: Path) -> Any:
    if not path.exists():
        raise InputError(f"{path} does not exist: give a video file or a folder of images")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path.name} is not a video that can be read: give a video file or a folder") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path.name} holds no video: give a video file or a folder of images")
    container.streams.video[0].thread_type = "AUTO"
    return container


def _decoded(container: Any, path: Path) -> Iterator[Any]:
    """Frames in display order; a broken tail ends the clip where the last good frame was."""
    count = 0
    try:
        for frame in container.decode(video=0):
            count += 1
            yield frame
    except av.FFmpegError as error:
        if not count:
            raise InputError(f"{path.name} cannot be decoded: export it again") from error
        log.warning("%s breaks off after %d frames", path.name, count)


def _quarter_turns(frame: Any) -> int:
    return round(float(frame.rotation or 0) / 90) % 4


def _counted(path: Path) -> int:
    with _open(path) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def _shrink(picture: Image, working_side: int) -> tuple[Image, Image]:
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return _fit(grey, working_side, cv2.INTER_AREA), _fit(picture, COLOUR_SIDE, cv2.INTER_NEAREST)


def _fit(picture: Image, side: int, how: int) -> Image:
    height, width = picture.shape[:2]
    size = _within(width, height, side)
    return picture if size == (width, height) else np.asarray(cv2.resize(picture, size, interpolation=how))


def _within(width: int, height: int, side: int) -> tuple[int, int]:
    """Size whose longer side is at most that long."""
    scale = min(side / max(width, height), 1.0)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _increasing(times: list[float], fps: float) -> NDArray[np.float64]:
    """Take the stream's times, or count them from the frame rate where the stream has none that increase."""
    stamps = np.array(times)
    if np.isnan(stamps).any() or (np.diff(stamps) <= 0).any():
        return np.arange(len(times)) / fps
    return np.asarray(stamps - stamps[0])
