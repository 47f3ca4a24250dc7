"""One known clip written in the containers, codecs, rates, orientations and colours that people's cameras write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

Picture = np.ndarray


@dataclass(frozen=True)
class Variant:
    """How the clip is written.

    Attributes
    ----------
    name : str
    suffix, codec, pix_fmt : str
    options : dict
        Of the encoder.
    rate : int or Fraction
        Frames a second that the stream states.
    stored : callable
        What is done to the pictures before they are encoded; the reader has to undo it.
    matrix : tuple of 4 int or None
        a, b, c, d of the display matrix, written into the track header (MOV and MP4).
    repeats : int
        How often each picture is written.
    uneven : bool
        Whether the time stamps are those of a variable frame rate.
    cover, second : bool
        Whether a cover picture, or a second video stream, comes first.
    colours : dict
        Attributes of the codec context.
    offset : int
        Time stamp of the first picture, in ticks.
    """

    name: str
    suffix: str = ".mp4"
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    rate: int | Fraction = 24
    stored: Callable[[Picture], Picture] = lambda picture: picture
    matrix: tuple[int, int, int, int] | None = None
    repeats: int = 1
    uneven: bool = False
    cover: bool = False
    second: bool = False
    colours: dict[str, int] = field(default_factory=dict)
    offset: int = 0

    def write(self, pictures: Sequence[Picture], folder: Path) -> Path:
        """Write the clip and return its path."""
        path = folder / f"{self.name}{self.suffix}"
        with av.open(str(path), "w") as container:
            cover = _cover_stream(container) if self.cover else None
            small = _small_stream(container) if self.second else None
            stream = self._stream(container, self.stored(pictures[0]))
            if cover is not None:
                _encode(container, cover, [pictures[0][:96, :160]])
            if small is not None:
                _encode(container, small, [np.full((64, 64, 3), 90, np.uint8)] * len(pictures))
            for number, picture in enumerate(p for p in pictures for _ in range(self.repeats)):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(self.stored(picture)), format="rgb24")
                frame.pts = self.offset + self._tick(number)
                frame.time_base = stream.codec_context.time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if self.matrix is not None:
            _set_matrix(path, self.matrix)
        return path

    def _stream(self, container: Any, first: Picture) -> Any:
        stream = container.add_stream(self.codec, rate=self.rate)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = self.pix_fmt
        quality = {"crf": "12"} if self.codec in {"libx264", "libx265", "libvpx-vp9", "libsvtav1"} else {}
        stream.options = quality | self.options
        stream.codec_context.time_base = Fraction(1, 24000) if self.uneven else 1 / Fraction(self.rate)
        if self.codec in {"mpeg4", "mpeg2video", "mjpeg", "vp8"}:
            stream.codec_context.bit_rate = 8_000_000
        for name, value in self.colours.items():
            setattr(stream.codec_context, name, value)
        return stream

    def _tick(self, number: int) -> int:
        if not self.uneven:
            return number
        # Up to a third of a frame early or late, as phones record.
        return 1000 * number + (0, 250, -300, 120, 330, -80)[number % 6]


def _cover_stream(container: Any) -> Any:
    cover = container.add_stream("mjpeg", rate=1)
    cover.height, cover.width, cover.pix_fmt = 96, 160, "yuvj420p"
    cover.disposition = av.stream.Disposition.attached_pic
    return cover


def _small_stream(container: Any) -> Any:
    """Add a small still stream before the film, as thumbnails and data overlays are stored."""
    small = container.add_stream("libx264", rate=24)
    small.height, small.width, small.pix_fmt = 64, 64, "yuv420p"
    small.disposition = av.stream.Disposition(0)
    return small


def _encode(container: Any, stream: Any, pictures: Sequence[Picture]) -> None:
    stream.codec_context.time_base = 1 / Fraction(stream.codec_context.framerate)
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = number, stream.codec_context.time_base
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _set_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + (40 if data[data.index(b"tkhd") + 4] == 0 else 52)
    a, b, c, d = (value * 0x10000 for value in matrix)
    rows = (a, b, 0, c, d, 0, 0, 0, 0x40000000)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in rows)
    path.write_bytes(bytes(data))


def _turn(quarters: int) -> Callable[[Picture], Picture]:
    return lambda picture: np.rot90(picture, quarters)


def _mirror(picture: Picture) -> Picture:
    return picture[:, ::-1]


# What a player does for a matrix, undone: how a recorder would have stored the upright picture.
ORIENTATIONS: dict[str, tuple[Callable[[Picture], Picture], tuple[int, int, int, int]]] = {
    "turned_90": (_turn(1), (0, 1, -1, 0)),
    "turned_180": (_turn(2), (-1, 0, 0, -1)),
    "turned_270": (_turn(3), (0, -1, 1, 0)),
    "mirrored": (_mirror, (-1, 0, 0, 1)),
    "flipped": (lambda picture: picture[::-1], (1, 0, 0, -1)),
    "transposed": (lambda picture: picture.transpose(1, 0, 2), (0, 1, 1, 0)),
    "transversed": (lambda picture: np.rot90(picture, 2).transpose(1, 0, 2), (0, -1, -1, 0)),
}

_FULL_RANGE = {"color_range": 2}
_REC709 = {"color_primaries": 1, "color_trc": 1, "colorspace": 1}
_REC601 = {"color_primaries": 6, "color_trc": 6, "colorspace": 6}

VARIANTS: tuple[Variant, ...] = (
    # Containers and codecs.
    *(Variant(f"h264{suffix.replace('.', '_')}", suffix) for suffix in (".mp4", ".mov", ".mkv", ".avi", ".ts", ".flv")),
    Variant("h264_m4v", ".m4v"),
    Variant("h264_3gp", ".3gp"),
    Variant("h264_mts", ".mts"),
    Variant("h264_intra", options={"g": "1"}),
    Variant("h264_b_frames", options={"bf": "3", "g": "12"}),
    Variant("h264_no_b_frames", options={"bf": "0"}),
    Variant("h264_422", pix_fmt="yuv422p"),
    Variant("h264_444", pix_fmt="yuv444p"),
    Variant("h264_10_bit", pix_fmt="yuv420p10le"),
    Variant("h264_lossless", pix_fmt="yuv444p", options={"qp": "0"}),
    Variant("hevc", codec="libx265", options={"x265-params": "log-level=error"}),
    Variant("hevc_mov", ".mov", "libx265", options={"x265-params": "log-level=error"}),
    Variant("hevc_10_bit", codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": "log-level=error"}),
    Variant("hevc_422_10_bit", codec="libx265", pix_fmt="yuv422p10le", options={"x265-params": "log-level=error"}),
    Variant("hevc_mkv_12_bit", ".mkv", "libx265", "yuv420p12le", {"x265-params": "log-level=error"}),
    Variant("prores_proxy", ".mov", "prores_ks", "yuv422p10le", {"profile": "0"}),
    Variant("prores_422", ".mov", "prores_ks", "yuv422p10le", {"profile": "2"}),
    Variant("prores_4444", ".mov", "prores_ks", "yuva444p10le", {"profile": "4"}),
    Variant("dnxhr", ".mov", "dnxhd", "yuv422p", {"profile": "dnxhr_hq"}),
    Variant("vp9", ".webm", "libvpx-vp9"),
    Variant("vp9_mkv", ".mkv", "libvpx-vp9"),
    Variant("av1", ".mp4", "libsvtav1", options={"preset": "10"}),
    Variant("vp9_444", ".webm", "libvpx-vp9", "yuv444p"),
    Variant("mjpeg_avi", ".avi", "mjpeg", "yuvj420p", {"qmin": "2", "qmax": "3"}),
    Variant("mjpeg_mov_422", ".mov", "mjpeg", "yuvj422p", {"qmin": "2", "qmax": "3"}),
    Variant("mpeg4_avi", ".avi", "mpeg4"),
    Variant("mpeg2_ts", ".ts", "mpeg2video", rate=25),
    Variant("ffv1", ".mkv", "ffv1", "yuv444p"),
    Variant("ffv1_rgb", ".mkv", "ffv1", "bgr0"),
    Variant("huffyuv", ".avi", "huffyuv", "yuv422p"),
    Variant("qtrle", ".mov", "qtrle", "rgb24"),
    Variant("qtrle_alpha", ".mov", "qtrle", "argb"),
    Variant("png_mov", ".mov", "png", "rgb24"),
    Variant("png_alpha_mov", ".mov", "png", "rgba"),
    # Rates.
    Variant("rate_23_976", rate=Fraction(24000, 1001)),
    Variant("rate_25", rate=25),
    Variant("rate_29_97", rate=Fraction(30000, 1001)),
    Variant("rate_60", rate=60),
    Variant("rate_120", rate=120),
    Variant("rate_variable_mp4", uneven=True),
    Variant("rate_variable_mkv", ".mkv", uneven=True),
    Variant("starts_late", offset=48),
    Variant("twice_in_50", rate=48, repeats=2),
    Variant("thrice_in_72", rate=72, repeats=3),
    # Orientations.
    *(Variant(name, ".mov", stored=stored, matrix=matrix) for name, (stored, matrix) in ORIENTATIONS.items()),
    # Colours.
    Variant("full_range", pix_fmt="yuvj420p", colours=_FULL_RANGE),
    Variant("rec_709", colours=_REC709),
    Variant("rec_601", colours=_REC601),
    Variant("grey", ".mkv", "ffv1", "gray"),
    Variant("grey_10_bit", ".mkv", "ffv1", "gray10le"),
    # Streams beside the film.
    Variant("cover_first", cover=True),
    Variant("small_stream_first", ".mkv", second=True),
    Variant("small_stream_first_mp4", second=True),
    # Fields of one moment: the picture is whole, the stream says interlaced.
    Variant("interlaced_mkv", ".mkv", options={"x264-params": "tff=1"}),
    Variant("interlaced_mp4", options={"x264-params": "bff=1"}),
    # Odd sizes: cropped by less than a pixel in a hundred.
    Variant("odd_width", ".mkv", "ffv1", "yuv444p", stored=lambda picture: picture[:, :-1]),
    Variant("odd_height", ".mkv", "ffv1", "yuv444p", stored=lambda picture: picture[:-1]),
)
