from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from parascale.errors import InputError
from parascale.media.image_file import read_image


@pytest.fixture
def corner() -> np.ndarray:
    """A black picture, 80x40, red at the top left."""
    image = np.zeros((40, 80, 3), np.uint8)
    image[:20, :40] = [255, 0, 0]
    return image


def test_a_picture_keeps_its_pixels(tmp_path: Path, corner: np.ndarray) -> None:
    Image.fromarray(corner).save(tmp_path / "corner.png")
    file = read_image(tmp_path / "corner.png")
    np.testing.assert_array_equal(file.image, corner)
    assert not file.warnings


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_as_its_camera_says(
    tmp_path: Path, corner: np.ndarray, kind: str, orientation: int
) -> None:
    photo = Image.fromarray(corner)
    facts = photo.getexif()
    facts[0x112] = orientation
    photo.save(tmp_path / f"photo.{kind}", exif=facts, quality=95)
    with Image.open(tmp_path / f"photo.{kind}") as stored:
        wanted = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    image = read_image(tmp_path / f"photo.{kind}").image.astype(int)
    assert image.shape == wanted.shape
    assert np.abs(image - wanted).mean() < 3


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_grey_transparent_and_deep_pictures_serve(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.full((6, 8), 200 * 257, np.uint16))
    else:
        picture = Image.new(mode, (8, 6), 200 if mode == "L" else (200, 200, 200, 255))
    picture.save(tmp_path / "picture.png")
    image = read_image(tmp_path / "picture.png").image
    assert image.shape == (6, 8, 3)
    assert np.abs(image.astype(int) - 200).max() <= 2


@pytest.mark.slow
def test_a_hundred_megapixels_are_brought_down_and_it_is_said(tmp_path: Path) -> None:
    Image.new("RGB", (12_500, 8_000), (10, 200, 90)).save(tmp_path / "huge.png", compress_level=1)
    file = read_image(tmp_path / "huge.png")
    assert file.image.shape == (3200, 5000, 3)
    assert np.abs(file.image[::97, ::97].astype(int) - [10, 200, 90]).max() <= 2
    assert file.warnings == ("huge.png has 100 megapixels: it is used at 5000x3200.",)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_picture_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(InputError, match="is not an image that can be read: take a PNG or JPEG file"):
        read_image(tmp_path / "broken.png")
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "nowhere.png")


def test_a_jpeg_that_is_cut_short_is_said(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    for name, quality, subsampling in (("a", 95, 0), ("b", 75, 2), ("grey", 90, 0)):
        path = tmp_path / f"{name}.jpg"
        photo = Image.fromarray(noise if name != "grey" else noise[..., 0])
        photo.save(path, quality=quality, subsampling=subsampling, progressive=name == "b")
        assert read_image(path).warnings == ()
        path.write_bytes(path.read_bytes() + bytes(40))
        assert read_image(path).warnings == ()
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        assert "damaged or cut short" in read_image(path).warnings[0]
