"""Damaged films are read as far as they go, and what of them is not whole is said with its count."""

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from parascale.media.video_file import VideoFile

COUNT, HIT = 24, 12
# Container, codec, pixel format: intra-coded and inter-coded, with decoders that flag, that fail and that say nothing.
FILMS = {
    "h264": (".mp4", "libx264", "yuv420p"),
    "hevc": (".mp4", "libx265", "yuv420p"),
    "mpeg4": (".avi", "mpeg4", "yuv420p"),
    "mjpeg": (".avi", "mjpeg", "yuvj420p"),
    "prores": (".mov", "prores_ks", "yuv422p10le"),
    "av1": (".mp4", "libsvtav1", "yuv420p"),
}


def write(path: Path, codec: str, pix_fmt: str, options: dict[str, str] | None = None, *, hashed: bool = False) -> Path:
    """Write pictures of a texture that slides by; of HEVC with the sum of each beside it, where asked."""
    noise = np.random.default_rng(0).uniform(0, 255, (200, 420, 3)).astype(np.float32)
    texture = np.clip((cv2.GaussianBlur(noise, (0, 0), 2) - 128) * 4 + 128, 0, 255).astype(np.uint8)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 180, pix_fmt
        stream.codec_context.bit_rate = 3_000_000
        if codec == "libx265":
            stream.options = {"x265-params": f"log-level=error:hash={int(hashed)}"}
        for number in range(COUNT):
            picture = np.ascontiguousarray(texture[10:190, 3 * number : 3 * number + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


def overwrite(path: Path, number: int, change: Callable[[int], bytes]) -> None:
    """Overwrite the later two thirds of a packet."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        position, size = packets[number].pos, packets[number].size
    assert position is not None
    data = bytearray(path.read_bytes())
    data[position + size // 3 : position + size] = change(size - size // 3)
    path.write_bytes(bytes(data))


def read(path: Path) -> tuple[int, list[str]]:
    """Return how many pictures are read, and what is said."""
    film = VideoFile(path)
    count = sum(1 for _ in film.frames())
    return count, [notice.message for notice in film.notices]


@pytest.mark.parametrize("name", FILMS)
def test_a_whole_film_is_not_said_to_be_damaged(tmp_path: Path, name: str) -> None:
    suffix, codec, pix_fmt = FILMS[name]
    assert read(write(tmp_path / f"film{suffix}", codec, pix_fmt)) == (COUNT, [])


def zeros(size: int) -> bytes:
    return bytes(size)


def noise(size: int) -> bytes:
    return np.random.default_rng(1).bytes(size)


# HEVC's coding takes any noise for a picture: no decoder tells, unless the film holds the sums of its pictures.
@pytest.mark.parametrize(
    ("name", "change"), [*((name, zeros) for name in FILMS), *((name, noise) for name in FILMS if name != "hevc")]
)
def test_a_damaged_packet_is_counted_and_the_film_goes_on(
    tmp_path: Path, name: str, change: Callable[[int], bytes]
) -> None:
    suffix, codec, pix_fmt = FILMS[name]
    path = write(tmp_path / f"film{suffix}", codec, pix_fmt)
    overwrite(path, HIT, change)
    count, told = read(path)
    assert count >= COUNT - 1
    assert len(told) == 1
    assert "film" in told[0]
    assert "is damaged: 1 picture is lost or made up in part" in told[0]


def test_noise_in_hevc_is_told_where_the_film_holds_the_sums_of_its_pictures(tmp_path: Path) -> None:
    path = write(tmp_path / "film.mp4", *FILMS["hevc"][1:], hashed=True)
    assert read(path) == (COUNT, [])
    overwrite(path, HIT, noise)
    told = read(path)[1]
    assert "is damaged: 1 picture is lost or made up in part" in told[0]


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_a_film_that_breaks_off_is_said_to(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"film{suffix}", "mjpeg", "yuvj420p")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    count, told = read(path)
    assert HIT < count < COUNT - 4
    assert "breaks off before its end" in " ".join(told)


def test_a_film_that_starts_late_or_is_short_is_no_film_that_breaks_off(tmp_path: Path) -> None:
    for name, start, count in (("late", 2400, COUNT), ("short", 0, 2)):
        path = tmp_path / f"{name}.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mjpeg", rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
            for number in range(count):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 9 * number, np.uint8), "rgb24")
                frame.pts = start + number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        assert read(path) == (count, [])


def test_sound_that_is_longer_than_its_film_is_no_film_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for number in range(COUNT):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 9 * number, np.uint8), "rgb24"))
            )
        container.mux(stream.encode())
        for _ in range(4):
            heard = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
            heard.sample_rate = 8000
            container.mux(sound.encode(heard))
        container.mux(sound.encode())
    assert read(path) == (COUNT, [])


@pytest.mark.parametrize(("suffix", "codec"), [(".mov", "mjpeg"), (".mkv", "mjpeg"), (".mkv", "libx264")])
def test_a_last_picture_that_is_held_is_no_film_that_breaks_off(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"held{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height = 64, 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        packets = []
        for number in range(COUNT):
            packets += stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 9 * number, np.uint8), "rgb24"))
        packets += stream.encode()
        last = max(packets, key=lambda packet: packet.pts or 0)
        last.duration = int(3 / last.time_base)
        for packet in packets:
            container.mux(packet)
    assert read(path) == (COUNT, [])
