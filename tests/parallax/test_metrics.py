import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.metrics import compare, log_ratio, pce, rot_err, trans_err, trans_err_rel
from parascale.parallax.shot import Shot

seeds = st.integers(0, 2**32 - 1)
numbers = arrays(np.float64, 9, elements=st.floats(0, 10))
LENS = np.array([500.0, 500.0, 320.0, 180.0])


def rescaled(shot: Shot, k: float) -> Shot:
    """The same pictures' depth, but a camera that travels k times as far: not a gauge."""
    return dataclasses.replace(scale_gauge(shot, k), median_depth=shot.median_depth)


def at(times: list[float], positions: list[float] | None = None) -> Shot:
    poses = np.tile(np.eye(4), (len(times), 1, 1))
    poses[:, 0, 3] = np.arange(len(times)) if positions is None else positions
    return Shot("at", 24, Trajectory(poses, LENS, times, 640, 360), np.full(len(times), 2.0))


def test_pce_by_hand() -> None:
    assert pce([1, 2, 0], [math.e, 2, 1e-6]) == pytest.approx(1 / 3)
    assert pce([1e-3, 4e-3], [2e-3, 1e-5], floor=2e-3) == pytest.approx(math.log(2) / 2)


@given(a=numbers, b=numbers)
def test_pce_is_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    assert pce(a, b) == pce(b, a)


@given(a=numbers, b=numbers)
def test_pce_is_zero_only_between_equals(a: np.ndarray, b: np.ndarray) -> None:
    assert pce(a, a) == 0
    assert (pce(a, b) == 0) == np.array_equal(np.log(np.maximum(a, 1e-6)), np.log(np.maximum(b, 1e-6)))


