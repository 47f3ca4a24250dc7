import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.depth.estimate import Estimate
from parascale.errors import InputError


def test_metres_stay_metres() -> None:
    values = np.array([[1.5, 2.0], [0.0, np.nan]], np.float32)
    depth = Estimate(values, "metric").depth_map()
    np.testing.assert_array_equal(depth, [[1.5, 2.0], [np.inf, np.inf]])
    assert depth.dtype == np.float32


def test_relative_inverse_depth_is_turned_over_and_its_median_is_one() -> None:
    # Inverse depths 4, 2, 1 are depths 1/4, 1/2, 1; their median 1/2 becomes the unit, and 0 is the sky.
    depth = Estimate(np.array([[4.0, 2.0], [1.0, 0.0]], np.float32), "relative").depth_map()
    np.testing.assert_allclose(depth, [[0.5, 1.0], [2.0, np.inf]])


@settings(deadline=None)
@given(scale=st.floats(1e-3, 1e3))
def test_the_unknown_scale_of_a_relative_map_changes_nothing(scale: float) -> None:
    values = np.random.default_rng(1).uniform(0.1, 5, (6, 8))
    one = Estimate(values.astype(np.float32), "relative").depth_map()
    other = Estimate((scale * values).astype(np.float32), "relative").depth_map()
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("nothing", [0.0, -1.0, np.nan, np.inf])
def test_a_picture_without_a_surface_is_refused(nothing: float) -> None:
    with pytest.raises(InputError, match="sees no surface in this picture: try another model"):
        Estimate(np.full((4, 4), nothing, np.float32), "metric").depth_map()
