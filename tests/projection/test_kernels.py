import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.projection import kernels, numpy_renderer
from parascale.projection.mesh import build_mesh, inverse_depth


def rasterise(mesh, source, target):
    """Inverse depth in the target, and for every pixel x, y and inverse depth in the source."""
    vertices = np.ascontiguousarray(mesh.vertices.T)
    screen = np.empty_like(vertices)
    seen = np.full((target.height, target.width), -1, np.float32)
    kernels.project(vertices, *numpy_renderer.plane_transfer(source, target), screen)
    kernels.rasterise(mesh.quads, screen, seen)
    origins = np.empty((target.height, 3, target.width), np.float32)
    for row in range(target.height):
        kernels.origins_of(row, seen[row], *numpy_renderer.plane_transfer(target, source), origins[row])
    return seen, np.moveaxis(origins, 1, 2)


def assert_same(mesh, source, target) -> None:
    seen, place = rasterise(mesh, source, target)
    hits = numpy_renderer.rasterise(mesh, source, target, target.size)
    np.testing.assert_array_equal(seen < 0, hits.inverse_depth < 0)
    np.testing.assert_allclose(seen, hits.inverse_depth, rtol=1e-6, atol=1e-12)
    drawn = seen >= 0
    np.testing.assert_allclose(place[drawn, 0], hits.x[drawn], atol=1e-3)
    np.testing.assert_allclose(place[drawn, 1], hits.y[drawn], atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_holes_agree_with_the_reference_to_the_pixel(camera, seed) -> None:
    random = np.random.default_rng(seed)
    depth = random.choice([1.0, 1.03, 2.5, np.inf], (40, 60)) * random.uniform(0.99, 1.01, (40, 60))
    target = camera(75, 50, random.uniform(-0.3, 0.3, 3), random.uniform(-10, 10, 3))
    assert_same(build_mesh(inverse_depth(depth), (60, 40)), camera(60, 40), target)


@pytest.mark.realdata
@pytest.mark.parametrize("frame", [15, 48])
def test_holes_of_a_real_room_agree_to_the_pixel(living_room, frame) -> None:
    _, depth, source = living_room(0)
    assert_same(build_mesh(inverse_depth(depth), source.size), source, living_room(frame)[2])


def test_growth_takes_the_closest_surface_behind() -> None:
    inverse = 1 / np.array([[4.0, 1.0, 1.0, 1.0, 1.0, 2.0]])
    assert kernels.grow(inverse, 1.05).tolist() == [[0, 0, 0, 5, 5, 5]]


def test_growth_enters_the_unknown_and_nothing_else_when_told() -> None:
    inverse = np.array([[1.0, np.nan, np.nan, 0.5, 0.1]])
    assert kernels.grow(inverse, np.inf).tolist() == [[0, 0, 3, 3, -1]]


def test_cleaned_edges_carry_no_colour_of_the_near_side() -> None:
    depth = np.where(np.arange(20) < 10, 3.0, 1.0) * np.ones((10, 1))
    image = np.where(np.arange(20)[:, None] < 10, [0, 0, 200], [200, 0, 0]) * np.ones((10, 1, 1))
    image[:, 9] = [100, 0, 100]
    cleaned = kernels.clean_edges(image.astype(np.uint8), 1 / depth, 2)
    assert (cleaned[:, :10] == [0, 0, 200]).all()
    assert (cleaned[:, 10:] == [200, 0, 0]).all()
