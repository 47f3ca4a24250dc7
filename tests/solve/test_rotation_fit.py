import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.camera.rotations import geodesic_angle
from parascale.solve.motion.rotation_fit import fit_rotation

FOCAL = 500.0


def turned(points: np.ndarray, rotation: np.ndarray, zoom: float = 1.0) -> np.ndarray:
    local = np.column_stack([points / FOCAL, np.ones(len(points))]) @ rotation.T
    return FOCAL * zoom * local[:, :2] / local[:, 2:]


def points(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).uniform([-300, -170], [300, 170], (count, 2))


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.floats(-0.2, 0.2), st.floats(-0.4, 0.4), st.floats(-0.5, 0.5)))
def test_exact_matches_give_the_exact_rotation(vector: tuple[float, float, float]) -> None:
    rotation = cv2.Rodrigues(np.array(vector))[0]
    fit = fit_rotation(points(), turned(points(), rotation), FOCAL)
    assert geodesic_angle(fit.rotation, rotation) < 1e-6
    assert np.abs(fit.error).max() < 1e-3


def test_a_zoom_is_found_beside_the_rotation() -> None:
    rotation = cv2.Rodrigues(np.array([0.02, 0.1, 0.0]))[0]
    fit = fit_rotation(points(), turned(points(), rotation, 1.25), FOCAL, zooms=True)
    assert fit.zoom == pytest.approx(1.25, rel=1e-5)


def test_a_zoom_is_found_where_it_began_at_another_focal_length() -> None:
    rotation = cv2.Rodrigues(np.array([0.05, 0.3, 0.02]))[0]
    fit = fit_rotation(points(), turned(points(), rotation, 1.25), 1.4 * FOCAL, zooms=True)
    assert fit.zoom == pytest.approx(1.25, rel=1e-4)
    assert np.abs(fit.error).max() < 1e-2


def test_a_third_of_points_that_move_by_themselves_is_forgiven() -> None:
    rotation = cv2.Rodrigues(np.array([0.0, 0.15, 0.05]))[0]
    second = turned(points(), rotation)
    second[:66] += [25, -10]
    fit = fit_rotation(points(), second, FOCAL)
    assert geodesic_angle(fit.rotation, rotation) < 1e-3
