import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from parascale.errors import Cancelled, InputError
from parascale.media.frames import open_frames
from parascale.media.sequences import image_files
from parascale.solve.tracking import footage
from parascale.solve.tracking.footage import read_footage


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Twelve pictures, 96x64, each of one grey level: the frame's number times ten."""
    return [np.full((64, 96, 3), 20 + 10 * t, np.uint8) for t in range(12)]


@pytest.fixture(scope="module")
def video(rendered: Any, pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(rendered.write_video(tmp_path_factory.mktemp("video") / "clip.mp4", pictures, fps=16))


@pytest.fixture
def folder(tmp_path: Path, pictures: list[np.ndarray]) -> Path:
    for number in (1, 2, 3, 10, 11, 12):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), pictures[number - 1])
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_probe_tells_size_rate_and_length(video: Path) -> None:
    info = open_frames(video).info
    assert (info.width, info.height, info.fps, info.frames) == (96, 64, 16, 12)


def test_range_is_start_inclusive_end_exclusive(video: Path) -> None:
    footage = read_footage(video, start=3, end=7)
    assert footage.frames.tolist() == [3, 4, 5, 6]
    assert [round(grey.mean() / 10) * 10 for grey in footage.grey] == [50, 60, 70, 80]
    np.testing.assert_allclose(footage.times, np.arange(4) / 16)


def test_an_end_past_the_last_frame_is_the_last_frame(video: Path) -> None:
    assert len(read_footage(video, end=500)) == 12


def test_times_come_from_the_stream(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    stamps = [0, 40, 80, 200, 240]
    with av.open(str(tmp_path / "vfr.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 96, 64, "yuv420p", Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        for stamp, picture in zip(stamps, pictures, strict=False):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    np.testing.assert_allclose(read_footage(tmp_path / "vfr.mkv").times, np.array(stamps) / 1000)


def test_folders_are_read_in_natural_order(folder: Path) -> None:
    assert [path.name for path in image_files(folder)][:4] == ["frame1.png", "frame2.png", "frame3.png", "frame10.png"]


def test_gaps_in_numbers_are_gaps_in_time(folder: Path) -> None:
    np.testing.assert_allclose(read_footage(folder).times * 24, [0, 1, 2, 9, 10, 11])


def test_large_pictures_are_worked_on_smaller(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((1080, 1920), np.uint8))
    footage = read_footage(tmp_path)
    assert footage.grey[0].shape == (360, 640)
    assert (footage.info.width, footage.info.height) == (1920, 1080)
    assert footage.scale == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda p: p.write_text("no video"), "not a video"),
        (lambda p: p.write_bytes(b""), "not a video"),
        (lambda p: p.write_bytes(os.urandom(5000)), "not a video"),
        (lambda p: None, "does not exist"),
        (lambda p: p.mkdir(), "holds no images"),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence(tmp_path: Path, make: Any, part: str) -> None:
    make(tmp_path / "clip.mp4")
    with pytest.raises(InputError, match=part):
        read_footage(tmp_path / "clip.mp4")


def test_half_a_file_is_refused_or_ends_where_it_breaks(video: Path, tmp_path: Path) -> None:
    whole = video.read_bytes()
    for share in (0.3, 0.9):
        broken = tmp_path / f"{share}.mp4"
        broken.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match=r"not a video|cannot be decoded|no picture"):
            read_footage(broken)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mov"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="holds no video"):
        read_footage(tmp_path / "sound.mov")


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 5), (7, 3)])
def test_empty_ranges_are_refused(video: Path, start: int, end: int | None) -> None:
    with pytest.raises(InputError, match=f"range {start} to {end} is empty or starts before frame 0") as refusal:
        read_footage(video, start=start, end=end)
    assert refusal.value.notice.remedy == "frame-range"


def test_a_start_past_the_end_is_refused(video: Path) -> None:
    with pytest.raises(InputError, match="holds 12 frames"):
        read_footage(video, start=40)


def test_pictures_of_several_sizes_are_refused(tmp_path: Path) -> None:
    for number, side in enumerate((32, 32, 48)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((side, 40), np.uint8))
    with pytest.raises(InputError, match=r"frame 2 .* another size"):
        read_footage(tmp_path)


def test_decoding_stops_when_asked(video: Path) -> None:
    def stop(fraction: float, phase: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        read_footage(video, progress=stop)


def test_one_frame_in_so_many_keeps_its_number_its_time_and_its_rate(video: Path) -> None:
    every, third = read_footage(video), read_footage(video, start=1, every=3)
    assert third.frames.tolist() == [1, 4, 7, 10]
    np.testing.assert_allclose(third.times, every.times[[1, 4, 7, 10]] - every.times[1])
    assert third.fps == pytest.approx(every.fps / 3)
    np.testing.assert_array_equal(third.grey[1], every.grey[4])


def test_a_clip_too_long_is_refused_before_it_is_decoded(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "MAX_FRAMES", 5)
    with pytest.raises(InputError, match="has 12 frames to solve, and 5 are solved at once") as refusal:
        read_footage(video, progress=lambda *_: pytest.fail("decoded"))
    assert refusal.value.notice.remedy == "fewer-frames"
    assert len(read_footage(video, every=3)) == 4