@given(a=numbers, b=numbers, c=numbers)
def test_pce_obeys_the_triangle_inequality(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    assert pce(a, c) <= pce(a, b) + pce(b, c) + 1e-12


def test_unmeasured_steps_are_left_out() -> None:
    assert pce([1, np.nan, 2], [1, 1, np.nan]) == 0
    assert math.isnan(pce([np.nan], [1]))


def test_steps_of_different_number_are_refused() -> None:
    with pytest.raises(InputError, match="3 steps cannot be held against 2"):
        log_ratio([1, 1, 1], [1, 1])


@given(seed=seeds, k=st.floats(0.05, 20))
def test_trans_err_is_blind_to_a_global_scale_and_pce_is_not(path, imagined, seed: int, k: float) -> None:
    """Proposition 3."""
    shot = imagined(path(seed), seed)
    metrics = compare(rescaled(shot, k), shot)
    assert metrics.trans_err < 1e-10
    assert metrics.trans_err_rel < 1e-10
    assert metrics.pce == pytest.approx(abs(math.log(k)), rel=1e-9, abs=1e-12)
    assert metrics.pce_scale_gap == pytest.approx(math.log(k), rel=1e-9, abs=1e-12)
    assert metrics.pce_profile < 1e-12


@given(seed=seeds)
def test_metrics_ignore_where_and_how_the_world_stands(path, imagined, seed: int) -> None:
    shot = imagined(path(seed), seed)
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = Rotation.random(random_state=seed).as_matrix(), [3, -2, 9]
    moved = dataclasses.replace(shot.trajectory, camera_to_world=world @ shot.trajectory.camera_to_world)
    metrics = compare(dataclasses.replace(shot, trajectory=moved), shot)
    assert max(metrics.rot_err, metrics.trans_err, metrics.trans_err_rel) < 1e-10
    assert metrics.pce < 1e-12


@given(seed=seeds)
def test_straight_paths_have_a_trans_err(straight, seed: int) -> None:
    line = straight([1, 0.2, 0.5]).centres
    turned = 5 * line @ Rotation.random(random_state=seed).as_matrix().T + 3
    assert trans_err(turned, line) < 1e-10
    bowed = line + 0.02 * np.sin(np.linspace(0, np.pi, len(line)))[:, None] * [0, 0, 1]
    assert 0.1 < trans_err(bowed, line) < 2


def test_trans_err_by_hand() -> None:
    reference = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    # Off the line by +-0.1 in turn; the best line keeps the mean square, all but a small tilt.
    zigzag = reference + np.array([0, 0.1, 0])[None] * np.array([1, -1, -1, 1])[:, None]
    assert trans_err(zigzag, reference) == pytest.approx(100 * 0.1 / 3, rel=0.01)


def test_a_reference_at_rest_has_no_trans_err() -> None:
    assert math.isnan(trans_err(np.random.default_rng(0).normal(size=(4, 3)), np.zeros((4, 3))))


def test_the_camI2V_sum_by_hand() -> None:
    a, b = np.array([[0.0, 0, 0], [1, 0, 0], [4, 0, 0]]), np.array([[5.0, 5, 5], [5, 6, 5], [5, 7, 5]])
    turn = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    assert trans_err_rel(a, np.eye(3), b, turn) == pytest.approx(0.25)


def test_rot_err_by_hand() -> None:
    turns = Rotation.from_euler("y", [[0], [10], [20]], degrees=True).as_matrix()
    tilted = (
        Rotation.from_euler("x", 33, degrees=True).as_matrix()
        @ Rotation.from_euler("y", [[5], [17], [27]], degrees=True).as_matrix()
    )
    assert rot_err(tilted, turns) == pytest.approx((0 + 2 + 2) / 3)


def test_profile_error_is_what_the_scale_does_not_explain() -> None:
    reference, shot = at([0, 1, 2, 3], [0, 1, 2, 3]), at([0, 1, 2, 3], [0, 3, 6, 18])
    metrics = compare(shot, reference)
    assert metrics.pce == pytest.approx((2 * math.log(3) + math.log(12)) / 3)
    assert metrics.pce_scale_gap == pytest.approx(math.log(3))
    assert metrics.pce_profile == pytest.approx(math.log(4) / 3)


def test_rests_do_not_dilute_the_scale_gap() -> None:
    reference, shot = at(range(6), [0, 1, 1, 1, 1, 2]), at(range(6), [0, 5, 5, 5, 5, 10])
    metrics = compare(shot, reference)
    assert metrics.pce_scale_gap == pytest.approx(math.log(5))
    assert metrics.pce_profile == pytest.approx(0, abs=1e-12)
    assert metrics.above_floor == pytest.approx(2 / 5)


@given(k=st.floats(1e-9, 1e3))
def test_a_path_far_too_slow_has_its_scale_gap(k: float) -> None:
    """Replayed uncalibrated among stars, a walk is a millionth of what it was, and that is its error: Theorem 1."""
    walk = [0, 0.01, 0.02, 0.04, 0.04, 0.05]
    metrics = compare(at(range(6), [k * x for x in walk]), at(range(6), walk))
    assert metrics.pce_scale_gap == pytest.approx(math.log(k), abs=1e-6)
    assert metrics.pce == pytest.approx(4 / 5 * abs(math.log(k)), abs=1e-6)


def test_sides_that_never_move_have_no_scale_gap() -> None:
    metrics = compare(at(range(3), [0, 0, 0]), at(range(3), [0, 1, 2]))
    assert math.isnan(metrics.pce_scale_gap)
    assert metrics.above_floor == 0


def test_rates_that_are_two_names_of_one_go_frame_by_frame() -> None:
    positions = np.cumsum(np.linspace(0.01, 0.03, 300))
    film, video = at(np.arange(300) / 24, positions), at(np.arange(300) * 1001 / 24000, positions)
    metrics = compare(film, video)
    assert (metrics.frames, metrics.pce) == (300, 0)
    assert compare(at(np.arange(300) / 25, positions), film).frames == 60


def test_the_floor_is_the_noise_of_the_side_that_was_solved() -> None:
    reference = dataclasses.replace(at([0, 1, 2], [0, 0.02, 1]), quality={"noise_floor": 0.02})
    metrics = compare(at([0, 1, 2], [0, 0, 0.98]), reference)
    assert (metrics.floor, metrics.above_floor, metrics.pce) == (0.02, 0.5, 0.0)


def test_a_video_that_lost_frames_is_held_against_the_frames_it_kept() -> None:
    times = np.arange(10) / 24
    kept = np.delete(np.arange(10), 4)
    metrics = compare(at(times[kept] + 7.0, kept), at(times))
    assert (metrics.frames, metrics.steps, metrics.pce, metrics.trans_err_rel) == (9, 7, 0, 0)


def test_other_frame_rates_are_refused_with_advice() -> None:
    with pytest.raises(InputError, match="retime one"):
        compare(at(np.arange(10) / 24), at(np.arange(10) / 16))


def test_a_single_frame_is_refused() -> None:
    with pytest.raises(InputError, match="share no step"):
        compare(at([0]), at([0]))


def test_undefined_figures_are_null_in_json() -> None:
    figures = compare(at([0, 1, 2], [0, 0, 0]), at([0, 1, 2], [0, 0, 0])).as_json()
    assert (figures["trans_err"], figures["felt_error"], figures["pce"], figures["pce_factor"]) == (None, None, 0, 1)
    assert {"pce", "pce_scale_gap", "pce_profile", "felt_error", "rot_err", "trans_err", "frames", "above_floor"} < set(
        figures
    )
    json.dumps(figures, allow_nan=False)
