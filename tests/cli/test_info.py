"""What `info` says of a shot, and the row of bars it draws."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.cli.info import PLAIN_BARS, describe, draw_steps, print_shot
from parascale.parallax.calibrate import calibrate
from parascale.parallax.depth_source import ConstantDepth
from parascale.parallax.shot import Shot


@pytest.fixture
def shot() -> Shot:
    """Eight steps of P = 0.1, 0.2 .. 0.8 past a wall one unit away."""
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 0, 3] = np.cumsum([0, *np.arange(1, 9) / 10])
    trajectory = Trajectory(poses, np.array([600.0, 600.0, 416.0, 240.0]), np.arange(9) / 16, 832, 480)
    return Shot("rising", 16.0, trajectory, np.ones(9))


def test_every_step_has_a_bar_of_its_height() -> None:
    assert draw_steps([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 0.0) == "▁▂▃▄▅▆▇█"
    assert draw_steps([0.01, 0.41, 0.8], 0.0) == "▁▅█"


def test_what_lies_below_the_floor_is_left_out() -> None:
    assert draw_steps([0.05, 0.8, 0.1], 0.1) == " █ "


def test_a_terminal_without_blocks_gets_letters() -> None:
    assert draw_steps([0.01, 0.8, float("nan")], 0.0, PLAIN_BARS) == "_#?"


def test_long_shots_are_drawn_in_one_line() -> None:
    drawn = draw_steps([0.1] * 200 + [0.4] * 360, 0.0)
    assert drawn == "▂" * 20 + "█" * 36


@pytest.mark.parametrize("steps", [[], [0.0, 0.0], [float("nan")]])
def test_nothing_to_draw_is_no_error(steps: list[float]) -> None:
    assert not draw_steps(steps, 0.0).strip("? ")


def test_the_floor_is_told_with_how_many_steps_it_hides(shot: Shot, capsys: Any) -> None:
    print_shot(replace(shot, quality={"noise_floor": 0.25}), json=False)
    assert "0.25 a frame: 2 of 8 steps lie below it" in capsys.readouterr().out


def test_a_path_with_known_geometry_has_no_floor(shot: Shot, capsys: Any) -> None:
    assert describe(shot)["noise_floor"] is None
    print_shot(shot, json=False)
    assert "not solved from pixels" in capsys.readouterr().out


def test_a_calibrated_shot_has_the_floor_of_its_reference(shot: Shot, capsys: Any) -> None:
    reference = replace(shot, quality={"noise_floor": 0.25})
    carried = calibrate(reference, ConstantDepth(3.0), shot.trajectory.view(0)).shot
    told = describe(carried)["calibration"]
    assert isinstance(told, dict)
    assert told["reference_noise_floor"] == 0.25
    print_shot(carried, json=False)
    assert "0.25 a frame, of the reference: 2 of 8 steps lie below it" in capsys.readouterr().out


def test_the_command_prints_the_bars(parascale: Callable[..., Any], shot: Shot, tmp_path: Path) -> None:
    from parascale.files.shot_file import write_shot

    write_shot(shot, tmp_path / "rising.shot.json")
    printed = parascale("info", tmp_path / "rising.shot.json").stdout
    assert "▁▂▃▄▅▆▇█" in printed or PLAIN_BARS in printed


def test_a_depth_that_is_known_in_metres_is_told_in_metres_too(shot: Shot, capsys: Any) -> None:
    print_shot(replace(shot, unit="unit-depth", metres_per_unit=12.5), json=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "median depth 1 unit-depth (from 1 to 1) 12.5 m (from 12.5 to 12.5)" in told
