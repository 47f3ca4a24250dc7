import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from parascale.errors import InputError
from parascale.projection.mesh import build_mesh, inverse_depth

DEPTHS = st.one_of(st.floats(0.1, 100.0), st.sampled_from([1.0, 1.02, 2.0, np.inf, np.nan, 0.0, -1.0]))


def vertices_per_corner(depth: np.ndarray) -> int:
    return len(build_mesh(inverse_depth(depth), depth.shape[::-1]).vertices)


def test_a_wall_is_one_sheet() -> None:
    assert vertices_per_corner(np.full((3, 4), 2.0)) == 4 * 5


def test_a_jump_splits_the_corners_along_it() -> None:
    depth = np.full((3, 4), 2.0)
    depth[:, 2:] = 1.0
    assert vertices_per_corner(depth) == 4 * 5 + 4


def test_a_gentle_slope_is_one_sheet() -> None:
    assert vertices_per_corner(np.tile(1.04 ** np.arange(6), (5, 1))) == 6 * 7


def test_a_single_near_pixel_floats_free() -> None:
    depth = np.full((3, 3), 2.0)
    depth[1, 1] = 1.0
    assert vertices_per_corner(depth) == 4 * 4 + 4


def test_diagonal_neighbours_alone_do_not_touch() -> None:
    depth = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert vertices_per_corner(depth) == 4 * 4


def test_corners_lie_at_the_mean_inverse_depth_of_their_own_surface() -> None:
    mesh = build_mesh(np.array([[1.0, 1.02], [1.04, 0.1]]), (2, 2))
    centre = mesh.vertices[(mesh.vertices[:, :2] == 1).all(axis=1), 2]
    np.testing.assert_allclose(np.sort(centre), [0.1, 1.02])


def test_sky_joins_sky_alone() -> None:
    assert len(build_mesh(np.zeros((2, 2)), (2, 2)).vertices) == 9
    # A jump down the middle doubles the three corners along it.
    assert vertices_per_corner(np.array([[np.inf, 9.0], [np.inf, 9.0]])) == 9 + 3


@given(arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=DEPTHS))
def test_every_measured_pixel_has_its_own_footprint(depth: np.ndarray) -> None:
    depth[0, 0] = 1.0
    measured = ~((depth <= 0) & np.isfinite(depth))
    mesh = build_mesh(inverse_depth(depth), depth.shape[::-1])
    row, column = np.nonzero(measured)
    corners = mesh.vertices[mesh.quads]
    steps = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    np.testing.assert_array_equal(corners[..., :2], np.stack([column, row], axis=-1)[:, None] + steps)
    assert np.isfinite(corners).all()


@given(arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=DEPTHS))
def test_corners_stay_within_the_depths_around_them(depth: np.ndarray) -> None:
    depth[0, 0] = 1.0
    inverse = inverse_depth(depth)
    mesh = build_mesh(inverse, depth.shape[::-1])
    own = inverse[~np.isnan(inverse)]
    corners = mesh.vertices[mesh.quads][..., 2]
    # Two steps along the ring of four pixels.
    assert (corners <= own[:, None] * 1.05**2 * (1 + 1e-12)).all()
    assert (corners * 1.05**2 * (1 + 1e-12) >= own[:, None]).all()


def test_a_blurred_edge_becomes_sharp() -> None:
    ramp = np.array([2.0, 2.0, 2.0, 2.0, 1.9, 1.7, 1.4, 1.15, 1.0, 1.0, 1.0, 1.0])
    sharp = 1 / inverse_depth(np.tile(ramp, (8, 1)))
    assert set(np.unique(sharp)) <= {1.0, 2.0}


def test_sharpening_leaves_slopes_and_steps_alone() -> None:
    slope = np.tile(1.04 ** np.arange(12), (8, 1))
    np.testing.assert_allclose(1 / inverse_depth(slope), slope)
    step = np.where(np.arange(12) < 5, 1.0, 3.0) * np.ones((8, 1))
    np.testing.assert_allclose(1 / inverse_depth(step), step)


@pytest.mark.parametrize(
    "depth",
    [np.zeros((4, 4)), np.full((4, 4), np.nan), np.full((4, 4), -1.0), np.ones(4), np.ones((0, 4)), np.ones((1, 4))],
)
def test_maps_without_a_surface_are_refused(depth: np.ndarray) -> None:
    with pytest.raises(InputError, match="depth map"):
        inverse_depth(depth)
