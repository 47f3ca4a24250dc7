import numpy as np
import pytest

from parascale.camera import Trajectory, View
from parascale.errors import InputError

LENS = np.array([500.0, 500.0, 320.0, 180.0])


def poses(count: int = 4) -> np.ndarray:
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, 0, 3] = np.arange(count)
    return matrices


def test_baselines_are_steps_of_the_centre() -> None:
    path = Trajectory(poses(), LENS, np.arange(4), 640, 360)
    assert path.baselines.tolist() == [[1, 0, 0]] * 3
    assert path.view(2).camera_to_world[0, 3] == 2


def test_a_trajectory_cannot_be_changed() -> None:
    given = poses()
    path = Trajectory(given, LENS, np.arange(4), 640, 360)
    given[0, 0, 3] = 99
    assert path.centres[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        path.camera_to_world[0, 0, 3] = 1


def spoiled(frame: int, value: float) -> np.ndarray:
    matrices = poses()
    matrices[frame, 1, 1] = value
    return matrices


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((spoiled(2, np.nan), LENS, np.arange(4), 640, 360), "pose of frame 2 is not finite"),
        ((spoiled(3, 2.0), LENS, np.arange(4), 640, 360), "pose of frame 3 is not a rotation"),
        ((spoiled(1, -1.0), LENS, np.arange(4), 640, 360), "pose of frame 1 is not a rotation"),
        ((poses(), LENS * [0, 1, 1, 1], np.arange(4), 640, 360), "intrinsics of frame 0"),
        ((poses(), LENS, np.array([0, 1, 1, 2]), 640, 360), "times do not increase at frame 2"),
        ((poses(), LENS, np.array([0, 1, np.nan, 2]), 640, 360), "time of frame 2 is not finite"),
        ((poses(), LENS, np.arange(3), 640, 360), "times has shape"),
        ((poses(), LENS, np.arange(4), 0, 360), "not positive"),
        ((np.zeros((0, 4, 4)), LENS, np.zeros(0), 640, 360), "at least 1"),
    ],
)
def test_what_is_no_camera_path_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Trajectory(*arguments)


def test_a_view_is_checked_as_a_trajectory_is() -> None:
    with pytest.raises(InputError, match="frame 0"):
        View(np.zeros((4, 4)), LENS, 640, 360)
