import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.solve.reconstruction.triangulation import triangulate


def poses(count: int, step: float) -> np.ndarray:
    """World-to-camera of cameras side by side, all looking ahead."""
    result = np.tile(np.eye(4)[:3], (count, 1, 1))
    result[:, 0, 3] = -step * np.arange(count)
    return result


def rays(points: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    local = np.einsum("tij,mj->tmi", cameras[:, :, :3], points) + cameras[:, None, :, 3]
    return local[:, :, :2] / local[:, :, 2:]


@settings(max_examples=40, deadline=None)
@given(x=st.floats(-2, 2), y=st.floats(-2, 2), z=st.floats(2, 30), step=st.floats(0.05, 0.5))
def test_exact_sightings_give_the_exact_point(x: float, y: float, z: float, step: float) -> None:
    point = np.array([[x, y, z]])
    found = triangulate(rays(point, poses(6, step)), poses(6, step), 500.0)
    np.testing.assert_allclose(found.points, point, rtol=1e-6, atol=1e-6)
    assert found.residuals.max() < 1e-6


def test_a_sighting_gone_astray_is_outvoted() -> None:
    point, cameras = np.array([[0.3, -0.2, 6.0]]), poses(9, 0.2)
    seen = rays(point, cameras)
    seen[4] += 40 / 500
    found = triangulate(seen, cameras, 500.0)
    assert abs(found.points[0, 2] - 6) < 0.02
    assert found.residuals[4, 0] > 30
    assert np.delete(found.residuals[:, 0], 4).max() < 0.5


def test_unseen_frames_have_infinite_residuals() -> None:
    point, cameras = np.array([[0.0, 0.0, 5.0]]), poses(5, 0.2)
    seen = rays(point, cameras)
    seen[0] = np.nan
    assert np.isinf(triangulate(seen, cameras, 500.0).residuals[0, 0])


def test_angle_is_that_between_the_outer_rays() -> None:
    # From 5 away, a camera at -1 and one at +1 see the point under twice atan(1 / 5).
    cameras = poses(2, 2.0)
    found = triangulate(rays(np.array([[1.0, 0.0, 5.0]]), cameras), cameras, 500.0)
    assert found.angle[0] == pytest.approx(2 * np.arctan(1 / 5), rel=1e-6)


def test_uncertainty_predicts_the_scatter_of_depth() -> None:
    rng, cameras = np.random.default_rng(0), poses(8, 0.1)
    points = np.tile([[0.2, 0.1, 8.0]], (4000, 1))
    found = triangulate(rays(points, cameras) + rng.normal(0, 0.1 / 500, (8, 4000, 2)), cameras, 500.0)
    scatter = np.std(found.points[:, 2]) / 8
    assert np.median(found.uncertainty) * 0.1 == pytest.approx(scatter, rel=0.15)


def test_a_point_never_seen_from_two_places_is_uncertain_without_end() -> None:
    still = poses(4, 0.0)
    found = triangulate(rays(np.array([[0.1, 0.1, 5.0]]), still), still, 500.0)
    assert not found.uncertainty[0] < 1


def test_parallel_rays_give_a_point_far_away_that_fits_them() -> None:
    rng, cameras = np.random.default_rng(0), poses(8, 0.1)
    direction = rng.uniform(-0.4, 0.4, (1, 60, 2))
    found = triangulate(direction + rng.normal(0, 0.2 / 500, (8, 60, 2)), cameras, 500.0)
    assert np.isfinite(found.points).all()
    assert (found.points[:, 2] > 10).all()
    assert np.quantile(found.residuals, 0.95) < 0.8
    assert (found.uncertainty > 0.1).all()
