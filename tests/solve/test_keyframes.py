from typing import Any

import numpy as np
import pytest

from parascale.solve.motion.keyframes import MAX_KEYFRAMES, MIN_KEYFRAMES, choose_keyframes


def travelled(x: np.ndarray) -> np.ndarray:
    poses = np.tile(np.eye(4), (len(x), 1, 1))
    poses[:, 0, 3] = x
    return poses


@pytest.mark.parametrize("extent", [0.02, 0.5, 3.0])
def test_first_and_last_frame_are_keyframes_and_there_are_not_too_many(
    project: Any, cloud: np.ndarray, extent: float
) -> None:
    keyframes = choose_keyframes(project(cloud, travelled(np.linspace(0, extent, 81)), 500.0), 640)
    assert keyframes[0] == 0
    assert keyframes[-1] == 80
    assert MIN_KEYFRAMES <= len(keyframes) <= MAX_KEYFRAMES + 6
    assert (np.diff(keyframes) > 0).all()


def test_keyframes_lie_where_the_motion_is(project: Any, cloud: np.ndarray) -> None:
    hold = np.r_[np.linspace(0, 1, 20), np.full(40, 1.0), np.linspace(1, 2, 21)]
    keyframes = choose_keyframes(project(cloud, travelled(hold), 500.0), 640)
    assert ((keyframes > 22) & (keyframes < 58)).sum() <= 2


@pytest.mark.parametrize("count", [2, 3, 5])
def test_short_clips_use_every_frame(project: Any, cloud: np.ndarray, count: int) -> None:
    keyframes = choose_keyframes(project(cloud, travelled(np.linspace(0, 1, count)), 500.0), 640)
    assert keyframes.tolist() == list(range(count))
