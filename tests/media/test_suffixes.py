"""A folder of EXR frames is what every part of the house takes it for: pictures, packed, uploaded and solved."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from parascale.errors import InputError
from parascale.link.kinds.solve import SolveRequest
from parascale.media.frames import open_frames, read_frames
from parascale.media.image_file import read_image
from parascale.media.sequences import image_files
from parascale.media.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from parascale.solve.tracking.footage import read_footage

DISPLAY = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def scene_linear(image: np.ndarray) -> np.ndarray:
    """The light (H, W, 3) that a screen shows for an sRGB picture, by IEC 61966-2-1."""
    value = image / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float16)


def write_exr(path: Path, image: np.ndarray, channels: str = "{}", **others: np.ndarray) -> Path:
    colours = {channels.format(name): plane for name, plane in zip("RGB", np.moveaxis(image, 2, 0), strict=True)}
    planes = {name: np.ascontiguousarray(plane) for name, plane in (colours | others).items()}
    OpenEXR.File({"type": OpenEXR.scanlineimage, "compression": OpenEXR.DWAA_COMPRESSION}, planes).write(str(path))
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (1, 2, 10):
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": scene_linear(DISPLAY)}).write(
            str(folder / f"shot.{number}.exr")
        )
    return folder


def test_what_is_uploaded_is_what_is_read(frames: Path) -> None:
    for number, suffix in enumerate((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, ".txt", ".JPG"), 20):
        (frames / f"shot.{number}{suffix}").write_bytes(b"x")
    (frames / ".hidden.png").write_bytes(b"x")
    uploaded = {path for _, path in SolveRequest(frames).pack().files}
    assert uploaded == set(image_files(frames))
    assert {path.suffix.lower() for path in uploaded} == set(IMAGE_SUFFIXES)


def test_exr_frames_are_shown_as_a_screen_would(frames: Path) -> None:
    assert [path.name for path in image_files(frames)] == ["shot.1.exr", "shot.2.exr", "shot.10.exr"]
    info = open_frames(frames).info
    assert (info.width, info.height, info.frames) == (64, 48, 3)
    seen = list(read_frames(frames))
    assert [time * 24 for _, time, _ in seen] == pytest.approx([0, 1, 9])
    for _, _, picture in seen:
        np.testing.assert_array_equal(picture, DISPLAY)
    np.testing.assert_array_equal(read_footage(frames).colour[0], DISPLAY)
    np.testing.assert_array_equal(read_image(frames / "shot.1.exr").image, DISPLAY)


def test_light_beyond_the_screens_and_holes_stay_in_range(tmp_path: Path) -> None:
    light = np.zeros((4, 4, 3), np.float32)
    light[0], light[1], light[2] = 40.0, -1.0, np.nan
    light[3] = np.inf
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": light}).write(str(tmp_path / "1.exr"))
    picture = read_image(tmp_path / "1.exr").image
    assert picture[:, 0, 0].tolist() == [255, 0, 0, 255]


@pytest.mark.parametrize("layer", ["ViewLayer.Combined.{}", "beauty.{}"])
def test_the_picture_among_the_layers_of_a_render_is_found(tmp_path: Path, layer: str) -> None:
    grey = np.full((48, 64, 3), 0.5, np.float16)
    passes = {"ViewLayer.Depth.Z": grey[..., 0], "ViewLayer.Normal.X": grey[..., 0]}
    if "Combined" in layer:
        passes |= {f"ViewLayer.DiffCol.{colour}": grey[..., 0] for colour in "RGB"}
    path = write_exr(tmp_path / "1.exr", grey, layer, **passes)
    assert np.abs(read_image(path).image.astype(int) - 188).max() <= 1


def test_exr_frames_without_a_picture_are_refused_in_a_sentence(tmp_path: Path) -> None:
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"Z": np.ones((4, 4), np.float32)}).write(str(tmp_path / "1.exr"))
    with pytest.raises(InputError, match=r"1\.exr has no red, green and blue channel .*Z"):
        read_footage(tmp_path)
    (tmp_path / "1.exr").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"1\.exr .*cannot be read"):
        read_footage(tmp_path)
