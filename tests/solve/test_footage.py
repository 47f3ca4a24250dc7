"""Footage as cameras and programs really write it: turned, deep, transparent, odd, interlaced, broken off."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from parascale.errors import InputError
from parascale.media.frames import open_frames, read_frames
from parascale.solve.tracking.footage import read_footage

Picture = np.ndarray


def encode(
    path: Path,
    frames: Sequence[Picture],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    *,
    prepare: Callable[[Any], None] = lambda stream: None,
    metadata: dict[str, str] | None = None,
    **options: str,
) -> Path:
    container_options = {"movflags": "use_metadata_tags"} if metadata else {}
    with av.open(str(path), "w", options=container_options) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = pix_fmt, options
        prepare(stream)
        for picture in frames:
            shape = "rgba" if picture.shape[2] == 4 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format=shape)))
        container.mux(stream.encode())
    return path


def scenes(width: int, height: int, count: int = 3) -> list[Picture]:
    """Smooth pictures, each corner of its own colour, darker from frame to frame."""
    corners = np.array([[[230, 40, 40], [40, 220, 40]], [[40, 40, 230], [220, 220, 60]]], np.uint8)
    picture = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    return [(picture * (1 - 0.1 * number)).astype(np.uint8) for number in range(count)]


def assert_alike(found: Picture, wanted: Picture, within: float = 6) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found.astype(float) - wanted).mean() < within


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_turned_recording_is_set_upright(tmp_path: Path, quarter_turns: int) -> None:
    upright = scenes(64, 96)
    stored = [np.ascontiguousarray(np.rot90(picture, -quarter_turns)) for picture in upright]
    # To be turned anticlockwise when shown, by this many degrees: av_display_rotation_set.
    path = encode(
        tmp_path / "phone.mp4", stored, prepare=lambda stream: stream.set_display_rotation(90 * quarter_turns)
    )
    shown = [picture for _, _, picture in read_frames(path)]
    assert_alike(shown[0], upright[0])
    assert (open_frames(path).info.width, open_frames(path).info.height) == (64, 96)
    # OpenCV's own reader turns it alike.
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    _, other = capture.read()
    assert_alike(shown[0], other[:, :, ::-1], 3)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("ten.mp4", "libx264", "yuv420p10le", (96, 64)),
        ("ten.mov", "prores_ks", "yuv422p10le", (96, 64)),
        ("hevc.mp4", "libx265", "yuv420p10le", (96, 64)),
        ("deep.mkv", "ffv1", "gbrp16le", (96, 64)),
        ("odd.mp4", "libx264", "yuv444p", (97, 63)),
        ("odd.mkv", "ffv1", "yuv420p", (97, 63)),
        ("grey.mkv", "ffv1", "gray", (96, 64)),
        ("portrait.webm", "libvpx-vp9", "yuv420p", (54, 96)),
        ("mjpeg.avi", "mjpeg", "yuvj420p", (96, 64)),
    ],
)
def test_depths_and_sizes_of_all_kinds_are_read(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, size: tuple[int, int]
) -> None:
    wanted = scenes(*size)
    if pix_fmt == "gray":
        wanted = [np.repeat(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY)[:, :, None], 3, 2) for each in wanted]
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = encode(tmp_path / name, wanted, codec, pix_fmt, **options)
    found = [picture for _, _, picture in read_frames(path)]
    assert len(found) == 3
    for one, other in zip(found, wanted, strict=True):
        assert_alike(one, other, 8)
    assert read_footage(path).grey[0].shape == (size[1], size[0])


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), [("a.mov", "qtrle", "argb"), ("b.mov", "png", "rgba")])
def test_transparency_is_left_aside(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    wanted = scenes(96, 64)
    alpha = np.tile(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], (64, 1, 1))
    path = encode(tmp_path / name, [np.concatenate([each, alpha], axis=2) for each in wanted], codec, pix_fmt)
    assert_alike(next(read_frames(path))[2], wanted[0], 1)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_pictures_with_transparency_or_depth_are_read(tmp_path: Path, suffix: str) -> None:
    wanted = scenes(96, 64, 1)[0]
    if suffix == ".tif":
        cv2.imwrite(str(tmp_path / "1.tif"), wanted[:, :, ::-1].astype(np.uint16) * 257)
    else:
        alpha = np.full((64, 96, 1), 120, np.uint8)
        Image.fromarray(np.concatenate([wanted, alpha], axis=2)).save(tmp_path / f"1{suffix}", lossless=True)
    assert_alike(next(read_frames(tmp_path))[2], wanted, 2)


def test_pixels_that_are_not_square_are_told(tmp_path: Path) -> None:
    def anamorphic(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    assert open_frames(encode(tmp_path / "wide.mp4", scenes(96, 64), prepare=anamorphic)).info.aspect == pytest.approx(
        4 / 3
    )


def test_interlaced_footage_loses_its_combs(tmp_path: Path) -> None:
    """A bar that moves by six pixels between the fields leaves teeth, which are gone after."""

    def bar(x: int) -> Picture:
        picture = np.full((96, 128, 3), 40, np.uint8)
        picture[:, x : x + 12] = 220
        return picture

    woven = []
    for number in range(6):
        picture = bar(10 + 12 * number)
        picture[1::2] = bar(16 + 12 * number)[1::2]
        woven.append(picture)
    path = encode(tmp_path / "field.mkv", woven, **{"x264-params": "tff=1", "crf": "8"})
    frames = list(read_frames(path))
    assert len(frames) == 6
    np.testing.assert_allclose([time for _, time, _ in frames], np.arange(6) / 25, atol=2e-3)

    def teeth(picture: Picture) -> float:
        rows = picture[:, :, 0].astype(float)
        return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())

    assert max(teeth(picture) for _, _, picture in frames[1:-1]) < 0.2 * teeth(woven[2])


def test_whole_pictures_that_are_flagged_as_fields_stay_as_they_are(tmp_path: Path) -> None:
    """As cameras write 25p in a 50i stream."""
    scene = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (96, 200, 3)).astype(np.uint8), (0, 0), 2.0)
    pictures = [np.ascontiguousarray(scene[:, 5 * number :][:, :128]) for number in range(6)]
    paths = [tmp_path / "flagged.mkv", tmp_path / "plain.mkv"]
    for path, options in zip(
        paths, ({"x264-params": "tff=1:qp=0"}, {"x264-params": "interlaced=1:fake-interlaced=1"}), strict=True
    ):
        encode(path, pictures, **options)
    for path in paths:
        with av.open(str(path)) as container:
            coded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        for (_, _, read), whole in zip(read_frames(path), coded, strict=True):
            np.testing.assert_allclose(read.astype(int), whole, atol=2)


def test_a_recording_that_breaks_off_ends_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 96, 3)).astype(np.uint8) for _ in range(12)]
    whole = encode(tmp_path / "whole.mkv", noise, "ffv1", "yuv420p").read_bytes()
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole[: int(0.6 * len(whole))])
    footage = read_footage(broken)
    assert 0 < len(footage) < 12
    assert "breaks off before its end" in " ".join(notice.message for notice in footage.notices)
    for share in (0.0, 0.02):
        broken.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match=r"not a video|cannot be decoded|no picture|no video"):
            read_footage(broken)


def test_damage_in_the_middle_is_no_traceback(tmp_path: Path) -> None:
    whole = bytearray(encode(tmp_path / "whole.mp4", scenes(96, 64, 12), crf="10").read_bytes())
    middle = len(whole) // 3
    whole[middle : middle + 400] = bytes(400)
    (tmp_path / "damaged.mp4").write_bytes(whole)
    with suppress(InputError):
        assert len(read_footage(tmp_path / "damaged.mp4")) <= 12


@pytest.mark.parametrize("dropped", [0, 4])
def test_frames_that_a_recorder_dropped_are_said(tmp_path: Path, dropped: int) -> None:
    """A phone's rate wavers by a third; what was dropped is a step of several frames."""
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(scenes(96, 64, 10)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = 40 * (number + dropped * (number > 5)) + (0, 12, -9, 4, -11)[number % 5]
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    told = [notice.message for notice in read_footage(path).notices]
    assert len(told) == (1 if dropped else 0)
    assert all("pass before frame 6 of phone.mp4" in message and "frames are missing" in message for message in told)


def test_one_picture_is_footage_of_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), scenes(96, 64)[0])
    assert len(read_footage(tmp_path / "one.png")) == 1
    assert len(read_footage(tmp_path)) == 1


