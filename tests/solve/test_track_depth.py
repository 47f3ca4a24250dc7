import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from parascale.parallax.number import median_depth
from parascale.solve.depth.track_depth import interpolate_depth

SIZE = (640, 360)


def scattered(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([0, 0], SIZE, (count, 2))


@settings(max_examples=30, deadline=None)
@given(a=st.floats(-3e-4, 3e-4), b=st.floats(-3e-4, 3e-4), seed=st.integers(0, 1000))
def test_exact_on_planes(a: float, b: float, seed: int) -> None:
    # The inverse depth of a plane is linear over its image.
    def plane(pixels: np.ndarray) -> np.ndarray:
        return 1 / (0.3 + pixels @ [a, b])

    pixels = scattered(120, seed)
    samples = interpolate_depth(pixels, plane(pixels), SIZE)
    mesh = Delaunay(pixels)
    corners = plane(pixels)[mesh.simplices]
    inside = mesh.find_simplex(samples.pixels)
    alike = (inside >= 0) & (corners.max(axis=1) < 1.29 * corners.min(axis=1))[inside]
    assert alike.mean() > 0.5
    np.testing.assert_allclose(samples.depth[alike], plane(samples.pixels[alike]), rtol=1e-9)


def test_far_from_all_points_there_is_no_surface() -> None:
    pixels = scattered(200) / 2
    samples = interpolate_depth(pixels, np.full(200, 4.0), SIZE)
    assert not samples.hit[(samples.pixels > [360, 220]).any(axis=1)].any()


def test_the_margin_takes_the_depth_of_the_nearest_point() -> None:
    inner = np.array([[100.0, 100], [500, 100], [500, 260], [100, 260]])
    samples = interpolate_depth(inner, np.array([2.0, 2.1, 2.2, 2.3]), SIZE)
    beside = np.hypot(*(samples.pixels - [85, 100]).T).argmin()
    assert samples.hit[beside]
    assert samples.depth[beside] == pytest.approx(2.0)


def test_across_a_depth_edge_no_depth_lies_between() -> None:
    pixels = scattered(400)
    samples = interpolate_depth(pixels, np.where(pixels[:, 0] < 320, 3.0, 6.0), SIZE)
    assert samples.hit.mean() > 0.95
    assert set(np.round(samples.depth[samples.hit], 6)) == {3.0, 6.0}


def test_every_cell_within_the_hull_is_hit() -> None:
    corners = np.array([[0.0, 0], [640, 0], [0, 360], [640, 360]])
    samples = interpolate_depth(np.vstack([corners, scattered(300)]), np.full(304, 4.0), SIZE)
    assert samples.hit.all()


def test_triangles_across_the_sky_are_dropped() -> None:
    pixels = scattered(400)
    depth = np.where(pixels[:, 1] < 180, 500.0, 5.0)
    samples = interpolate_depth(pixels, depth, SIZE)
    assert set(np.round(samples.depth[samples.hit], 6)) == {5.0, 500.0}


def test_median_is_over_area_not_over_points() -> None:
    # Nine tenths of the points crowd the left tenth of the picture.
    left, right = scattered(900) * [0.1, 1], scattered(100, 1) * [0.9, 1] + [64, 0]
    pixels = np.vstack([left, right])
    samples = interpolate_depth(pixels, np.r_[np.full(900, 2.0), np.full(100, 5.0)], SIZE)
    assert median_depth(samples) == pytest.approx(5.0)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_points_see_nothing(count: int) -> None:
    assert not interpolate_depth(scattered(count), np.ones(count), SIZE).hit.any()


def test_points_on_a_line_see_nothing() -> None:
    line = np.column_stack([np.arange(20.0), np.arange(20.0)])
    assert not interpolate_depth(line, np.ones(20), SIZE).hit.any()
