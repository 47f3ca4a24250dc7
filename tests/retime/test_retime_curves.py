"""The curves under retiming: squad against SciPy's rotations, tangents that do not swing past."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, RotationSpline, Slerp

from parascale.camera.rotations import matrices_from_quaternions
from parascale.retime.curves import PathCurve, RotationCurve

seeds = st.integers(0, 2**32 - 1)


def chain(steps: Rotation) -> Rotation:
    rotations = [Rotation.identity()]
    for step in list(steps):
        rotations.append(rotations[-1] * step)
    return Rotation.concatenate(rotations)


def between(a: Rotation, b: Rotation, share: float) -> Rotation:
    return Slerp([0, 1], Rotation.concatenate([a, b]))(share)


@settings(max_examples=25)
@given(seed=seeds, angle=st.floats(0.01, 0.8))
def test_equal_steps_are_joined_by_shoemakes_squad(seed: int, angle: float) -> None:
    generator = np.random.default_rng(seed)
    axes = np.array([1.0, 2.0, -2.0]) + generator.uniform(-1, 1, (6, 3))
    steps = Rotation.from_rotvec(angle * axes / np.linalg.norm(axes, axis=1, keepdims=True))
    knots = chain(steps)
    controls = [
        knots[i] * Rotation.from_rotvec(-(steps[i].as_rotvec() - steps[i - 1].as_rotvec()) / 4) for i in range(1, 6)
    ]
    curve = RotationCurve(knots.as_matrix(), np.arange(7.0))
    for i in range(1, 5):
        for share in (0.25, 0.5, 0.9):
            along = between(knots[i], knots[i + 1], share)
            beside = between(controls[i - 1], controls[i], share)
            expected = between(along, beside, 2 * share * (1 - share))
            ours = matrices_from_quaternions(curve.at(np.array([i + share])))[0]
            assert np.abs(ours - expected.as_matrix()).max() < 1e-7


def test_a_smooth_turn_is_followed_as_closely_as_by_scipys_spline() -> None:
    def truth(t: np.ndarray) -> Rotation:
        return Rotation.from_rotvec(np.stack([t, 0.5 * np.sin(t), 0.3 * t**2], axis=1))

    times, fine = np.linspace(0, 2, 25), np.linspace(0.2, 1.8, 300)
    ours = Rotation.from_matrix(matrices_from_quaternions(RotationCurve(truth(times).as_matrix(), times).at(fine)))
    error = (truth(fine).inv() * ours).magnitude().max()
    linear = (truth(fine).inv() * Slerp(times, truth(times))(fine)).magnitude().max()
    assert error < 0.1 * linear
    assert (RotationSpline(times, truth(times))(fine).inv() * ours).magnitude().max() < 1e-3


def test_a_camera_that_holds_still_holds_still_and_does_not_swing_past() -> None:
    angle = np.concatenate([np.linspace(0, 1, 11), np.full(5, 1.0), [0.9, 0.5, 0.0]])
    rotations = Rotation.from_euler("y", angle[:, None]).as_matrix()
    times = np.arange(len(angle)) / 24
    fine = np.linspace(0, times[-1], 500)
    turned = Rotation.from_matrix(matrices_from_quaternions(RotationCurve(rotations, times).at(fine))).as_rotvec()[:, 1]
    assert turned.max() <= 1 + 1e-12
    resting = (fine >= times[10]) & (fine <= times[15])
    assert turned[resting] == pytest.approx(np.ones(resting.sum()), abs=1e-15)
    assert (np.diff(turned[fine < times[10]]) > 0).all()


@pytest.mark.parametrize("back", [1.0, 0.3, 0.01])
def test_a_path_that_turns_back_does_not_swing_past(back: float) -> None:
    z = np.array([0, 1, 2, 2 - back])
    points = PathCurve(np.stack([0 * z, 0 * z, z], axis=1), np.arange(4.0)).at(np.linspace(0, 3, 1000))
    assert points[:, 2].max() == 2
    assert points[:, 2].min() == 0


@given(seed=seeds)
@settings(max_examples=25)
def test_arc_length_follows_the_time_curve(path, seed: int) -> None:
    trajectory = path(seed, count=20)
    curve = PathCurve(trajectory.centres, trajectory.times)
    # On an even clock through an even part of the path steps are even: the curve has no bunching at its knots.
    fine = curve.at(np.linspace(*trajectory.times[[0, -1]], 19 * 40 + 1))
    steps = np.linalg.norm(np.diff(fine, axis=0), axis=1)
    assert np.abs(np.diff(np.log(steps))).max() < 0.25
