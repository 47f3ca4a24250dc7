import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from parascale.camera import Trajectory
from parascale.camera.rotations import geodesic_angle
from parascale.errors import InputError
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.shot import Shot
from parascale.retime import match_rate, resample
from parascale.retime.curves import PathCurve, monotone_cubic

seeds = st.integers(0, 2**32 - 1)
LENS = np.array([500.0, 500.0, 320.0, 180.0])


@given(seed=seeds)
def test_resampled_at_its_own_times_a_shot_is_itself(path, imagined, seed: int) -> None:
    shot = dataclasses.replace(imagined(path(seed), seed), gain=np.linspace(1, 2, 11))
    same = resample(shot, shot.trajectory.times)
    assert np.array_equal(same.trajectory.centres, shot.trajectory.centres)
    assert np.abs(same.trajectory.rotations - shot.trajectory.rotations).max() < 1e-13
    assert np.array_equal(same.trajectory.intrinsics, shot.trajectory.intrinsics)
    assert same.median_depth == pytest.approx(shot.median_depth, rel=1e-14)
    assert same.felt_parallax == pytest.approx(shot.felt_parallax, rel=1e-12)
    assert same.gain == pytest.approx(shot.gain, rel=1e-14)


def test_an_orbit_at_another_rate_is_the_same_orbit(orbit) -> None:
    resampled = match_rate(orbit(97), 16)
    truth = orbit(65)
    assert len(resampled) == 65
    assert resampled.fps == 16
    assert np.abs(resampled.trajectory.centres - truth.trajectory.centres).max() < 5 * 1e-4
    assert geodesic_angle(resampled.trajectory.rotations, truth.trajectory.rotations).max() < 1e-12
    assert np.abs(np.log(resampled.parallax_number / truth.parallax_number)).max() < 2e-3


@settings(max_examples=30)
@given(seed=seeds, fps=st.floats(5, 120))
def test_the_path_stays_and_the_duration_too(path, imagined, seed: int, fps: float) -> None:
    shot = imagined(path(seed, count=30), seed)
    resampled = match_rate(shot, fps)
    assert shot.trajectory.times[-1] - resampled.trajectory.times[-1] < 1 / fps
    assert np.diff(resampled.trajectory.times) == pytest.approx(np.full(len(resampled) - 1, 1 / fps))
    fine = PathCurve(shot.trajectory.centres, shot.trajectory.times).at(
        np.linspace(*shot.trajectory.times[[0, -1]], 2000)
    )
    spacing = np.linalg.norm(np.diff(fine, axis=0), axis=1).max()
    distance = np.linalg.norm(resampled.trajectory.centres[:, None] - fine, axis=2).min(axis=1)
    assert distance.max() <= spacing


def test_a_rest_stays_a_rest() -> None:
    poses = np.tile(np.eye(4), (31, 1, 1))
    poses[:, 0, 3] = np.clip(np.arange(31.0), 0, 10) + np.clip(np.arange(31.0) - 20, 0, 10)
    shot = Shot("hold", 30, Trajectory(poses, LENS, np.arange(31) / 30, 640, 360), np.full(31, 2.0))
    resampled = resample(shot, np.linspace(0, 1, 97))
    resting = (resampled.trajectory.times[:-1] >= 10 / 30) & (resampled.trajectory.times[1:] <= 20 / 30)
    assert (resampled.parallax_number[resting] == 0).all()
    assert (np.diff(resampled.trajectory.centres[:, 0]) >= 0).all()


def test_a_camera_that_turns_back_does_not_overshoot() -> None:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 2, 3] = [0, 1, 2, 1, 0]
    shot = Shot("there and back", 4, Trajectory(poses, LENS, np.arange(5) / 4, 640, 360), np.full(5, 9.0))
    z = resample(shot, np.linspace(0, 1, 101)).trajectory.centres[:, 2]
    assert (z.min(), z.max()) == (0, 2)
    assert (np.diff(z[:51]) >= 0).all()
    assert (np.diff(z[50:]) <= 0).all()


def test_a_straight_move_stays_straight_and_even(straight) -> None:
    poses = np.tile(np.eye(4), (25, 1, 1))
    poses[:, :3, 3] = np.arange(25)[:, None] * [0.3, 0.1, -0.2]
    shot = Shot("line", 24, Trajectory(poses, LENS, np.arange(25) / 24, 640, 360), np.full(25, 2.0))
    steps = match_rate(shot, 16).trajectory.baselines
    assert steps == pytest.approx(np.tile(1.5 * np.array([0.3, 0.1, -0.2]), (16, 1)))


@given(seed=seeds)
def test_the_time_curve_is_scipys_pchip(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = np.cumsum(generator.uniform(0.1, 1, 10))
    y = np.cumsum(generator.choice([0, 1], 10) * generator.uniform(0, 3, 10))
    at = np.linspace(x[0], x[-1], 200)
    assert monotone_cubic(x, y, at) == pytest.approx(PchipInterpolator(x, y)(at), abs=1e-12)


def test_depth_gaps_stay_gaps_between_the_frames_that_know(orbit) -> None:
    shot = dataclasses.replace(orbit(9), median_depth=np.array([1, np.nan, 3, 3, 3, 3, 3, 3, 27.0]))
    depth = resample(shot, [0, 0.25, 0.5, 0.75, 1.0, 3.75]).median_depth
    assert depth[[0, 4, 5]] == pytest.approx([1, 3, 9])
    assert np.isnan(depth[1:4]).all()


def test_p_belongs_to_the_new_steps(orbit) -> None:
    shot = orbit(97)
    assert match_rate(shot, 48).parallax_number == pytest.approx(np.full(192, shot.parallax_number[0] / 2), rel=2e-3)


def test_felt_parallax_keeps_its_ratio(orbit) -> None:
    shot = orbit(97)
    felt = dataclasses.replace(shot, felt_parallax=0.8 * shot.parallax_number)
    resampled = match_rate(felt, 16)
    assert resampled.felt_parallax == pytest.approx(0.8 * resampled.parallax_number, rel=1e-12)


def test_a_shot_in_unit_depth_stays_in_unit_depth(orbit) -> None:
    shot = to_unit_depth(dataclasses.replace(orbit(9), median_depth=np.linspace(2, 4, 9), metres_per_unit=1.5))
    later = resample(shot, shot.trajectory.times[3:])
    assert (later.unit, later.median_depth[0]) == ("unit-depth", 1.0)
    assert later.parallax_number == pytest.approx(shot.parallax_number[3:])


def test_a_single_frame_can_be_resampled_at_its_own_time() -> None:
    poses, time = np.eye(4)[None], [3.0]
    one = Shot("one", 24, Trajectory(poses, LENS, time, 640, 360), [2.0])
    assert len(match_rate(one, 16)) == 1


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([-0.1, 1], "-0.1 s lies outside"),
        ([0, 4.1], "outside"),
        ([1, 1], "do not increase"),
        ([], "at least one"),
        ([0, np.nan], "outside"),
    ],
)
def test_times_that_cannot_be_are_refused(orbit, times: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resample(orbit(9), times)


@pytest.mark.parametrize("fps", [0, -1, np.inf, np.nan])
def test_rates_that_cannot_be_are_refused(orbit, fps: float) -> None:
    with pytest.raises(InputError, match="frame rate"):
        match_rate(orbit(9), fps)
