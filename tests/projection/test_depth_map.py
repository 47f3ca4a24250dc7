import subprocess
import sys

import numpy as np
import pytest
from numpy_warp import warp

from parascale.errors import InputError
from parascale.projection.depth_map import DepthMapSource


def ask(source, view, frame=0):
    return source(view.camera_to_world, view.intrinsics, view.size, frame)


def test_a_wall_is_as_far_as_it_is(camera) -> None:
    source = DepthMapSource(np.full((480, 832), 3.0), camera(832, 480))
    samples = ask(source, camera(832, 480, (0, 0, 1.5)))
    assert samples.hit.all()
    np.testing.assert_allclose(samples.depth, 1.5)
    assert samples.pixels.shape == (64 * 36, 2)


def test_the_front_hides_the_back_and_what_is_left_out_is_no_hit(camera) -> None:
    depth = np.full((480, 800), 3.0)
    depth[:, 300:500] = 1.0
    # Focal length 720: a step of 0.1 moves the box by 72 pixels and the wall by 24.
    source = DepthMapSource(depth, camera(800, 480), (100, 10), continued=False)
    samples = ask(source, camera(800, 480, (0.1, 0, 0)))
    x = samples.pixels[:, 0]
    box, hole = (x > 230) & (x < 426), ((x > 430) & (x < 474)) | (x > 778)
    assert samples.hit[box].all()
    np.testing.assert_allclose(samples.depth[box], 1.0)
    assert not samples.hit[hole].any()
    wall = (x < 226) | ((x > 478) & (x < 774))
    np.testing.assert_allclose(samples.depth[wall & samples.hit], 3.0)
    assert samples.hit[wall].all()


@pytest.mark.parametrize("nothing", [np.nan, np.inf, 0.0, -2.0])
def test_sky_and_unmeasured_are_no_hits(camera, nothing) -> None:
    depth = np.full((96, 160), 2.0)
    depth[:48] = nothing
    samples = ask(DepthMapSource(depth, camera(160, 96)), camera(160, 96))
    np.testing.assert_array_equal(samples.hit, samples.pixels[:, 1] > 48)


def test_nothing_in_view_is_an_answer(camera) -> None:
    samples = ask(DepthMapSource(np.ones((96, 160)), camera(160, 96)), camera(160, 96, turn=(0, 180, 0)))
    assert not samples.hit.any()
    assert np.isfinite(samples.depth).all()


def test_path_and_depth_share_one_gauge(camera) -> None:
    depth = np.tile(np.linspace(1, 4, 320), (180, 1))
    one = ask(DepthMapSource(depth, camera(320, 180)), camera(320, 180, (0.1, 0, 0.3)))
    ten = ask(DepthMapSource(10 * depth, camera(320, 180)), camera(320, 180, (1, 0, 3)))
    np.testing.assert_array_equal(one.hit, ten.hit)
    np.testing.assert_allclose(ten.depth, 10 * one.depth)


def test_a_map_without_a_surface_is_refused(camera) -> None:
    with pytest.raises(InputError, match="no positive depth"):
        DepthMapSource(np.full((10, 10), np.nan), camera(10, 10))


def test_numpy_alone_is_enough() -> None:
    code = "import parascale.projection.depth_map, sys; assert not {'numba', 'scipy', 'cv2', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.realdata
@pytest.mark.parametrize("frame", [5, 25, 48])
def test_median_depth_agrees_with_the_whole_map(living_room, frame) -> None:
    image, depth, source = living_room(0)
    target = living_room(frame)[2]
    samples = ask(DepthMapSource(depth, source, continued=False), target)
    dense = np.nanmedian(warp(image, depth, source, target).depth)
    assert abs(np.log(np.median(samples.depth[samples.hit]) / dense)) < 0.01
