import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.projection import kernels, reference
from parascale.projection.grid import build_grid
from parascale.projection.mesh import build_mesh, inverse_depth


def assert_same(inverse, source, target) -> None:
    seen = np.full((target.height, target.width), -1, np.float32)
    place = np.zeros((target.height, target.width, 3), np.float32)
    transfer, everywhere = reference.plane_transfer(source, target), kernels.tiles(*seen.shape, True)
    build_grid(inverse, source.size).draw(*transfer, everywhere, seen, place)
    hits = reference.rasterise(build_mesh(inverse, source.size), source, target, target.size)
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
    assert_same(inverse_depth(depth), camera(60, 40), target)


@pytest.mark.realdata
@pytest.mark.parametrize("frame", [15, 48])
def test_holes_of_a_real_room_agree_to_the_pixel(living_room, frame) -> None:
    _, depth, source = living_room(0)
    assert_same(inverse_depth(depth), source, living_room(frame)[2])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.sampled_from([1.05, None]))
def test_cells_are_the_quads_of_the_mesh(seed, cut) -> None:
    random = np.random.default_rng(seed)
    inverse = random.choice([1.0, 1.04, 0.98, 0.5, 0.0, np.nan], random.integers(2, 9, 2))
    grid = build_grid(inverse, (30.0, 20.0), np.inf if cut is None else cut)
    mesh = build_mesh(inverse, (30.0, 20.0), cut)
    depths = np.stack(
        [grid.corners[:-1, :-1], grid.corners[:-1, 1:], grid.corners[1:, 1:], grid.corners[1:, :-1]], axis=-1
    )
    depths[tuple(grid.cells.T)] = grid.depths
    there = grid.whole.copy()
    there[tuple(grid.cells.T)] = True
    np.testing.assert_array_equal(there, ~np.isnan(inverse))
    np.testing.assert_array_equal(depths[there], mesh.vertices[:, 2][mesh.quads])
    column, row = np.meshgrid(np.arange(inverse.shape[1]), np.arange(inverse.shape[0]))
    np.testing.assert_array_equal(grid.frame[0] + grid.frame[2] * column[there], mesh.vertices[mesh.quads[:, 0], 0])
    np.testing.assert_array_equal(grid.frame[1] + grid.frame[3] * row[there], mesh.vertices[mesh.quads[:, 0], 1])
