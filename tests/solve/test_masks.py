from pathlib import Path

import av
import numpy as np
import pytest

from parascale.errors import InputError
from parascale.media.video_file import VideoInfo
from parascale.solve.tracking.footage import Footage
from parascale.solve.tracking.masks import read_masks


def footage(count: int, first: int = 0, of: int | None = None) -> Footage:
    grey = tuple(np.zeros((60, 80), np.uint8) for _ in range(count))
    frames = np.arange(first, first + count)
    return Footage(VideoInfo(160, 120, 16.0, of or count), frames, frames / 16, grey, ())


def write_video(path: Path, pictures: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=16, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv444p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
    return path


def test_a_video_of_masks_blocks_what_is_white_in_each_of_its_frames(tmp_path: Path) -> None:
    pictures = []
    for frame in range(5):
        pictures.append(np.zeros((120, 160), np.uint8))
        pictures[-1][:, : 20 * frame] = 255
    masks = read_masks(write_video(tmp_path / "holes.mp4", pictures), footage(3, first=2, of=5))
    assert [int((mask[30] == 0).sum()) for mask in masks] == [20, 30, 40]


def test_masks_that_are_not_there_or_too_few_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no masks at"):
        read_masks(tmp_path / "none", footage(3))
    two = write_video(tmp_path / "holes.mp4", [np.zeros((120, 160), np.uint8)] * 2)
    with pytest.raises(InputError, match=r"holes\.mp4 holds 2 masks for 3 frames"):
        read_masks(two, footage(3))


def test_a_folder_of_masks_may_hold_exr_files(tmp_path: Path) -> None:
    import OpenEXR

    for number in range(2):
        white = np.zeros((120, 160, 3), np.float16)
        white[:, : 80 * number] = 1.0
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": white}).write(str(tmp_path / f"{number}.exr"))
    first, second = read_masks(tmp_path, footage(2))
    assert first.all()
    assert not second[:, :40].any()
    assert second[:, 40:].all()
