"""Opening what FFmpeg reads: one file, by a demuxer that opens no other, and the stream that is the film.

A file from a stranger may be a playlist, a list of parts or a description of a stream, whatever its name says, and
would have FFmpeg read other files of this machine or fetch from the network. So demuxers are allowed by name: FFmpeg
chooses one by the file's content, and one that is not listed opens nothing.
"""

import math
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import av
from av.buffer import Buffer
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from parascale.media.orientation import UPRIGHT, orientation_of_matrix
from parascale.media.size_limit import MAX_DECODED_PIXELS, check_decoded_size, check_png_size

DEMUXERS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "mxf", "asf", "flv", "ogg", "nut", "dv", "gxf", "rm"),
    *("h264", "hevc", "vvc", "m4v", "mjpeg", "av1", "obu", "ivf", "vc1", "dnxhd", "dirac", "cine", "yuv4mpegpipe"),
    *("image2", "gif", "apng", "webp", "ico", "fits", "jpegxl_anim"),
    *(f"{name}_pipe" for name in ("bmp", "dds", "dpx", "exr", "gif", "hdr", "j2k", "jpeg", "jpegls", "jpegxl", "pam")),
    *(f"{name}_pipe" for name in ("pbm", "pcx", "pfm", "pgm", "pgmyuv", "phm", "png", "ppm", "psd", "qoi", "sgi")),
    *(f"{name}_pipe" for name in ("sunrast", "tiff", "webp", "xbm", "xwd")),
)
"""FFmpeg's demuxers that read the one file they are given. Left out are those that open what a file names: ``hls``,
``dash``, ``concat``, ``sdp``, ``rtsp``, ``imf``, ``smoothstreaming``, ``vobsub``, ``svg_pipe``, scripts. ``image2``,
which FFmpeg takes for many a picture, reads no numbered neighbours where patterns are off."""

_CLOSED = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS), "pattern_type": "none"}

# What players show beside a film: covers, chapter thumbnails, stills.
_BESIDE = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
# Packets by which a film is told from a still, and how few of them, beside the most of any stream, a still has.
_TOLD_BY, _STILL_SHARE = 200, 0.1

# FFmpeg's AVSphericalProjection; a rectilinear one is a flat view.
_PROJECTIONS = {
    0: "360-degree panorama",
    1: "360-degree cube map",
    2: "part of a 360-degree panorama",
    3: "180-degree panorama",
    5: "fisheye picture",
}


def name_for_ffmpeg(path: Path) -> str:
    """Return the name by which FFmpeg opens a file: absolute, as "12:30:45.mp4" would be of a protocol called 12."""
    return os.path.abspath(path)


def open_container(path: Path) -> InputContainer:
    """Open a file to read it.

    Raises
    ------
    InputError
        Where its pictures are too large to be decoded.
    av.FFmpegError, OSError, ValueError
        Where it cannot be opened, or by a demuxer alone that is not on the list.
    """
    check_png_size(path)
    container = av.open(name_for_ffmpeg(path), options=_CLOSED)
    try:
        for stream in container.streams.video:
            check_decoded_size(path, stream.width, stream.height)
            # Of formats whose size FFmpeg finds out only as it decodes.
            stream.codec_context.options = {"max_pixels": str(MAX_DECODED_PIXELS)}
    except BaseException:
        container.close()
        raise
    return container


def find_films(path: Path) -> list[int]:
    """Find the video streams of a file that can be its film, the best first, as indices among its video streams.

    Covers and stills are no film while another stream is; of several films the one with the largest picture is the
    best, then the one that the file marks as its default. Streams are told apart by their first packets: the lengths
    that files state are wrong or missing.

    Raises
    ------
    av.FFmpegError, OSError, ValueError
        Where the file cannot be opened.
    """
    with open_container(path) as container:
        streams = container.streams.video
        kept = [number for number, stream in enumerate(streams) if not stream.disposition & _BESIDE]
        if len(kept) <= 1:
            return kept or list(range(len(streams)))[:1]
        packets: Counter[int] = Counter()
        for packet in container.demux([streams[number] for number in kept]):
            packets[packet.stream_index] += packet.size > 0
            if packets[packet.stream_index] >= _TOLD_BY:
                break
        least = _STILL_SHARE * max(packets.values(), default=0)
        long = [number for number in kept if packets[streams[number].index] > least] or kept
        return sorted(long, key=lambda number: _rank(streams[number]), reverse=True)


def _rank(stream: VideoStream) -> tuple[int, bool]:
    return stream.width * stream.height, bool(stream.disposition & Disposition.default)


def read_orientation_of_frame(frame: VideoFrame) -> int:
    """Read how a decoded frame is to be turned and mirrored, as Exif counts."""
    try:
        stored = cast("Mapping[str, Buffer]", frame.side_data)["DISPLAYMATRIX"]
        a, b, _, c, d = map(float, memoryview(bytes(stored)).cast("i")[:5])
    except KeyError:
        return UPRIGHT
    except ValueError:
        # Beside side data that PyAV does not know, it gives none at all, but still the angle.
        angle = math.radians(frame.rotation)
        a, b, c, d = math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)
    return orientation_of_matrix(a, b, c, d)


def read_projection_of_frame(frame: VideoFrame) -> str | None:
    """Read what a file states its pictures are, where that is no flat view: a "360-degree panorama", a "fisheye"."""
    try:
        stored = bytes(cast("Mapping[str, Buffer]", frame.side_data)["SPHERICAL"])
    except (KeyError, ValueError):
        return None
    return _PROJECTIONS.get(int.from_bytes(stored[:4], sys.byteorder))
