"""Videos and pictures as cameras and editors write them; the right values stand in each case's README."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.media.frames import open_frames
from parascale.media.image_file import read_image
from parascale.parallax.shot import Shot

Solve = Callable[..., tuple[Shot, dict[str, Any], str]]


def steps(shot: Shot) -> np.ndarray:
    return np.nan_to_num(np.asarray(shot.parallax_number))


def test_a_film_in_which_every_picture_stands_twice(cases: Path, solved: Solve) -> None:
    # Each is compressed on its own, by 4 grey levels: with the lens known, the path is what is compared.
    once, _, _ = solved(cases / "25p_in_50p" / "once.mp4", "--focal", 266.67)
    twice, _, said = solved(cases / "25p_in_50p" / "twice.mp4", "--focal", 266.67)
    assert len(twice) == len(once) == 24
    assert "repeat" in said
    moved = steps(twice)[steps(twice) > 0.1 * np.median(steps(once))]
    np.testing.assert_allclose(np.median(moved), np.median(steps(once)), rtol=0.02)
    np.testing.assert_allclose(steps(twice).sum(), steps(once).sum(), rtol=0.03)
    assert twice.trajectory.times[-1] == pytest.approx(once.trajectory.times[-1], abs=0.05)


def test_a_flash_is_no_cut(cases: Path, solved: Solve) -> None:
    shot, _, _ = solved(cases / "camera_flash" / "flash.mp4")
    assert len(shot) >= 30


def test_a_dissolve_joins_two_shots(cases: Path, parascale: Any, solved: Solve, tmp_path: Path) -> None:
    clip = cases / "dissolve" / "two_shots.mp4"
    said = parascale("solve", clip, "-o", tmp_path / "x.shot.json", code=3).stderr
    assert "2 shots" in said
    first, _, _ = solved(clip, "--shot", 1)
    assert first.frames is not None
    assert 18 <= len(first) <= 24
    second, _, _ = solved(clip, "--shot", 2)
    assert second.frames is not None
    assert 30 <= second.frames[0] <= 36


def test_a_fade_in_is_left_out_and_said(cases: Path, solved: Solve) -> None:
    shot, _, said = solved(cases / "fade_in" / "fade_in.mp4")
    assert shot.frames is not None
    assert shot.frames[0] > 0
    assert "dark" in said


def test_a_colon_in_a_name_is_no_protocol(cases: Path, solved: Solve, tmp_path: Path) -> None:
    shutil.copy(cases / "colon_in_name" / "rename_me.mp4", tmp_path / "12:30:45.mp4")
    shot, _, _ = solved("12:30:45.mp4", folder=tmp_path)
    assert len(shot) == 24


def test_the_film_is_solved_and_not_its_cover(cases: Path, solved: Solve) -> None:
    folder = cases / "cover_before_film"
    with_cover, _, _ = solved(folder / "drone.mp4", "--threads", 1)
    without, _, _ = solved(folder / "same_without_cover.mp4", "--threads", 1)
    assert len(with_cover) == len(without) == 24
    np.testing.assert_allclose(steps(with_cover), steps(without), rtol=1e-3, atol=1e-4)


def test_a_mirrored_recording_is_mirrored_back(cases: Path) -> None:
    av = pytest.importorskip("av")
    from parascale.media.video_file import VideoFile

    path = cases / "mirrored_recording" / "selfie.mp4"
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    shown = next(VideoFile(path).frames()).picture
    np.testing.assert_allclose(shown.astype(float), stored[:, ::-1], atol=3)


def test_time_stamps_in_names_are_times(cases: Path, solved: Solve) -> None:
    shot, _, _ = solved(cases / "time_stamps_in_names")
    assert shot.trajectory.times[-1] - shot.trajectory.times[0] == pytest.approx(0.5, abs=0.02)


def test_every_tile_of_a_phones_picture_is_read(cases: Path) -> None:
    image = read_image(cases / "heic_tiles" / "photo.heic").image
    assert image.shape[:2] == (384, 512)


def test_heic_photos_are_a_clip_also_where_they_are_named_jpg(cases: Path, tmp_path: Path) -> None:
    for name in ("IMG_1.JPG", "IMG_2.JPG"):
        (tmp_path / name).write_bytes((cases / "heic_tiles" / "photo.heic").read_bytes())
    assert [frame.picture.shape for frame in open_frames(tmp_path).frames()] == [(384, 512, 3)] * 2


def test_a_scene_linear_picture_is_brought_to_display_light(cases: Path) -> None:
    folder = cases / "exr_first_picture"
    found = read_image(folder / "first.exr").image
    seen = read_image(folder / "first_as_seen.png").image
    assert np.abs(found.astype(int) - seen).max() <= 1
