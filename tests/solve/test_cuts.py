from typing import Any

import numpy as np
import pytest

from parascale.solve.cuts import find_cuts


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


@pytest.mark.realdata
def test_the_six_shots_of_a_real_clip(testdata: Any) -> None:
    from parascale.solve.video import read_frames

    assert find_cuts(read_frames(testdata / "clips" / "bikes.mp4").grey) == [30, 76, 137, 187, 242]
