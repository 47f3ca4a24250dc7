"""Quaternion algebra is held against SciPy, and steady screw motions against their own integral."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad_vec
from scipy.spatial.transform import Rotation

from parascale.camera.quaternions import (
    arc_of_chord,
    chord_of_arc,
    conjugate,
    cumulate,
    from_rotation_vectors,
    product,
    to_rotation_vectors,
)
from parascale.camera.rotations import matrices_from_quaternions

seeds = st.integers(0, 2**32 - 1)


def wxyz(rotations: Rotation) -> np.ndarray:
    return rotations.as_quat()[:, [3, 0, 1, 2]]


@given(seed=seeds)
def test_products_are_scipys(seed: int) -> None:
    a, b = Rotation.random(9, random_state=seed), Rotation.random(9, random_state=seed // 2 + 1)
    ours = matrices_from_quaternions(product(wxyz(a), conjugate(wxyz(b))))
    assert np.abs(ours - (a * b.inv()).as_matrix()).max() < 1e-14


@given(seed=seeds, size=st.floats(0, 3.1))
def test_exponential_and_logarithm_are_scipys(seed: int, size: float) -> None:
    vectors = np.random.default_rng(seed).normal(size=(9, 3))
    vectors *= size / np.linalg.norm(vectors, axis=1, keepdims=True)
    quaternions = from_rotation_vectors(vectors)
    assert np.abs(matrices_from_quaternions(quaternions) - Rotation.from_rotvec(vectors).as_matrix()).max() < 1e-14
    assert to_rotation_vectors(-quaternions) == pytest.approx(vectors, rel=1e-12, abs=1e-15)


def test_no_rotation_is_exactly_none() -> None:
    assert np.array_equal(from_rotation_vectors(np.zeros((1, 3))), [[1, 0, 0, 0]])
    assert np.array_equal(to_rotation_vectors([[-1.0, 0, 0, 0]]), [[0, 0, 0]])


@given(seed=seeds, count=st.integers(0, 40))
def test_cumulated_turns_are_those_made_one_by_one(seed: int, count: int) -> None:
    turns = Rotation.random(count + 1, random_state=seed)
    total, expected = turns[0], [turns[0].as_matrix()]
    for turn in list(turns)[1:]:
        total = total * turn
        expected.append(total.as_matrix())
    ours = cumulate(wxyz(turns)[0], wxyz(turns)[1:])
    assert np.abs(matrices_from_quaternions(ours) - expected).max() < 1e-13


@given(seed=seeds, angle=st.floats(0, 3.1))
def test_a_steady_arc_is_its_integral(seed: int, angle: float) -> None:
    generator = np.random.default_rng(seed)
    turn, velocity = generator.normal(size=3), generator.normal(size=3)
    turn *= angle / np.linalg.norm(turn)
    integral, _ = quad_vec(lambda s: Rotation.from_rotvec(s * turn).apply(velocity), 0, 1)
    ours = chord_of_arc(turn[None], velocity[None])
    assert ours[0] == pytest.approx(integral, abs=1e-9)
    assert arc_of_chord(turn[None], ours)[0] == pytest.approx(velocity, abs=1e-9)


@pytest.mark.parametrize("angle", [0, 1e-12, 0.9e-3, 1.1e-3, 2.1e-3, np.pi])
def test_short_and_half_turns_lose_no_digits(angle: float) -> None:
    turn, velocity = np.array([[0, angle, 0]]), np.array([[0.3, -1.0, 2.0]])
    assert arc_of_chord(turn, chord_of_arc(turn, velocity)) == pytest.approx(velocity, rel=1e-9)
