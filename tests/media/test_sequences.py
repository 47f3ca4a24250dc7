"""Which pictures of a folder are one clip: never two that are mixed, and in their order."""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from parascale.errors import InputError
from parascale.media.frames import open_frames
from parascale.media.sequences import sequence_files

NUMBERS = range(6)


def fill(folder: Path, *patterns: str) -> Path:
    folder.mkdir()
    for pattern in patterns:
        for number in NUMBERS if "{" in pattern else [0]:
            (folder / pattern.format(number)).write_bytes(b"x")
    return folder


def names(pictures: Sequence[Path] | None) -> list[str]:
    assert pictures is not None
    return [picture.name for picture in pictures]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("rgb_{:04d}.png", "depth_{:04d}.png"),
        ("{:04d}.png", "{:04d}_mask.png"),
        ("cam0_{:04d}.png", "cam1_{:04d}.png"),
        ("{:04d}.png", "{:04d}.jpg"),
        ("sh_010.{:04d}.v2.exr", "sh_020.{:04d}.v2.exr"),
        ("beauty.{:04d}.exr", "normal.{:04d}.exr"),
        ("view.{:04d}.left.png", "view.{:04d}.right.png"),
    ],
)
def test_sequences_in_one_folder_are_a_choice(tmp_path: Path, first: str, second: str) -> None:
    folder = fill(tmp_path / "both", first, second)
    with pytest.raises(InputError, match="holds several sequences") as caught:
        sequence_files(folder)
    for pattern in (first, second):
        expected = [pattern.format(number) for number in NUMBERS]
        assert f"{expected[0]} to {expected[-1]} (6)" in str(caught.value)
        assert names(sequence_files(folder / expected[3])) == expected


@pytest.mark.parametrize(
    "patterns",
    [
        ("{:04d}.png",),
        ("f{}.jpg",),
        ("1920x1080_{}.png",),
        ("{}_1920x1080.png",),
        ("rgb_130503110{0}.17530{0}.png",),
        ("1²{}.png",),
        ("take 3 - {:03d} (2).png",),
        ("2024-02-29 12-00-{:02d}.png",),
        ("holiday.jpg", "IMG_1.jpg", "dog.jpg"),
    ],
)
def test_one_sequence_is_taken_whole(tmp_path: Path, patterns: tuple[str, ...]) -> None:
    folder = fill(tmp_path / "one", *patterns)
    assert sorted(names(sequence_files(folder))) == sorted(path.name for path in folder.iterdir())


def test_endings_may_change_within_a_sequence(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mixed")
    for number in NUMBERS:
        (folder / f"{number:04d}.{('png', 'tif')[number % 2]}").write_bytes(b"x")
    assert [name[:4] for name in names(sequence_files(folder))] == [f"{number:04d}" for number in NUMBERS]


def test_frames_before_0_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "negative"
    folder.mkdir()
    expected = [f"f.{number:0{5 if number < 0 else 4}d}.png" for number in range(-12, 12)]
    for name in expected:
        (folder / name).write_bytes(b"x")
    assert names(sequence_files(folder)) == expected


def test_a_picture_that_is_none_of_the_sequence_is_left_out_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "sheet"
    folder.mkdir()
    for name in [f"{number:04d}.png" for number in NUMBERS] + ["contact sheet.png"]:
        Image.new("RGB", (32, 16)).save(folder / name)
    frames = open_frames(folder)
    assert frames.info.frames == len(NUMBERS)
    assert "left out of sheet: contact sheet.png" in frames.notices[0].message


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_pictures_stand_upright_whatever_their_kind(tmp_path: Path, ending: str, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = 255, 0, 0
    upright[16:, :24] = 0, 0, 255
    # How each orientation is stored: which side of the picture its first row and its first column are, by Exif.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    picture = Image.fromarray(np.ascontiguousarray(stored))
    tags = picture.getexif()
    tags[0x0112] = orientation
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2):
        picture.save(folder / f"{number}.{ending}", exif=tags, quality=95)
    found = next(iter(open_frames(folder).frames())).picture
    assert found.shape == upright.shape
    assert np.abs(found[4:12, 4:20].astype(int) - (255, 0, 0)).max() < 40
    assert np.abs(found[20:28, 4:20].astype(int) - (0, 0, 255)).max() < 40
    assert found[:, 28:].max() < 40


def test_a_stream_without_times_takes_its_encoders_rate_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "bare.264"
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(6):
            picture = np.full((48, 64, 3), 40 * shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    video = open_frames(path)
    assert video.info.fps == 30
    assert "without times: 30 frames a second are assumed" in video.notices[0].message


def test_pictures_of_many_kinds_decode_alike(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    folder = tmp_path / "kinds"
    folder.mkdir()
    Image.fromarray(picture).save(folder / "0.png")
    Image.fromarray(np.dstack([picture, np.full((24, 32), 255, np.uint8)])).save(folder / "1.png")
    cv2.imwrite(str(folder / "2.png"), picture[:, :, ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "3.tif"), picture[:, :, ::-1].astype(np.uint16) * 257)
    Image.fromarray(picture).save(folder / "4.webp", lossless=True)
    Image.fromarray(picture).save(folder / "5.bmp")
    for frame in open_frames(folder).frames():
        np.testing.assert_array_equal(frame.picture, picture)
