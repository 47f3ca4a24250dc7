"""What `import parascale` gives a script."""

import subprocess
import sys

import numpy as np
import pytest

import parascale
from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack


def walk(count: int = 81) -> Shot:
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = np.arange(count) * 0.02
    path = Trajectory(poses, np.array([400.0, 400, 240, 135]), np.arange(count) / 16, 480, 270)
    track = SubjectTrack("vase", np.linspace(-0.2, 0.2, count)[:, None] * [1, 0])
    depth = np.linspace(1, 2, count)
    return Shot("walk", 16, path, depth, "unit-depth", subjects=(track,), parallax_sigma=np.full(count - 1, 1e-4))


@pytest.mark.parametrize("name", parascale.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(parascale, name) is not None
    assert name in dir(parascale)


def test_no_other_name_is_made_up() -> None:
    with pytest.raises(AttributeError, match="no attribute 'solve_everything'"):
        parascale.solve_everything  # noqa: B018


def test_importing_it_costs_nothing_until_a_name_is_used() -> None:
    code = "import sys, parascale; assert 'numpy' not in sys.modules; parascale.Shot; assert 'cv2' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_shot_and_its_path_are_one_line_each() -> None:
    assert repr(walk()) == "<Shot 'walk': 81 frames at 16 fps, general, unit-depth, P 0.0134>"
    assert repr(walk().trajectory) == "<Trajectory: 81 frames of 480x270, 5 s>"


def test_frames_in_a_row_keep_what_they_know() -> None:
    shot = walk()
    part = shot[10:50]
    assert part.frames is not None
    assert (len(part), part.frames[0], part.subjects[0].centre[0, 0]) == (40, 10, shot.subjects[0].centre[10, 0])
    np.testing.assert_array_equal(part.parallax_number, shot.parallax_number[10:49])
    np.testing.assert_array_equal(part.trajectory.times, shot.trajectory.times[10:50])
    assert part.parallax_sigma is not None
    assert len(part.parallax_sigma) == 39
    # Depth 1 is where a shot at unit depth begins.
    assert (shot[:50].unit, part.unit) == ("unit-depth", "arbitrary")
    assert len(shot[-1:]) == 1


@pytest.mark.parametrize("frames", [slice(0, 80, 2), slice(50, 10), slice(90, 99), slice(None, None, -1)])
def test_frames_that_are_no_row_are_refused(frames: slice) -> None:
    with pytest.raises(InputError):
        walk()[frames]
