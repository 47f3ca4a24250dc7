import numpy as np
import pytest

from parascale.camera.intrinsics import (
    focal_from_fov,
    fov_from_focal,
    normalise_pixels,
    projection,
    scale_intrinsics,
    unprojection,
)
from parascale.errors import InputError

LENS = np.array([500.0, 400.0, 320.0, 180.0])


def test_ninety_degrees_across_640_pixels_are_320_pixels_of_focal_length() -> None:
    assert focal_from_fov(np.pi / 2, 640) == pytest.approx(320)
    assert fov_from_focal(320, 640) == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("fov", [0.0, -1.0, np.pi, np.nan])
def test_impossible_fields_of_view_are_refused(fov: float) -> None:
    with pytest.raises(InputError, match="field of view"):
        focal_from_fov(fov, 640)


def test_a_resized_picture_shows_the_same_rays() -> None:
    half = scale_intrinsics(LENS, (640, 360), (320, 90))
    assert half.tolist() == [250, 100, 160, 45]
    assert np.allclose(normalise_pixels([100.0, 60.0], LENS), normalise_pixels([50.0, 15.0], half))


def test_the_principal_point_looks_straight_ahead() -> None:
    assert unprojection([320.0, 180.0], LENS).tolist() == [0, 0, 1]


def test_projection_undoes_unprojection() -> None:
    pixels = np.array([[0.5, 0.5], [639.5, 12.0]])
    assert np.allclose(projection(7 * unprojection(pixels, LENS), LENS), pixels)
    assert projection([1.0, -2.0, 4.0], LENS).tolist() == [445, -20]
