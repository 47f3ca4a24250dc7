"""Frames that hold two fields, taken at two moments: flagged as such, or known by their combs."""

from collections.abc import Iterator

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# How much more a line differs from the lines beside it than a field's line does from its own neighbours. Whole pictures
# lie below 0.6 and pure noise at 1; the fields of a moving camera lie from 1.05 to 6.
MIN_COMB_RATIO = 1.1
# Below this a picture is whole, whatever its flag says.
MAX_WHOLE_RATIO = 0.8
# Share of the lightest pixel below which nothing is told.
MIN_COMB = 0.002
# Columns side by side that are looked at, of so many: an eighth of the picture tells as much as all of it.
BAND, PERIOD = 32, 256


def deinterlace(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Pass frames on; where one holds two fields, with the lines of the later field made up.

    Files that were woven from film, or edited, hold two fields in frames that no flag marks. Others flag frames whose
    fields are of one moment: made-up lines would only blur these, so frames stay as they are until one is not whole.
    """
    graph: av.filter.Graph | None = None
    for frame in _flag_combed(frames):
        if graph is None and (not frame.interlaced_frame or is_whole(_bands(frame))):
            yield frame
            continue
        graph = graph or _graph(frame, "bwdif", "mode=send_frame:deint=interlaced")
        graph.vpush(frame)
        yield from _pull_all(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pull_all(graph)


def _flag_combed(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    graph: av.filter.Graph | None = None
    for frame in frames:
        if frame.interlaced_frame or not is_combed(_bands(frame)):
            yield frame
            continue
        graph = graph or _graph(frame, "setfield", "tff")
        graph.vpush(frame)
        yield from _pull_all(graph)


def is_combed(luma: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
    """Tell whether every second line of a picture's lightness (H, W) shows another moment than the lines between."""
    return _comb_ratio(luma) > MIN_COMB_RATIO


def is_whole(luma: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
    """Tell whether all lines of a picture's lightness (H, W) plainly show one moment: False also where it is flat."""
    return _comb_ratio(luma) < MAX_WHOLE_RATIO


def _comb_ratio(luma: NDArray[np.uint8] | NDArray[np.uint16]) -> float:
    """How much more a line differs from its neighbours than within its field; NaN where too little is to be seen."""
    rows = luma[: len(luma) // 2 * 2].astype(np.int32)
    if len(rows) < 6:
        return float("nan")
    whole = _mean_bend(rows)
    if whole < MIN_COMB * rows.max():
        return float("nan")
    within = max(_mean_bend(rows[0::2]), _mean_bend(rows[1::2]))
    return whole / within if within else float("inf")


def _mean_bend(rows: NDArray[np.int32]) -> float:
    return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())


def _bands(frame: VideoFrame) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Read bands of a frame's lightness, from its own plane where it has one: converting would double the decoding."""
    light, *others = frame.format.components
    if not light.is_luma or frame.format.is_big_endian or any(each.plane == light.plane for each in others):
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    plane, dtype = frame.planes[light.plane], np.uint8 if light.bits == 8 else np.uint16
    rows = np.frombuffer(bytes(plane), dtype).reshape(frame.height, -1)[:, : frame.width]
    bands: NDArray[np.uint8] | NDArray[np.uint16] = np.concatenate(
        [rows[:, at : at + BAND] for at in range(0, frame.width, PERIOD)], axis=1
    )
    return bands


def _graph(frame: VideoFrame, name: str, options: str) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add(name, options), graph.add("buffersink"))
    graph.configure()
    return graph


def _pull_all(graph: av.filter.Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
