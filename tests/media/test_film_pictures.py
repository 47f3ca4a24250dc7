"""Folders of pictures as film and scientific tools write them: DPX, JPEG 2000, netpbm, Targa, Radiance, HEIC's kind."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from parascale.errors import InputError
from parascale.media.frames import open_frames
from parascale.media.image_file import read_image

COUNT = 3
# Ending, encoder, pixel format, and by how many grey levels a picture may differ.
KINDS = [
    (".dpx", "dpx", "gbrp10be", 1),
    (".dpx", "dpx", "gbrp12be", 1),
    (".DPX", "dpx", "rgb24", 0),
    (".dpx", "dpx", "rgb48be", 0),
    (".jp2", "jpeg2000", "rgb24", 3),
    (".j2k", "jpeg2000", "rgb48le", 3),
    (".j2c", "jpeg2000", "rgb24", 3),
    (".ppm", "ppm", "rgb24", 0),
    (".PNM", "ppm", "rgb48be", 0),
    (".pam", "pam", "rgb24", 0),
    (".pgm", "pgm", "gray", 0),
    (".tga", "targa", "bgr24", 0),
]


def picture(number: int, colour: bool = True) -> np.ndarray:
    noise = np.random.default_rng(number).uniform(0, 255, (48, 64, 3)).astype(np.float32)
    smooth = np.clip((cv2.GaussianBlur(noise, (0, 0), 2) - 128) * 6 + 128, 0, 255).astype(np.uint8)
    return smooth if colour else np.repeat(smooth[..., :1], 3, axis=2)


def encode(path: Path, codec: str, pix_fmt: str, shown: np.ndarray) -> Path:
    """Write a picture (H, W, 3), uint8 or uint16, by one of FFmpeg's encoders."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width = shown.shape[:2]
    encoder.pix_fmt, encoder.time_base = pix_fmt, Fraction(1, 24)
    if shown.dtype == np.uint16:
        frame = av.VideoFrame.from_ndarray(shown, "rgb48le").reformat(format=pix_fmt)
    elif pix_fmt == "gray":
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown[..., 0]), "gray")
    else:
        frame = av.VideoFrame.from_ndarray(shown, "rgb24").reformat(format=pix_fmt)
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))
    return path


@pytest.mark.parametrize(("suffix", "codec", "pix_fmt", "tolerance"), KINDS)
def test_a_folder_of_them_is_a_clip(tmp_path: Path, suffix: str, codec: str, pix_fmt: str, tolerance: int) -> None:
    shown = [picture(number, pix_fmt != "gray") for number in range(COUNT)]
    for number, each in enumerate(shown):
        encode(tmp_path / f"shot 1.{number + 1001}{suffix}", codec, pix_fmt, each)
    for named in (tmp_path, tmp_path / f"shot 1.1001{suffix}", tmp_path / f"shot 1.%04d{suffix}"):
        clip = open_frames(named, 24)
        assert (clip.info.width, clip.info.height, clip.info.frames) == (64, 48, COUNT)
    for frame, expected in zip(open_frames(tmp_path, 24).frames(), shown, strict=True):
        assert np.abs(frame.picture.astype(int) - expected).max() <= tolerance


def test_a_broken_one_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for number in range(COUNT):
        encode(tmp_path / f"{number}.dpx", "dpx", "rgb24", picture(number))
    (tmp_path / "1.dpx").write_bytes(b"SDPX and nothing")
    with pytest.raises(InputError, match=r"1\.dpx is not an image"):
        list(open_frames(tmp_path, 24).frames())


def state_transfer(path: Path, transfer: int, creator: bytes = b"scanner") -> Path:
    data = bytearray(path.read_bytes())
    data[801] = transfer
    data[160:260] = creator.ljust(100, b"\0")
    path.write_bytes(bytes(data))
    return path


# Codes of 1023, and what a screen shows of them: Cineon's black and white, and the grey card of 18 % at code 470.
LOGARITHMIC = {0: 0, 95: 0, 470: 118, 685: 255, 1023: 255}


@pytest.mark.parametrize("transfer", [1, 3])
def test_logarithmic_dpx_is_brought_to_display_light_and_that_is_said(tmp_path: Path, transfer: int) -> None:
    for code, shown in LOGARITHMIC.items():
        grey = np.full((48, 64, 3), round(code / 1023 * 65535), np.uint16)
        path = state_transfer(encode(tmp_path / f"scan.{code:04d}.dpx", "dpx", "gbrp10be", grey), transfer)
        file = read_image(path)
        assert np.abs(file.image.astype(int) - shown).max() <= 2
        assert "logarithmic" in file.warnings[0]
    clip = open_frames(tmp_path, 24)
    assert "black 95, white 685" in " ".join(notice.message for notice in clip.notices)
    assert [int(frame.picture[0, 0, 0]) for frame in clip.frames()] == pytest.approx(list(LOGARITHMIC.values()), abs=2)


def test_linear_dpx_is_encoded_and_other_dpx_is_shown_as_it_is(tmp_path: Path) -> None:
    grey = np.full((48, 64, 3), 65535 // 2, np.uint16)
    path = encode(tmp_path / "1.dpx", "dpx", "gbrp10be", grey)
    file = read_image(state_transfer(path, 2))
    assert np.abs(file.image.astype(int) - 188).max() <= 1
    assert file.warnings == ("1.dpx holds linear values, encoded as sRGB",)
    for transfer in (0, 4, 6):
        file = read_image(state_transfer(path, transfer))
        assert np.abs(file.image.astype(int) - 127).max() <= 1
        assert file.warnings == ()
    with pytest.raises(InputError, match="depth map"):
        read_image(state_transfer(path, 11))


def test_what_ffmpeg_calls_linear_is_shown_as_it_is(tmp_path: Path) -> None:
    grey = np.full((48, 64, 3), 65535 // 2, np.uint16)
    path = encode(tmp_path / "1.dpx", "dpx", "gbrp10be", grey)
    # Its older versions wrote so of all pictures.
    file = read_image(state_transfer(path, 2, b"Lavc58.134.100"))
    assert np.abs(file.image.astype(int) - 127).max() <= 1
    assert file.warnings == ()
    assert "logarithmic" in read_image(state_transfer(path, 3, b"Lavc58.134.100")).warnings[0]


def test_dpx_pictures_of_one_clip_that_are_read_by_several_rules_are_said(tmp_path: Path) -> None:
    grey = np.full((48, 64, 3), 65535 // 2, np.uint16)
    paths = [encode(tmp_path / f"{number}.dpx", "dpx", "gbrp10be", grey) for number in range(5)]
    for path, transfer in zip(paths, (6, 6, 3, 3, 2), strict=True):
        state_transfer(path, transfer)

    def said() -> str:
        return " ".join(notice.message for notice in open_frames(tmp_path, 24).notices)

    assert "2 as a screen shows them, 2 logarithmic, 1 linear" in said()
    for path in paths:
        state_transfer(path, 3)
    assert "by their headers" not in said()


def test_radiance_pictures_hold_light(tmp_path: Path) -> None:
    for number in range(COUNT):
        cv2.imwrite(str(tmp_path / f"{number}.hdr"), np.full((48, 64, 3), 0.5, np.float32))
    for frame in open_frames(tmp_path, 24).frames():
        assert np.abs(frame.picture.astype(int) - 188).max() <= 1
