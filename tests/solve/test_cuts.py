import re
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.cli.advice import sentence
from parascale.errors import InputError, Notice
from parascale.media.video_file import VideoInfo
from parascale.solve.tracking.cuts import find_cuts, find_shots, one_shot
from parascale.solve.tracking.footage import Footage


@pytest.fixture(scope="module")
def shots(rendered: Any, courtyard: Any) -> list[np.ndarray]:
    """Two shots of the courtyard: six frames ahead, six of what lies behind a quarter turn."""
    ahead = rendered.move("truck", 6, 0.1)
    aside = ahead.copy()
    aside[:, :3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    return [courtyard.picture(pose)[0].mean(axis=2).astype(np.uint8) for pose in np.concatenate([ahead, aside])]


def test_one_shot_has_no_cut(shots: list[np.ndarray]) -> None:
    assert find_cuts(shots[:6]) == []


def test_a_cut_is_the_first_frame_of_the_next_shot(shots: list[np.ndarray]) -> None:
    assert find_cuts(shots) == [6]
    assert find_cuts(shots + shots[:6]) == [6, 12]


def test_a_flash_of_light_is_no_cut(shots: list[np.ndarray]) -> None:
    flash = [np.clip(p.astype(int) + (30 if t == 3 else 0), 0, 255).astype(np.uint8) for t, p in enumerate(shots[:6])]
    assert find_cuts(flash) == []


@pytest.fixture
def footage(shots: list[np.ndarray]) -> Footage:
    """Both shots, as frames 100 to 111 of a clip at 16 frames a second."""
    numbers = np.arange(100, 112)
    return Footage(VideoInfo(480, 270, 16.0, 300), numbers, (numbers - 100) / 16, tuple(shots), tuple(shots))


def test_one_of_several_shots_is_taken_by_its_number(footage: Footage) -> None:
    second = one_shot("clip.mp4", footage, 2)
    assert second.frames.tolist() == [106, 107, 108, 109, 110, 111]
    np.testing.assert_allclose(second.times, np.arange(6) / 16)
    assert second.grey == footage.grey[6:]
    assert len(second.colour) == 6


def test_several_shots_are_listed_to_choose_from(footage: Footage) -> None:
    ranges = "--shot 1 (--start 100 --end 106), or --shot 2 (--start 106 --end 112)"
    with pytest.raises(InputError) as refusal:
        one_shot("clip.mp4", footage)
    assert sentence(refusal.value) == f"clip.mp4 holds 2 shots: choose one with {ranges}"
    assert refusal.value.notice == Notice("clip.mp4 holds 2 shots", "shot", ("100:106", "106:112"))
    for number in (0, 3, -1):
        with pytest.raises(InputError) as refusal:
            one_shot("clip.mp4", footage, number)
        assert sentence(refusal.value) == f"clip.mp4 holds 2 shots, no shot {number}: choose one with {ranges}"


def test_one_shot_needs_no_number(footage: Footage) -> None:
    alone = footage.keep(range(6))
    assert one_shot("clip.mp4", alone) is alone
    assert len(one_shot("clip.mp4", alone, 1)) == 6
    with pytest.raises(InputError, match="1 shot, no shot 2"):
        one_shot("clip.mp4", alone, 2)


def test_a_clip_of_many_shots_is_refused_in_a_sentence_of_bearable_length(footage: Footage) -> None:
    many = Footage(footage.info, np.arange(96), np.arange(96) / 16, footage.grey * 8, footage.colour * 8)
    with pytest.raises(InputError) as refusal:
        one_shot("clip.mp4", many)
    assert len(refusal.value.notice.choices) == 16
    assert re.search(r"holds 16 shots: .*--shot 12 \([^)]*\) and so on$", sentence(refusal.value))


@pytest.mark.realdata
def test_the_six_shots_of_a_real_clip(testdata: Any) -> None:
    from parascale.solve.tracking.footage import read_footage

    assert find_cuts(read_footage(testdata / "clips" / "bikes.mp4").grey) == [30, 76, 137, 187, 242]


def ground(height: int) -> np.ndarray:
    """Dull ground, (height, 480), of one contrast all over."""
    grain = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (height, 480)), (0, 0), 3)
    return np.asarray(95 + 14 * grain / grain.std())


def tilt(count: int, step: int) -> list[np.ndarray]:
    """A camera that tilts down, from a bright sky over the ground to the ground alone, where it rests."""
    tall = ground(600)
    tall[:150] = 235
    return [np.clip(tall[min(step * t, 170) :][:270], 0, 255).astype(np.uint8) for t in range(count)]


@pytest.mark.parametrize("step", [2, 4, 8])
@pytest.mark.parametrize("way", [1, -1])
def test_a_bright_sky_that_leaves_the_picture_or_comes_into_it_is_no_fade(step: int, way: int) -> None:
    pictures = tilt(170 // step + 4, step)[::way]
    (shot,) = find_shots(pictures)
    assert shot.kept == tuple(range(len(pictures)))


@pytest.mark.parametrize("goal", [0.0, 255.0])
@pytest.mark.parametrize("way", [1, -1])
def test_the_dark_or_bright_frames_of_a_fade_are_left_out_also_while_the_camera_tilts(goal: float, way: int) -> None:
    shares = np.clip(np.arange(40) / 10, 0, 1)
    moving = [ground(400)[3 * t :][:270] for t in range(40)][::way]
    faded = [(p * s + goal * (1 - s)).astype(np.uint8) for p, s in zip(moving, shares, strict=True)]
    (shot,) = find_shots(faded[::way])
    # From there on a frame has at most 1.2 times the contrast of the one before.
    assert shot.faded == (tuple(range(5)) if way > 0 else tuple(range(35, 40)))
