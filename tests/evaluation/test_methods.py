"""Methods that exist for evaluations alone."""

from dataclasses import replace

import numpy as np
import pytest

from parascale.camera import Trajectory, View
from parascale.errors import InputError
from parascale.evaluation.methods import CANNOT_BE_ASKED, METHODS, METRIC_SIGMA, carry_over
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.methods import METHODS as PRODUCT_METHODS
from parascale.parallax.metrics import pce, rot_err
from parascale.parallax.shot import Shot


def wall(distance: float):
    """A wall across the z axis, seen from anywhere: the closer one comes, the nearer it is."""

    def depth(camera_to_world, intrinsics, size, frame) -> DepthSamples:
        ahead = np.full(6, distance - camera_to_world[2, 3])
        pixels = np.stack(np.meshgrid([20.0, 80, 140], [24.0, 72]), axis=-1).reshape(-1, 2)
        return DepthSamples(pixels, ahead, ahead > 0)

    return depth


@pytest.fixture
def anchor() -> View:
    return View(np.eye(4), np.array([100.0, 100, 80, 48]), 160, 96)


@pytest.fixture
def dolly(anchor: View) -> Shot:
    """A dolly towards a wall at 10, at even steps of 0.4, that turns a little about the axis it goes along."""
    frames = 11
    poses = np.tile(np.eye(4), (frames, 1, 1))
    angle = 0.05 * np.arange(frames)
    poses[:, 0, 0] = poses[:, 1, 1] = np.cos(angle)
    poses[:, 1, 0], poses[:, 0, 1] = np.sin(angle), -np.sin(angle)
    poses[:, 2, 3] = 0.4 * np.arange(frames)
    path = Trajectory(poses, anchor.intrinsics, np.arange(frames) / 16, *anchor.size)
    return Shot("dolly", 16.0, path, 10 - poses[:, 2, 3], unit="m")


def test_all_methods_of_the_product_are_held_against(dolly: Shot, anchor: View) -> None:
    assert set(PRODUCT_METHODS) < set(METHODS)
    # Replayed in a wall three times as far, raw goes a third as fast.
    raw = carry_over("raw", dolly, wall(30), anchor).shot
    assert raw.parallax_number[0] == pytest.approx(dolly.parallax_number[0] / 3)


def test_no_single_gain_beats_the_oracle(dolly: Shot, anchor: View) -> None:
    # Depths such that no one gain is right for all frames.
    crooked = replace(dolly, median_depth=dolly.median_depth * np.linspace(1, 2, len(dolly)))
    best = carry_over("global-oracle", crooked, wall(3), anchor).shot
    error = pce(best.parallax_number, crooked.parallax_number)
    assert np.ptp(best.gain) == pytest.approx(0, abs=1e-12)
    for factor in (0.8, 0.9, 0.97, 1.03, 1.1, 1.25):
        poses = np.array(best.trajectory.camera_to_world)
        poses[:, 2, 3] *= factor
        other = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1) / (3 - poses[:-1, 2, 3])
        assert pce(other, crooked.parallax_number) >= error - 1e-3
    assert error <= pce(carry_over("global", crooked, wall(3), anchor).shot.parallax_number, crooked.parallax_number)


def test_norm_only_knows_nothing_of_the_target(dolly: Shot, anchor: View) -> None:
    near, far = (carry_over("norm-only", dolly, wall(distance), anchor).shot for distance in (3, 300))
    np.testing.assert_allclose(near.trajectory.centres, far.trajectory.centres)
    assert np.linalg.norm(near.trajectory.centres[-1]) == pytest.approx(1)


def test_without_rotation_the_camera_never_turns_and_p_is_kept(dolly: Shot, anchor: View) -> None:
    still = carry_over("no-rotation", dolly, wall(3), anchor).shot
    np.testing.assert_allclose(still.trajectory.rotations, np.broadcast_to(np.eye(3), (len(dolly), 3, 3)), atol=1e-12)
    np.testing.assert_allclose(still.parallax_number, dolly.parallax_number, rtol=1e-9)
    assert rot_err(still.trajectory.rotations, dolly.trajectory.rotations) > 10


def test_rotation_goes_with_the_gain_where_it_is_rescaled(dolly: Shot, anchor: View) -> None:
    # Towards a wall of its own depth the gain is 1 throughout, and nothing changes.
    same = carry_over("rotation-rescaled", dolly, wall(10), anchor).shot
    np.testing.assert_allclose(same.trajectory.camera_to_world, dolly.trajectory.camera_to_world, atol=1e-9)
    # Each step's gain is its own: it turns by as much more as the step is longer than the median step.
    depth = dolly.median_depth * np.linspace(1, 0.5, len(dolly))
    crooked = replace(dolly, median_depth=depth)
    closed = carry_over("closed-loop", crooked, wall(3), anchor).shot
    turned = carry_over("rotation-rescaled", crooked, wall(3), anchor).shot
    np.testing.assert_allclose(turned.trajectory.centres, closed.trajectory.centres)
    factor = np.clip(closed.gain / np.median(closed.gain), 0.5, 2)
    cosines = np.einsum("tij,tij->t", turned.trajectory.rotations[:-1], turned.trajectory.rotations[1:])
    np.testing.assert_allclose(np.arccos((cosines - 1) / 2), 0.05 * factor, rtol=1e-6)


def test_scale_calibration_is_off_by_what_a_depth_model_is_and_always_by_the_same(dolly: Shot, anchor: View) -> None:
    def off(shot: Shot) -> float:
        path = carry_over("scale-calib", shot, wall(10), anchor).shot
        raw = carry_over("raw", shot, wall(10), anchor).shot
        return float(np.log(path.trajectory.centres[-1, 2] / raw.trajectory.centres[-1, 2]))

    assert off(dolly) == off(dolly)
    drawn = [off(replace(dolly, name=f"clip {number}")) for number in range(200)]
    assert np.std(drawn) == pytest.approx(METRIC_SIGMA, rel=0.15)
    assert abs(np.mean(drawn)) < 0.05


def test_what_takes_no_path_says_why(dolly: Shot, anchor: View) -> None:
    for method in CANNOT_BE_ASKED:
        with pytest.raises(InputError, match="takes the reference clip itself"):
            carry_over(method, dolly, wall(3), anchor)
