import dataclasses

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.shot import Points, Shot

POSES = np.tile(np.eye(4), (3, 1, 1))
PATH = Trajectory(POSES, np.array([500.0, 500, 320, 180]), np.arange(3), 640, 360)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"median_depth": [1, 1]}, "median_depth has"),
        ({"median_depth": [1, 0, 1]}, "median depth of frame 1"),
        ({"median_depth": [1, 1, np.inf]}, "median depth of frame 2"),
        ({"fps": 0}, "frame rate"),
        ({"fps": np.nan}, "frame rate"),
        ({"unit": "feet"}, "the unit 'feet'"),
        ({"motion_class": "wild"}, "the motion class 'wild'"),
        ({"metres_per_unit": -1.0}, "metres_per_unit"),
        ({"unit": "m", "metres_per_unit": 2.0}, "metres_per_unit"),
        ({"frames": [3, 2, 4]}, "frame numbers"),
        ({"gain": [1, 1, 1]}, "gain has"),
        ({"felt_parallax": [1]}, "felt_parallax has"),
    ],
)
def test_what_is_no_shot_is_refused(facts: dict, message: str) -> None:
    given = {"name": "x", "fps": 24, "trajectory": PATH, "median_depth": [1, 1, 1]} | facts
    with pytest.raises(InputError, match=message):
        Shot(**given)


def test_metres_are_metres() -> None:
    assert Shot("x", 24, PATH, [1, 1, 1], unit="m").metres_per_unit == 1


def test_the_digest_tells_paths_and_depths_apart_and_nothing_else() -> None:
    shot = Shot("x", 24, PATH, [1, 2, 3])
    assert dataclasses.replace(shot, name="y", quality={"tracks": 3}).digest == shot.digest
    assert dataclasses.replace(shot, median_depth=np.array([1, 2, 3.0000001])).digest != shot.digest


def test_unit_depth_takes_the_points_along() -> None:
    points = Points(np.array([[2, 4, 6]], np.float32), np.zeros((1, 3), np.uint8))
    assert to_unit_depth(Shot("x", 24, PATH, [2, 2, 2], points=points)).points.positions.tolist() == [[1, 2, 3]]


def test_unit_depth_takes_the_gain_along() -> None:
    """A gain counts the shot's units per unit of its reference, and there are fewer of them now."""
    assert to_unit_depth(Shot("x", 24, PATH, [2, 2, 2], gain=[3, 5])).gain.tolist() == [1.5, 2.5]


def test_a_shot_without_depth_in_frame_0_has_no_unit_depth() -> None:
    with pytest.raises(InputError, match="no depth in frame 0"):
        to_unit_depth(Shot("x", 24, PATH, [np.nan, 1, 1]))
