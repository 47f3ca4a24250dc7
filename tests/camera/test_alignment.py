import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from parascale.camera.alignment import align_similarity
from parascale.errors import InputError

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_a_known_similarity_is_found(seed: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    source = generator.normal(size=(12, 3))
    rotation, translation = Rotation.random(random_state=seed).as_matrix(), generator.normal(size=3)
    found = align_similarity(source, scale * source @ rotation.T + translation)
    assert found.scale == pytest.approx(scale, rel=1e-12)
    assert np.abs(found.rotation - rotation).max() < 1e-11
    assert np.abs(found.translation - translation).max() < 1e-11 * scale + 1e-11


@given(seed=seeds)
def test_no_nearby_similarity_fits_better(seed: int) -> None:
    generator = np.random.default_rng(seed)
    source, target = generator.normal(size=(8, 3)), generator.normal(size=(8, 3))
    found = align_similarity(source, target)
    best = np.sum((found.apply(source) - target) ** 2)
    for _ in range(20):
        rotation = found.rotation @ Rotation.from_rotvec(generator.normal(0, 0.02, 3)).as_matrix()
        moved = found.scale * generator.normal(1, 0.02) * source @ rotation.T
        moved += found.translation + generator.normal(0, 0.02, 3)
        assert np.sum((moved - target) ** 2) >= best - 1e-12


def test_reflections_are_no_rotation() -> None:
    source = np.random.default_rng(0).normal(size=(10, 3))
    assert np.linalg.det(align_similarity(source, source * [1, 1, -1]).rotation) == pytest.approx(1)


@given(seed=seeds)
def test_straight_paths_are_aligned(seed: int) -> None:
    generator = np.random.default_rng(seed)
    along = np.cumsum(generator.uniform(0.1, 1, 9))[:, None]
    source = along * generator.normal(size=3) + generator.normal(size=3)
    target = 3 * along * generator.normal(size=3) + generator.normal(size=3)
    found = align_similarity(source, target)
    assert np.abs(found.apply(source) - target).max() < 1e-11
    assert np.abs(found.rotation @ found.rotation.T - np.eye(3)).max() < 1e-12
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_a_straight_path_laid_on_itself_is_not_rolled() -> None:
    source = np.arange(5.0)[:, None] * [0.3, -0.5, 0.8]
    assert np.abs(align_similarity(source, 2 * source).rotation - np.eye(3)).max() < 1e-12


def test_a_path_in_one_place_is_only_moved() -> None:
    found = align_similarity(np.ones((4, 3)), np.full((4, 3), 7.0))
    assert (found.scale, found.translation.tolist()) == (1.0, [6.0, 6.0, 6.0])
    assert np.array_equal(found.rotation, np.eye(3))


@pytest.mark.parametrize(
    ("source", "target"),
    [(np.ones((3, 3)), np.ones((4, 3))), (np.ones((0, 3)), np.ones((0, 3))), (np.full((2, 3), np.nan),) * 2],
)
def test_points_that_cannot_be_aligned_are_refused(source: np.ndarray, target: np.ndarray) -> None:
    with pytest.raises(InputError, match="cannot be aligned"):
        align_similarity(source, target)
