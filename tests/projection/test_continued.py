"""What a map does not show is continued from what it does: behind what is near, and beyond the border."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.projection import kernels
from parascale.projection.continued import BEHIND_RATIO, MARGIN, continued_surface, grow
from parascale.projection.depth_map import DepthMapSource


def ask(source, view):
    return source(view.camera_to_world, view.intrinsics, view.size, 0)


def wall_and_box() -> np.ndarray:
    """A wall at 3 with a box at 1 before its middle."""
    depth = np.full((480, 800), 3.0)
    depth[:, 300:500] = 1.0
    return depth


def test_the_wall_goes_on_behind_the_box_and_beyond_the_border(camera) -> None:
    # Focal length 720: a step of 0.1 moves the box by 72 pixels and the wall by 24.
    samples = ask(DepthMapSource(wall_and_box(), camera(800, 480), (100, 10)), camera(800, 480, (0.1, 0, 0)))
    x = samples.pixels[:, 0]
    uncovered = ((x > 430) & (x < 474)) | (x > 778)
    assert samples.hit.all()
    np.testing.assert_allclose(samples.depth[uncovered], 3 * BEHIND_RATIO, rtol=1e-6)
    np.testing.assert_allclose(samples.depth[(x > 230) & (x < 426)], 1.0)


def test_nothing_is_added_to_what_the_map_shows(camera) -> None:
    depth = np.tile(np.linspace(1, 4, 320), (180, 1))
    alone, whole = (DepthMapSource(depth, camera(320, 180), continued=flag) for flag in (False, True))
    for view in (camera(320, 180), camera(320, 180, (0, 0, 0.4))):
        np.testing.assert_array_equal(ask(whole, view).depth, ask(alone, view).depth)


@pytest.mark.parametrize("nothing", [np.nan, np.inf, 0.0])
def test_sky_and_unmeasured_stay_without_a_surface(camera, nothing) -> None:
    depth = np.full((96, 160), 2.0)
    depth[:48] = nothing
    samples = ask(DepthMapSource(depth, camera(160, 96)), camera(160, 96))
    np.testing.assert_array_equal(samples.hit, samples.pixels[:, 1] > 48)


def test_sky_goes_on_beyond_the_border(camera) -> None:
    depth = np.full((96, 160), 2.0)
    depth[:48] = np.inf
    # Looking up: what comes into view above is sky, not the ground's depth.
    samples = ask(DepthMapSource(depth, camera(160, 96)), camera(160, 96, turn=(15, 0, 0)))
    assert not samples.hit[samples.pixels[:, 1] < 48].any()


def test_it_reaches_a_picture_further_on_every_side() -> None:
    vertices = continued_surface(1 / wall_and_box(), (800, 480)).mesh.vertices
    assert vertices[:, 0].min() == pytest.approx(-800 * MARGIN)
    assert vertices[:, 0].max() == pytest.approx(800 * (1 + MARGIN))
    assert vertices[:, 1].min() == pytest.approx(-480 * MARGIN)
    assert vertices[:, 1].max() == pytest.approx(480 * (1 + MARGIN))


def test_every_quad_names_a_pixel_that_shows_its_surface() -> None:
    found = continued_surface(1 / wall_and_box(), (800, 480))
    assert len(found.origins) == len(found.mesh.quads)
    x, y = found.origins.T
    assert ((x > 0) & (x < 800) & (y > 0) & (y < 480)).all()
    # Behind the box it is the wall beside it.
    middle = found.mesh.vertices[found.mesh.quads].mean(axis=1)
    behind = (np.abs(middle[:, 0] - 400) < 80) & (np.abs(middle[:, 1] - 240) < 200)
    assert behind.any()
    np.testing.assert_allclose(1 / middle[behind, 2], 3 * BEHIND_RATIO, rtol=1e-6)
    assert ((x[behind] < 300) | (x[behind] > 500)).all()


def test_growth_takes_the_closest_surface_behind() -> None:
    inverse = 1 / np.array([[4.0, 1.0, 1.0, 1.0, 1.0, 2.0]])
    assert grow(inverse, 1.05).tolist() == [[0, 0, 0, 5, 5, 5]]
    assert grow(np.array([[1.0, np.nan, np.nan, 0.5, 0.1]]), np.inf).tolist() == [[0, 0, 3, 3, -1]]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_growth_reaches_as_far_as_the_preview_s(seed) -> None:
    random = np.random.default_rng(seed)
    inverse = random.choice([1.0, 0.99, 0.5, 0.2, 0.0, np.nan], (12, 17))
    ours, theirs = grow(inverse, 1.05), kernels.grow(inverse, 1.05)
    # Which of two equally close cells is continued is a matter of order.
    sources = theirs == np.arange(theirs.size).reshape(theirs.shape)
    np.testing.assert_array_equal(ours == np.arange(ours.size).reshape(ours.shape), sources)
    assert np.mean((ours >= 0) == (theirs >= 0)) > 0.95


def test_path_and_depth_share_one_gauge(camera) -> None:
    one = ask(DepthMapSource(wall_and_box(), camera(800, 480)), camera(800, 480, (0.2, 0, 0)))
    ten = ask(DepthMapSource(10 * wall_and_box(), camera(800, 480)), camera(800, 480, (2, 0, 0)))
    np.testing.assert_allclose(ten.depth, 10 * one.depth)
