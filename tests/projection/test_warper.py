from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from numpy_warp import warp

from parascale.errors import InputError
from parascale.projection.warper import Warper

BLUE, RED = np.array([20, 40, 200], np.uint8), np.array([220, 30, 10], np.uint8)


@pytest.fixture
def box() -> tuple[np.ndarray, np.ndarray]:
    """A red box at 1 before a blue wall at 3, their border antialiased: picture and depth map, 160 x 96."""
    image, depth = np.empty((96, 160, 3), np.uint8), np.full((96, 160), 3.0)
    image[:] = BLUE
    image[30:66, 60:100] = RED
    image[29:67, [59, 100]] = image[[29, 66], 59:101] = (RED.astype(int) + BLUE) // 2
    depth[30:66, 60:100] = 1.0
    return image, depth


def textured(width: int, height: int) -> np.ndarray:
    noise = np.random.default_rng(3).uniform(0, 255, (height, width, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.5), None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)


def test_its_own_camera_sees_the_picture_again(camera) -> None:
    image = textured(160, 96)
    depth = np.tile(np.linspace(1, 3, 160), (96, 1))
    seen, holes = Warper(image, depth, camera(160, 96), [camera(160, 96)]).render(camera(160, 96))
    assert not holes.any()
    np.testing.assert_array_equal(seen, image)


def test_holes_are_those_of_the_reference(camera, box) -> None:
    target = camera(160, 96, (0.15, 0.05, 0.1), (1, 2, 3))
    _, holes = Warper(*box, camera(160, 96), [target]).render(target)
    np.testing.assert_array_equal(holes, warp(*box, camera(160, 96), target).holes)


def test_seen_pixels_are_those_of_the_reference(camera) -> None:
    image, depth = textured(160, 96), np.tile(np.linspace(2, 3, 160), (96, 1))
    target = camera(160, 96, (0.15, 0.05, 0.1), (1, 2, 3))
    seen, holes = Warper(image, depth, camera(160, 96), [target]).render(target)
    expected = warp(image, depth, camera(160, 96), target).image
    assert np.abs(seen.astype(int) - expected)[~holes].max() <= 1


@pytest.mark.parametrize("centre", [(0.2, 0, 0), (-0.2, 0.1, 0), (0.2, 0, 0.3), (0, 0, -1), (0.8, 0, 0)])
def test_holes_are_filled_from_behind_and_never_from_the_front(camera, box, centre) -> None:
    target = camera(160, 96, centre)
    seen, holes = Warper(*box, camera(160, 96), [target]).render(target)
    assert holes.any()
    np.testing.assert_array_equal(seen[holes], np.broadcast_to(BLUE, seen[holes].shape))


def test_filled_holes_stand_still_in_the_world(camera) -> None:
    # Before a wall at 3, whose texture moves by focal * step / 3 = 144 * 0.0625 / 3 = 3 pixels a step, a box at 1.
    image, depth = textured(160, 96), np.full((96, 160), 3.0)
    depth[30:66, 60:100] = 1.0
    targets = [camera(160, 96, (0.0625 * step, 0, 0)) for step in (3, 4)]
    warper = Warper(image, depth, camera(160, 96), targets)
    (first, hole), (second, later) = (warper.render(target) for target in targets)
    both = hole[:, 3:] & later[:, :-3]
    both[:, 140:] = False
    assert both.sum() > 300
    # Filled at half the resolution, and three pixels are no whole number of those.
    moved = np.abs(first[:, 3:].astype(int) - second[:, :-3])[both]
    assert moved.mean() < 1
    assert moved.max() <= 2


def test_the_sky_fills_what_the_foreground_uncovers(camera) -> None:
    image, depth = np.full((96, 160, 3), 250, np.uint8), np.full((96, 160), np.inf)
    image[40:, 60:100], depth[40:, 60:100] = 10, 1.0
    target = camera(160, 96, (0.3, 0, 0))
    seen, holes = Warper(image, depth, camera(160, 96), [target]).render(target)
    assert holes.any()
    assert (seen[holes] == 250).all()


def test_unmeasured_pixels_take_the_depth_around_them(camera) -> None:
    image, depth = textured(160, 96), np.full((96, 160), 2.0)
    whole = Warper(image, depth, camera(160, 96), []).render(camera(160, 96, (0.1, 0, 0)))
    depth[20:40, 30:50] = 0.0
    patched = Warper(image, depth, camera(160, 96), []).render(camera(160, 96, (0.1, 0, 0)))
    np.testing.assert_array_equal(whole[0], patched[0])
    np.testing.assert_array_equal(whole[1], patched[1])


@pytest.mark.parametrize("size", [(80, 48), (320, 192), (107, 64)])
def test_a_depth_map_of_another_resolution_serves(camera, size) -> None:
    image, target = textured(160, 96), camera(160, 96, (0.1, 0.05, 0.2))
    columns, rows = (np.arange(size[0]) + 0.5) / size[0], (np.arange(size[1]) + 0.5) / size[1]
    plane = 1 / (0.3 + 0.1 * columns + 0.1 * rows[:, None])
    full = 1 / (0.3 + 0.1 * (np.arange(160) + 0.5) / 160 + 0.1 * (np.arange(96)[:, None] + 0.5) / 96)
    expected, holes = Warper(image, full, camera(160, 96), [target]).render(target)
    seen, _ = Warper(image, plane, camera(160, 96), [target]).render(target)
    inner = np.zeros_like(holes)
    inner[5:-5, 5:-5] = ~holes[5:-5, 5:-5]
    assert np.abs(seen.astype(int) - expected)[inner].max() <= 2


def test_a_camera_that_turned_round_still_gets_a_picture(camera, box) -> None:
    seen, holes = Warper(*box, camera(160, 96), []).render(camera(160, 96, (0, 0, 0), (0, 180, 0)))
    assert holes.all()
    assert seen.shape == (96, 160, 3)


def test_threads_change_nothing(camera, box) -> None:
    targets = [camera(160, 96, (0.02 * step, 0, 0.03 * step)) for step in range(12)]
    warper = Warper(*box, camera(160, 96), targets)
    alone = [warper.render(target) for target in targets]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(warper.render, targets))
    for (image, holes), (other, others) in zip(alone, together, strict=True):
        np.testing.assert_array_equal(image, other)
        np.testing.assert_array_equal(holes, others)


def test_a_map_without_a_surface_is_refused(camera, box) -> None:
    with pytest.raises(InputError, match="no positive depth"):
        Warper(box[0], np.zeros((96, 160)), camera(160, 96), [])
