"""Two shots as one: no jump in pose, depth or felt speed where they meet."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.camera import Trajectory
from parascale.camera.rotations import geodesic_angle
from parascale.errors import InputError
from parascale.parallax.gauge import to_unit_depth
from parascale.retime import felt_speed, stitch

seeds = st.integers(0, 2**32 - 1)


def truck(moving, step: float, count: int = 49, depth: object = 2.0, **facts: object):
    return moving(np.arange(count)[:, None] * [step, 0, 0], depth, **facts)


@settings(max_examples=40)
@given(seed=seeds)
def test_pose_depth_and_felt_speed_go_on_over_the_joint(path, imagined, seed) -> None:
    first, second = imagined(path(seed, count=20), seed), imagined(path(seed // 2, count=30), seed // 2)
    both = stitch(first, second)
    assert len(both) == 49
    assert np.array_equal(both.trajectory.camera_to_world[:20], first.trajectory.camera_to_world)
    speed = felt_speed(both)
    assert np.array_equal(both.parallax_number[:18], first.parallax_number[:18])
    assert speed[19] == pytest.approx(speed[18], rel=1e-9)
    assert both.median_depth[19:] / both.median_depth[19] == pytest.approx(second.median_depth / second.median_depth[0])
    turned = geodesic_angle(both.trajectory.rotations[19:-1], both.trajectory.rotations[20:])
    own = geodesic_angle(second.trajectory.rotations[:-1], second.trajectory.rotations[1:])
    assert turned == pytest.approx(own, abs=1e-12)
    assert np.diff(both.trajectory.times) == pytest.approx(np.full(48, 1 / 24))


def test_after_the_blend_the_second_moves_as_it_did(moving) -> None:
    both = stitch(truck(moving, 0.2), truck(moving, 0.05))
    p = both.parallax_number
    assert p[48] == pytest.approx(0.1)
    assert (np.diff(p[47:]) <= 1e-12).all()
    assert p[48 + 24 :] == pytest.approx(np.full(24, 0.025))
    assert np.abs(np.diff(p)).max() < 1.6 * 0.075 / 24


def test_a_second_that_starts_from_rest_lets_the_first_come_to_rest(moving) -> None:
    still = truck(moving, 0.0)
    both = stitch(truck(moving, 0.2), still, seconds=0.5)
    p = both.parallax_number
    assert p[:36] == pytest.approx(np.full(36, 0.1))
    assert p[47:] == pytest.approx(np.zeros(49), abs=1e-12)
    assert (np.diff(p) <= 1e-12).all()


def test_a_first_that_ends_at_rest_lets_the_second_start_from_rest(moving) -> None:
    p = stitch(truck(moving, 0.0), truck(moving, 0.2)).parallax_number
    assert (p[:49] == 0).all()
    assert (np.diff(p) >= -1e-12).all()
    assert p[-1] == pytest.approx(0.1)


def test_two_rests_and_no_blend_leave_the_speeds_alone(moving) -> None:
    first, second = truck(moving, 0.2), truck(moving, 0.05)
    p = stitch(first, second, seconds=0).parallax_number
    assert p == pytest.approx(np.repeat([0.1, 0.025], 48))
    eased = np.concatenate([np.arange(40.0), np.full(9, 39.0)])[:, None] * [0.1, 0, 0]
    resting = moving(eased)
    assert np.array_equal(stitch(resting, truck(moving, 0.0)).parallax_number[:48], resting.parallax_number)


def test_worlds_of_other_sizes_rates_and_pictures_are_fitted(moving) -> None:
    first = to_unit_depth(truck(moving, 0.2))
    path = truck(moving, 20.0, depth=200.0).trajectory
    big = Trajectory(path.camera_to_world, path.intrinsics * 2, path.times * 24 / 30, 1280, 720)
    second = dataclasses.replace(truck(moving, 20.0, depth=200.0), trajectory=big, fps=30)
    both = stitch(first, second)
    assert (both.unit, both.fps, both.trajectory.size) == ("unit-depth", 24, (640, 360))
    assert both.median_depth == pytest.approx(np.ones(len(both)))
    assert both.trajectory.intrinsics == pytest.approx(np.tile(first.trajectory.intrinsics[0], (len(both), 1)))
    assert len(both) == 49 + 38
    # Both show P = 0.1 a frame; at 30 frames a second that is 0.125 at 24.
    assert both.parallax_number[-1] == pytest.approx(0.125)


def test_gaps_in_depth_are_bridged_at_the_joint(moving) -> None:
    known, unknown = np.full(49, 2.0), np.full(49, 2.0)
    unknown[-3:] = np.nan
    both = stitch(truck(moving, 0.2, depth=unknown), truck(moving, 0.2, depth=3 * known))
    assert both.median_depth[48] == pytest.approx(2)
    assert np.isnan(both.median_depth[46:48]).all()


def test_felt_parallax_is_matched_where_both_hold_it(moving) -> None:
    first, second = truck(moving, 0.2), truck(moving, 0.2)
    first = dataclasses.replace(first, felt_parallax=0.5 * first.parallax_number)
    second = dataclasses.replace(second, felt_parallax=0.8 * second.parallax_number)
    both = stitch(first, second)
    assert both.felt_parallax[48] == pytest.approx(both.felt_parallax[47])
    assert both.parallax_number[48] == pytest.approx(0.1 * 0.5 / 0.8)
    assert stitch(dataclasses.replace(first, felt_parallax=None), second).felt_parallax is None


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_single_frames_can_be_stitched(moving, a, b) -> None:
    assert len(stitch(truck(moving, 0.1, a), truck(moving, 0.1, b))) == a + b - 1


def test_the_noise_floor_is_that_of_the_worse(moving) -> None:
    listed = {"noise_floor": 0.001, "noise_floor_per_step": [0.001] * 48, "focal_observable": True, "tracks": 9}
    worse = {**listed, "noise_floor": 0.003, "focal_observable": False}
    both = stitch(truck(moving, 0.1, quality=listed), truck(moving, 0.1, quality=worse))
    assert both.quality["noise_floor"] == pytest.approx(0.003)
    assert both.quality["focal_observable"] is False
    assert len(both.quality["noise_floor_per_step"]) == 96
    assert "tracks" not in both.quality


def test_what_cannot_be_stitched_is_refused(moving) -> None:
    first = truck(moving, 0.1)
    path = first.trajectory
    tall = dataclasses.replace(
        first, trajectory=Trajectory(path.camera_to_world, path.intrinsics, path.times, 360, 640)
    )
    with pytest.raises(InputError, match="proportions"):
        stitch(first, tall)
    with pytest.raises(InputError, match="no depth"):
        stitch(first, truck(moving, 0.1, depth=np.nan))
    with pytest.raises(InputError, match="blend"):
        stitch(first, first, seconds=-1)
    assert len(stitch(first, truck(moving, 0.0, depth=np.nan))) == 97
