"""Pictures of phones, in tiles."""

from pathlib import Path

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.media.heif_file import Layout, read_layout
from parascale.media.image_file import read_image

TILES = {number: np.full((4, 6, 3), number, np.uint8) for number in range(1, 7)}


def test_tiles_stand_row_by_row_and_are_cut_at_the_pictures_edge() -> None:
    picture = Layout((1, 2, 3, 4, 5, 6), 3, (16, 7)).compose(TILES)
    assert picture.shape == (7, 16, 3)
    np.testing.assert_array_equal(picture[[0, 0, 0, 6, 6, 6], [0, 6, 15, 0, 6, 15], 0], [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("turns", "corner"),
    [
        ((("irot", 1),), 3),
        ((("irot", 3),), 4),
        ((("imir", 1),), 3),
        ((("imir", 0),), 4),
        ((("irot", 2), ("imir", 1)), 4),
    ],
)
def test_a_turned_grid_is_set_upright(turns: tuple[tuple[str, int], ...], corner: int) -> None:
    assert Layout((1, 2, 3, 4, 5, 6), 3, (18, 8), turns).compose(TILES)[0, 0, 0] == corner


def test_missing_tiles_are_an_error() -> None:
    with pytest.raises(ValueError, match="missing"):
        Layout((1, 9), 2, (12, 4)).compose(TILES)
    with pytest.raises(ValueError, match="smaller"):
        Layout((1, 2), 2, (14, 4)).compose(TILES)


def test_other_files_have_no_layout(tmp_path: Path) -> None:
    for content in (b"", b"\x89PNG\r\n\x1a\n" + bytes(40), b"\0\0\0\x18ftypheic" + bytes(40), bytes(300)):
        (tmp_path / "x").write_bytes(content)
        assert read_layout(tmp_path / "x") is None
    assert read_layout(tmp_path / "none") is None


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return (len(data) + 8).to_bytes(4) + kind + data


def heif(kind: bytes) -> bytes:
    item = box(b"infe", bytes([2, 0, 0, 0]), (7).to_bytes(2), bytes(2), kind, b"\0")
    meta = (box(b"pitm", bytes(4), (7).to_bytes(2)), box(b"iinf", bytes(4), (1).to_bytes(2), item))
    return box(b"ftyp", b"heic", bytes(4), b"mif1heic") + box(b"meta", bytes(4), *meta)


def test_the_picture_that_is_shown_is_told_from_others(tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heif(b"hvc1"))
    assert read_layout(path) == Layout((7,))
    path.write_bytes(heif(b"iovl"))
    with pytest.raises(InputError, match=r"photo\.heic is made of several pictures"):
        read_layout(path)
    path.write_bytes(heif(b"grid"))
    assert read_layout(path) is None
    with pytest.raises(InputError, match="not an image"):
        read_image(path)
