import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory, View
from parascale.parallax.realise import realise

seeds = st.integers(0, 2**32 - 1)


def relative(rotations: np.ndarray) -> np.ndarray:
    return rotations[0].T @ rotations


@given(seed=seeds)
def test_gain_leaves_rotation_untouched(path, anchor, seed: int) -> None:
    reference = path(seed, turn=2.0)
    realised = realise(reference, anchor, np.random.default_rng(seed).uniform(0, 100, len(reference) - 1))
    assert np.abs(relative(realised.rotations) - relative(reference.rotations)).max() < 1e-12
    assert np.abs(realised.rotations[0] - anchor.camera_to_world[:3, :3]).max() < 1e-12


@given(seed=seeds)
def test_rotations_of_a_rounded_file_are_kept_as_they_are(path, anchor, seed: int) -> None:
    exact = path(seed, turn=2.0)
    rounded = Trajectory(exact.camera_to_world.round(5), exact.intrinsics, exact.times, *exact.size)
    realised = realise(rounded, anchor, np.ones(len(exact) - 1))
    assert np.abs(relative(realised.rotations) - relative(rounded.rotations)).max() < 1e-12


@given(seed=seeds)
def test_every_step_is_the_reference_step_seen_from_the_camera_times_the_gain(path, anchor, seed: int) -> None:
    reference = path(seed)
    gain = np.random.default_rng(seed).uniform(0.1, 10, len(reference) - 1)
    realised = realise(reference, anchor, gain)
    seen = np.einsum("nji,nj->ni", reference.rotations[:-1], reference.baselines)
    seen_realised = np.einsum("nji,nj->ni", realised.rotations[:-1], realised.baselines)
    assert np.allclose(seen_realised, gain[:, None] * seen, rtol=1e-9, atol=1e-12)
    assert np.allclose(realised.centres[0], anchor.camera_to_world[:3, 3])


def test_a_turned_dolly_by_hand(straight) -> None:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("y", 90, degrees=True).as_matrix()  # looks along world +x
    pose[:3, 3] = [1, 2, 3]
    reference = straight([0, 0, 1], count=3)
    realised = realise(reference, View(pose, [500, 500, 320, 180], 640, 360), [2, 10])
    steps = np.diff(reference.centres[:, 2])
    expected = [[1, 2, 3], [1 + 2 * steps[0], 2, 3], [1 + 2 * steps[0] + 10 * steps[1], 2, 3]]
    assert realised.centres == pytest.approx(np.array(expected))


def test_a_turning_camera_does_not_travel(path, anchor) -> None:
    reference = path(3, reach=0.0, turn=1.0)
    still = Trajectory(
        reference.camera_to_world * np.block([[np.ones((3, 3)), np.zeros((3, 1))], [np.ones((1, 4))]]),
        reference.intrinsics,
        reference.times,
        *reference.size,
    )
    assert np.ptp(realise(still, anchor, np.full(len(still) - 1, 50.0)).centres, axis=0).tolist() == [0, 0, 0]
