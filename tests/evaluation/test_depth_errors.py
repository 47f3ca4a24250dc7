"""Depth that is off, and what it does to each method: in front of a wall, where the answer is known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.evaluation.depth_errors import ERRORS, KINDS, ErringDepth, depth_error_table, measure_depth_errors
from parascale.evaluation.studies import leave_out
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.parallax.shot import Shot


def wall(camera_to_world, intrinsics, size, frame) -> DepthSamples:
    """A wall across the z axis, 6 ahead of the origin, seen from anywhere."""
    pixels = pixel_grid(size, (16, 9))
    ahead = np.full(len(pixels), 6 - camera_to_world[2, 3])
    return DepthSamples(pixels, ahead, ahead > 0)


@pytest.fixture
def dolly() -> Shot:
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 2, 3] = 0.05 * np.arange(9)
    path = Trajectory(poses, np.array([100.0, 100, 80, 48]), np.arange(9) / 16, 160, 96)
    return Shot("dolly", 16.0, path, 2 - poses[:, 2, 3], unit="m")


def found(dolly: Shot, method: str) -> dict[tuple[str, float], float]:
    rows = measure_depth_errors([method], dolly, wall, dolly.trajectory.view(0))
    return {(kind, error): pce for _, kind, error, pce in rows}


def test_a_scale_error_costs_closed_loop_its_logarithm_and_nothing_else(dolly: Shot) -> None:
    own = found(dolly, "closed-loop")
    for error in ERRORS:
        assert own["scale", error] == pytest.approx(math.log(1 + error), abs=1e-9)
    # Frame by frame: the mean of |N(0, e)|, as far as eight steps show it.
    assert 0.3 * 0.2 < own["per frame", 0.2] < 1.5 * 0.2
    assert own["per frame", 0.4] == pytest.approx(2 * own["per frame", 0.2])


def test_what_asks_the_target_nothing_is_not_touched(dolly: Shot) -> None:
    own = found(dolly, "raw")
    assert len(set(own.values())) == 1
    travelled = 0.05 * np.arange(8)
    assert own["scale", 0.0] == pytest.approx(np.mean(np.log((6 - travelled) / (2 - travelled))))


def test_the_wave_is_fixed_to_the_picture_and_as_large_as_it_says(dolly: Shot) -> None:
    view = dolly.trajectory.view(0)
    samples = [
        ErringDepth(wall, 0.2, "over the picture")(view.camera_to_world, view.intrinsics, view.size, frame)
        for frame in (0, 5)
    ]
    np.testing.assert_array_equal(samples[0].depth, samples[1].depth)
    assert 0.15 < np.abs(samples[0].depth / 6 - 1).max() <= 0.2


def test_the_table_has_a_row_a_method_and_kind(dolly: Shot) -> None:
    rows = list(measure_depth_errors(["closed-loop", "raw"], dolly, wall, dolly.trajectory.view(0)))
    table = depth_error_table(rows)
    assert [row[0] for row in table.rows] == [
        f"{method}, {kind}" for method in ("closed-loop", "raw") for kind in KINDS
    ]
    assert table.rows[0][1:] == pytest.approx([math.log(1 + error) for error in ERRORS], abs=1e-9)


def test_frames_left_out_leave_the_path_and_add_up_what_is_felt(dolly: Shot) -> None:
    thin = leave_out(replace(dolly, felt_parallax=np.arange(8.0)), 4)
    assert len(thin) == 3
    np.testing.assert_allclose(thin.trajectory.centres[-1], dolly.trajectory.centres[-1])
    np.testing.assert_allclose(thin.felt_parallax, [0 + 1 + 2 + 3, 4 + 5 + 6 + 7])
