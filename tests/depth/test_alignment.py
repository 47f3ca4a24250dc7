import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.depth.alignment import Fit, align_depth, fit_scale, fit_scale_shift, steady_fits

SEEDS = st.integers(0, 2**32 - 1)


def depths(seed: int, count: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.8, 12.0, count)


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, scale=st.floats(1e-3, 1e3))
def test_a_scale_is_found_whatever_it_is(seed: int, scale: float) -> None:
    depth = depths(seed)
    assert fit_scale(depth / scale, depth).parameters[0] == pytest.approx(np.log(scale), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, scale=st.floats(0.01, 100), shift=st.floats(-1, 3))
def test_scale_and_shift_are_found_whatever_they_are(seed: int, scale: float, shift: float) -> None:
    depth = depths(seed)
    fit = fit_scale_shift((1 / depth - shift) / scale, depth)
    assert fit is not None
    assert fit.parameters[0] == pytest.approx(np.log(scale), abs=1e-6)
    assert fit.parameters[1] * scale == pytest.approx(shift, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_a_fifth_of_the_points_hidden_behind_the_surface_moves_little(seed: int) -> None:
    random = np.random.default_rng(seed)
    depth = depths(seed)
    value = depth / 2.5
    behind = random.random(len(depth)) < 0.2
    seen = np.where(behind, depth * random.uniform(1.3, 4.0, len(depth)), depth)
    assert fit_scale(value, seen).parameters[0] == pytest.approx(np.log(2.5), abs=0.01)
    fit = fit_scale_shift((1 / depth - 0.2) / 3, seen)
    assert fit is not None
    found = align_depth(((1 / depth - 0.2) / 3).astype(np.float32)[None], fit.parameters)[0]
    np.testing.assert_allclose(found, depth, rtol=0.03)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, scale=st.floats(0.1, 10), factor=st.floats(0.01, 100))
def test_the_unit_of_the_points_is_the_unit_of_the_map(seed: int, scale: float, factor: float) -> None:
    depth = depths(seed)
    values = (1 / depth + 0.1) / scale
    one, other = fit_scale_shift(values, depth), fit_scale_shift(values, factor * depth)
    assert one is not None
    assert other is not None
    flat = values.astype(np.float32)[None]
    np.testing.assert_allclose(
        align_depth(flat, other.parameters), factor * align_depth(flat, one.parameters), rtol=1e-4
    )


def test_the_stated_error_is_the_spread_of_the_answers() -> None:
    random = np.random.default_rng(5)
    fits = []
    for _ in range(300):
        depth = random.uniform(1, 8, 200)
        fits.append(fit_scale(depth * np.exp(random.normal(0, 0.1, 200)), depth))
    spread = np.std([fit.parameters[0] for fit in fits])
    assert np.mean([fit.deviation[0] for fit in fits]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("values", [np.full(50, 2.0), 3 - 1 / np.linspace(1, 5, 50)])
def test_a_map_that_does_not_tell_near_from_far_has_no_fit(values: np.ndarray) -> None:
    # All alike; or nearer where the points are farther.
    assert fit_scale_shift(values, np.linspace(1, 5, 50)) is None


def test_what_has_no_depth_stays_without() -> None:
    values = np.array([[2.0, 0.0, -1.0, np.nan, np.inf]], np.float32)
    np.testing.assert_allclose(align_depth(values, np.array([np.log(3.0)])), [[6, np.inf, np.inf, np.inf, np.inf]])
    # Inverse depth (v + 1) * 2: 0 + 1 is a surface, -1 + 1 is infinitely far.
    np.testing.assert_allclose(
        align_depth(values, np.array([np.log(2.0), 1.0])), [[1 / 6, 0.5, np.inf, np.inf, np.inf]]
    )


def test_noise_of_the_points_is_smoothed_away() -> None:
    random = np.random.default_rng(2)
    noisy = random.normal(0, 0.02, 60)
    steady = steady_fits([Fit(np.array([value]), np.array([0.02])) for value in noisy])
    assert np.std(np.ravel(steady)) < 0.6 * np.std(noisy)


def test_a_model_that_flickers_keeps_its_flicker() -> None:
    # Its maps flicker alike: taking the mean would put the flicker into the depth.
    flicker = np.where(np.arange(40) % 2, 0.3, -0.3)
    steady = steady_fits([Fit(np.array([value]), np.array([0.005])) for value in flicker])
    np.testing.assert_allclose(np.ravel(steady), flicker, atol=0.01)


def test_frames_without_a_fit_take_their_neighbour_s() -> None:
    fit = Fit(np.array([1.0]), np.array([0.1]))
    far = Fit(np.array([1.0]), np.array([0.1]))
    found = steady_fits([None, fit, None, None, far, None])
    assert [float(value[0]) for value in found if value is not None] == [1.0] * 6
    assert steady_fits([None, None]) == [None, None]
