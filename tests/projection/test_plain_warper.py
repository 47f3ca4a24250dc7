"""The warper without a compiler shows what the compiled one shows, at half its detail."""

import numpy as np
import pytest

from parascale.camera import View
from parascale.projection.plain_warper import PlainWarper
from parascale.projection.warper import Warper

SIZE = (160, 96)
LENS = np.array([150.0, 150.0, 80.0, 48.0])


def view(x: float = 0.0, z: float = 0.0) -> View:
    pose = np.eye(4)
    pose[:3, 3] = x, 0, z
    return View(pose, LENS, *SIZE)


@pytest.fixture
def photo() -> tuple[np.ndarray, np.ndarray]:
    """Smooth colours on a wall at depth 4, and on a pane before it at depth 2."""
    y, x = np.mgrid[0:96, 0:160].astype(float)
    image = np.stack([128 + 100 * np.sin(x / 17), 128 + 100 * np.cos(y / 13), 2 * y], axis=-1).astype(np.uint8)
    depth = np.full((96, 160), 4.0, np.float32)
    depth[30:70, 50:90] = 2.0
    return image, depth


def test_from_where_it_was_taken_it_is_the_picture_without_a_hole(photo: tuple[np.ndarray, np.ndarray]) -> None:
    image, depth = photo
    seen, holes = PlainWarper(image, depth, view(), [view()]).render(view())
    assert seen.shape == image.shape
    assert not holes.any()
    assert np.abs(seen.astype(int) - image.astype(int)).mean() < 2


@pytest.mark.parametrize(("x", "z"), [(0.2, 0.0), (-0.3, 0.1), (0.0, 0.5)])
def test_from_elsewhere_it_is_what_the_compiled_one_shows(
    photo: tuple[np.ndarray, np.ndarray], x: float, z: float
) -> None:
    image, depth = photo
    target = view(x, z)
    plain, plain_holes = PlainWarper(image, depth, view(), [target]).render(target)
    exact, exact_holes = Warper(image, depth, view(), [target]).render(target)
    both = ~(plain_holes | exact_holes)
    assert np.abs(plain.astype(int) - exact.astype(int))[both].mean() < 4
    assert abs(plain_holes.mean() - exact_holes.mean()) < 0.02


def test_unmeasured_pixels_and_other_sizes_are_taken(photo: tuple[np.ndarray, np.ndarray]) -> None:
    image, depth = photo
    depth[:10] = 0.0
    seen, holes = PlainWarper(image, depth[::3, ::3], view(), [view(0.1)]).render(view(0.1))
    assert seen.shape == image.shape
    assert holes[:6].mean() > 0.9
    assert holes[20:].mean() < 0.1