def photo(path: Path, size: tuple[int, int], tags: dict[int, Any]) -> Path:
    exif = Image.Exif()
    exif[271] = "Maker"
    exif.get_ifd(0x8769).update(tags)
    Image.fromarray(np.full((size[1], size[0], 3), 120, np.uint8)).save(path, exif=exif)
    return path


FOCAL, FILM, X_RESOLUTION, UNIT, WIDTH, HEIGHT = 37386, 41989, 41486, 41488, 40962, 40963


@pytest.mark.parametrize(
    ("size", "tags", "focal"),
    [
        # 26 mm on a diagonal of 43.267 mm; the picture's diagonal is 120 pixels.
        ((96, 72), {FILM: 26}, 72.112),
        ((72, 96), {FILM: 26}, 72.112),
        # 50 mm at 3072 pixels on 36 mm, made smaller by 32; in pixels an inch 2167.47.
        ((96, 64), {FOCAL: 50.0, X_RESOLUTION: 3072 / 36, UNIT: 4, WIDTH: 3072, HEIGHT: 2048}, 133.333),
        ((96, 64), {FOCAL: 50.0, X_RESOLUTION: 2167.467, UNIT: 2, WIDTH: 3072, HEIGHT: 2048}, 133.333),
        # The equivalent is rounded, the sensor is not.
        ((96, 64), {FOCAL: 50.0, X_RESOLUTION: 3072 / 36, UNIT: 4, WIDTH: 3072, HEIGHT: 2048, FILM: 51}, 133.333),
        # A sensor's resolution left from another size of the picture is not believed.
        ((96, 64), {FOCAL: 50.0, X_RESOLUTION: 3072 / 36, UNIT: 4, WIDTH: 96, HEIGHT: 64, FILM: 50}, 133.333),
        ((96, 64), {FOCAL: 50.0, X_RESOLUTION: 3072 / 36, UNIT: 4, WIDTH: 96, HEIGHT: 64}, None),
        ((96, 64), {FOCAL: 50.0}, None),
        ((96, 64), {FILM: 0}, None),
        ((96, 64), {FILM: 5000}, None),
        ((96, 64), {}, None),
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_photos_tell_their_focal_length(
    tmp_path: Path, size: tuple[int, int], tags: dict[int, Any], focal: float | None, suffix: str
) -> None:
    for number in range(2):
        photo(tmp_path / f"{number}{suffix}", size, tags)
    assert read_footage(tmp_path).focal == (None if focal is None else pytest.approx(focal, rel=1e-4))


def test_photos_of_a_zoom_tell_none(tmp_path: Path) -> None:
    for number, film in enumerate((26, 28, 30)):
        photo(tmp_path / f"{number}.jpg", (96, 72), {FILM: film})
    assert read_footage(tmp_path).focal is None
    assert read_footage(tmp_path, end=1).focal == pytest.approx(72.112, rel=1e-4)


def test_pictures_without_a_camera_tell_none(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), scenes(96, 64)[0])
    cv2.imwrite(str(tmp_path / "2.bmp"), scenes(96, 64)[0])
    assert read_footage(tmp_path).focal is None


@pytest.mark.parametrize(("value", "focal"), [("26", 69.334), ("no number", None), ("-13", None)])
def test_a_recording_names_its_lens(tmp_path: Path, value: str, focal: float | None) -> None:
    """26 mm on a diagonal of 43.267 mm; the picture's diagonal is 115.378 pixels."""
    key = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
    footage = read_footage(encode(tmp_path / "phone.mov", scenes(96, 64), metadata={key: value}))
    assert footage.focal is None
    assert footage.nominal_focal == (None if focal is None else pytest.approx(focal, rel=1e-4))


def test_a_photo_held_upright_is_set_upright(tmp_path: Path) -> None:
    wanted = scenes(64, 96, 1)[0]
    exif = Image.Exif()
    # Exif orientation 6: to be turned clockwise by 90 degrees when shown.
    exif[274] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(wanted))).save(tmp_path / "1.jpg", exif=exif, quality=95)
    assert_alike(next(read_frames(tmp_path))[2], wanted)
