import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.camera import Trajectory
from parascale.camera.intrinsics import normalise_pixels
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.parallax.gauge import scale_gauge, to_unit_depth
from parascale.parallax.number import area_median, felt_per_unit_step, median_depth, parallax_number
from parascale.parallax.shot import Shot

seeds = st.integers(0, 2**32 - 1)
LENS = np.array([500.0, 500.0, 320.0, 180.0])


def samples(depth: list[float], hit: list[bool] | None = None) -> DepthSamples:
    count = len(depth)
    return DepthSamples(np.zeros((count, 2)), np.array(depth, float), np.array(hit or [True] * count))


def along_x(positions: list[float]) -> Trajectory:
    poses = np.tile(np.eye(4), (len(positions), 1, 1))
    poses[:, 0, 3] = positions
    return Trajectory(poses, LENS, np.arange(len(positions)), 640, 360)


def test_parallax_number_by_hand() -> None:
    assert parallax_number(along_x([0, 1, 1, 4]), [2, 5, 12, 1]).tolist() == [0.5, 0, 0.25]


def test_rest_is_zero_and_travel_through_nothing_unknown() -> None:
    assert np.array_equal(parallax_number(along_x([0, 0, 1]), [np.nan, np.nan, 1]), [0, np.nan], equal_nan=True)


@given(seed=seeds, k=st.floats(1e-6, 1e6))
def test_no_gauge_changes_the_parallax_number(path, imagined, seed: int, k: float) -> None:
    shot = imagined(path(seed), seed)
    assert np.allclose(scale_gauge(shot, k).parallax_number, shot.parallax_number, rtol=1e-9, atol=0)


@given(seed=seeds, metres=st.none() | st.floats(1e-3, 1e3))
def test_unit_depth_keeps_p_and_metres(path, imagined, seed: int, metres: float | None) -> None:
    shot = imagined(path(seed), seed, metres_per_unit=metres)
    unit = to_unit_depth(shot)
    assert (unit.median_depth[0], unit.unit) == (1.0, "unit-depth")
    assert np.allclose(unit.parallax_number, shot.parallax_number, rtol=1e-12)
    if metres is None:
        assert unit.metres_per_unit is None
    else:
        assert np.allclose(unit.metres_per_unit * unit.trajectory.centres, metres * shot.trajectory.centres, rtol=1e-12)


def test_median_depth_is_a_depth_that_occurs() -> None:
    assert median_depth(samples([1, 9])) == 1
    assert median_depth(samples([5, 1, 9])) == 5
    assert median_depth(samples([1, 1, 9, 9, 9])) == 9


def test_what_was_not_hit_has_no_depth() -> None:
    assert median_depth(samples([1, 2, 3, 400], [False, True, False, False])) == 2
    assert np.isnan(median_depth(samples([1, 2], [False, False])))


@given(values=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=50))
def test_the_median_of_inverses_is_the_inverse_of_the_median(values: list[float]) -> None:
    depth = np.array(values)
    assert area_median(1 / depth, upper=True) == 1 / area_median(depth)


@given(seed=seeds, angle=st.floats(0, 6.28))
def test_sideways_the_felt_parallax_is_the_parallax_number(seed: int, angle: float) -> None:
    depth = np.random.default_rng(seed).uniform(0.5, 50, 576)
    seen = DepthSamples(pixel_grid((640, 360), (32, 18)), depth, np.ones(576, bool))
    felt = felt_per_unit_step([np.cos(angle), np.sin(angle), 0], seen, LENS)
    assert felt == pytest.approx(1 / median_depth(seen), rel=1e-14)


@settings(max_examples=20)
@given(seed=seeds)
def test_felt_parallax_is_the_image_motion_one_would_see(room, seed: int) -> None:
    direction = np.random.default_rng(seed).normal(size=3)
    direction /= np.linalg.norm(direction)
    seen = room(np.eye(4), LENS, (640, 360), 0)
    points = seen.depth[:, None] * np.column_stack([normalise_pixels(seen.pixels, LENS), np.ones(len(seen.pixels))])
    step = 1e-6
    moved = points - step * direction
    motion = np.linalg.norm(moved[:, :2] / moved[:, 2:] - points[:, :2] / points[:, 2:], axis=1) / step
    assert felt_per_unit_step(direction, seen, LENS) == pytest.approx(np.median(motion), rel=0.02)
    assert felt_per_unit_step(direction, seen, LENS) == pytest.approx(area_median(motion, upper=True), rel=1e-4)


def test_felt_parallax_of_a_dolly_by_hand() -> None:
    seen = DepthSamples(np.array([[320.0, 180], [820, 180], [320, 1180]]), np.array([2.0, 2, 4]), np.ones(3, bool))
    # |x| / Z = 0, 1 / 2, 2 / 4
    assert felt_per_unit_step([0, 0, 1], seen, LENS) == 0.5


def test_a_shot_states_its_noise_floor() -> None:
    path = along_x([0, 1])
    assert Shot("exact", 24, path, [1, 1]).noise_floor == 1e-6
    assert Shot("solved", 24, path, [1, 1], quality={"noise_floor": 2e-3}).noise_floor == 2e-3
