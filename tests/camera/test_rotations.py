"""Rotations are held against SciPy, which nobody here wrote."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from parascale.camera.rotations import (
    continuous_quaternions,
    geodesic_angle,
    matrices_from_quaternions,
    orthonormalise,
    quaternions_from_matrices,
    slerp,
)

seeds = st.integers(0, 2**32 - 1)


def wxyz(rotations: Rotation) -> np.ndarray:
    return rotations.as_quat()[:, [3, 0, 1, 2]]


def same_up_to_sign(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.minimum(np.abs(a - b).max(axis=1), np.abs(a + b).max(axis=1))


@given(seed=seeds)
def test_quaternions_are_scipys(seed: int) -> None:
    rotations = Rotation.random(20, random_state=seed)
    assert same_up_to_sign(quaternions_from_matrices(rotations.as_matrix()), wxyz(rotations)).max() < 1e-14


@pytest.mark.parametrize("axis", [*np.eye(3).tolist(), [1, 1, 0], [1, -2, 3]])
def test_half_turns_lose_no_digits(axis: list[float]) -> None:
    axis = np.array(axis) / np.linalg.norm(axis)
    angles = np.pi + np.array([-1e-9, 0, 1e-9])
    rotations = Rotation.from_rotvec(angles[:, None] * axis)
    back = matrices_from_quaternions(quaternions_from_matrices(rotations.as_matrix()))
    assert np.abs(back - rotations.as_matrix()).max() < 1e-15


@given(seed=seeds)
def test_matrices_and_quaternions_are_inverse(seed: int) -> None:
    quaternions = np.random.default_rng(seed).normal(size=(10, 4))
    matrices = matrices_from_quaternions(quaternions)
    assert np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max() < 1e-14
    unit = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)
    assert same_up_to_sign(quaternions_from_matrices(matrices), unit).max() < 1e-14


@given(seed=seeds)
def test_continuous_quaternions_never_jump_and_turn_the_same(seed: int) -> None:
    generator = np.random.default_rng(seed)
    path = Rotation.from_rotvec(np.cumsum(generator.normal(0, 0.2, (200, 3)), axis=0))
    quaternions = continuous_quaternions(wxyz(path) * generator.choice([-1, 1], (200, 1)))
    assert (np.einsum("ni,ni->n", quaternions[1:], quaternions[:-1]) > 0).all()
    assert np.abs(matrices_from_quaternions(quaternions) - path.as_matrix()).max() < 1e-13


@given(seed=seeds, fraction=st.floats(0, 1))
def test_slerp_is_scipys(seed: int, fraction: float) -> None:
    ends = Rotation.random(2, random_state=seed)
    between = slerp(wxyz(ends)[:1], wxyz(ends)[1:], np.array([fraction]))
    # SciPy's own arccos-free form is good to about the square root of rounding near half a turn.
    assert np.abs(matrices_from_quaternions(between)[0] - Slerp([0, 1], ends)(fraction).as_matrix()).max() < 1e-7


def test_slerp_between_equal_rotations_stays_there() -> None:
    q = np.array([[0.5, 0.5, 0.5, 0.5]])
    assert np.array_equal(slerp(q, -q, np.array([0.3])), q)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-7, 0.3, 3.0, np.pi - 1e-9, np.pi])
def test_geodesic_angle_is_exact_from_zero_to_half_a_turn(angle: float) -> None:
    axis = np.array([2.0, -1.0, 2.0]) / 3
    base = Rotation.from_rotvec([0.3, 0.2, 0.1])
    turned = base * Rotation.from_rotvec(angle * axis)
    assert geodesic_angle(base.as_matrix(), turned.as_matrix()) == pytest.approx(angle, abs=1e-14, rel=1e-8)


@given(seed=seeds)
def test_orthonormalise_gives_the_nearest_rotation(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rough = Rotation.random(random_state=seed).as_matrix() + generator.normal(0, 0.05, (3, 3))
    nearest = orthonormalise(rough)
    assert np.abs(nearest @ nearest.T - np.eye(3)).max() < 1e-14
    assert np.linalg.det(nearest) > 0
    nudged = nearest @ Rotation.from_rotvec(generator.normal(0, 0.01, (50, 3))).as_matrix()
    assert np.linalg.norm(nudged - rough, axis=(1, 2)).min() >= np.linalg.norm(nearest - rough)


def test_orthonormalise_never_mirrors() -> None:
    assert np.linalg.det(orthonormalise(np.diag([1.0, 1.0, -0.1]))) == pytest.approx(1)
