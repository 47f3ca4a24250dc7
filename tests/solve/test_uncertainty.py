"""The error of P: its parts by hand, and its coverage where the truth is known."""

from typing import Any

import numpy as np
import pytest

from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.solve import solve
from parascale.solve.depth.statistic_error import estimate_area_error, relative_depth_error
from parascale.solve.depth.track_depth import GRID, interpolate_depth
from parascale.solve.uncertainty import MIN_SENSITIVITY, START_FACTORS, estimate_parallax_sigma
from parascale.types import Array

SIZE = (480, 270)
NO_SKY = np.zeros(GRID[::-1], bool)


def samples(depth: Array) -> DepthSamples:
    return DepthSamples(pixel_grid(SIZE, GRID), depth, np.ones(len(depth), bool))


def test_the_parts_add_as_independent_ones() -> None:
    sigma = estimate_parallax_sigma(np.full(4, 0.1), np.full(4, 0.003), np.full(4, 0.04), 0.0, np.ones(4))
    assert sigma[3] == pytest.approx(0.005)
    np.testing.assert_allclose(sigma[:2], np.hypot(0.003 * START_FACTORS, 0.004))
    lens = estimate_parallax_sigma(np.full(4, 0.1), np.zeros(4), np.zeros(4), 0.35, np.array([0, 0.5, 1, 1]))
    np.testing.assert_allclose(lens, 0.035 * np.array([MIN_SENSITIVITY, 0.5, 1, 1]))
    assert np.isnan(estimate_parallax_sigma(np.full(4, 0.1), np.full(4, np.inf), np.zeros(4), 0, np.ones(4))).all()


def test_on_a_wall_the_median_is_certain_and_between_two_surfaces_it_is_not() -> None:
    count = GRID[0] * GRID[1]
    assert relative_depth_error(samples(np.full(count, 4.0)), 0.01) == 0
    near = np.where(np.arange(count) < 0.51 * count, 4.0, 8.0)
    assert relative_depth_error(samples(near), 0.01) == pytest.approx((1 - 4 / 8) / 3)
    assert relative_depth_error(samples(near), 0.002) == 0


def scattered(count: int) -> tuple[Array, Array]:
    """Points of a picture of two walls, the nearer one a disc that covers a little less than half of it."""
    pixels = np.random.default_rng(5).uniform(0, SIZE, (count, 2))
    return pixels, np.where(np.linalg.norm(pixels - [240, 135], axis=1) < 140, 3.0, 9.0)


def test_fewer_tracks_make_a_larger_error_of_the_area() -> None:
    found = []
    for count in (1600, 400, 100):
        pixels, depth = scattered(count)
        half = np.random.default_rng(0).random(count) < 0.5
        whole = interpolate_depth(pixels, depth, SIZE)
        found.append(estimate_area_error([(pixels, depth)], [half], [whole], SIZE, [NO_SKY]))
    assert 0 < found[0] < found[1] < found[2] < 0.2


def test_a_frame_without_surface_has_no_error() -> None:
    nothing = DepthSamples(pixel_grid(SIZE, GRID), np.ones(96 * 54), np.zeros(96 * 54, bool))
    empty = np.empty((0, 2)), np.empty(0)
    assert np.isnan(estimate_area_error([empty], [np.zeros(0, bool)], [nothing], SIZE, [NO_SKY]))
    assert np.isnan(relative_depth_error(nothing, 0.01))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scene", "kind", "known"),
    [("street", "crane", True), ("courtyard", "truck", True), ("street", "truck", False), ("street", "arc", False)],
)
def test_p_lies_within_three_sigma(clips: Any, courtyard: Any, street: Any, scene: str, kind: str, known: bool) -> None:
    # More clips, and how large the error is: tests/benchmarks/bench_sigma.py.
    clip = clips(kind, camera=street if scene == "street" else courtyard)
    shot = solve(clip.path, focal=400.0 if known else None, threads=2)
    steps = np.linalg.norm(np.diff(clip.camera_to_world[:, :3, 3], axis=0), axis=1)
    assert shot.parallax_sigma is not None
    assert (np.abs(shot.parallax_number - steps / clip.median_depth[:-1]) <= 3 * shot.parallax_sigma).all()
    assert np.median(shot.parallax_sigma / shot.parallax_number) < (0.12 if known or kind == "arc" else 0.4)


@pytest.mark.slow
def test_an_unknown_lens_is_in_the_error_of_a_truck_and_not_of_a_dolly(clips: Any, street: Any) -> None:
    truck, dolly = (solve(clips(kind, camera=street).path, threads=2) for kind in ("truck", "dolly-in"))
    assert truck.quality["parallax_error"] > 0.2
    assert dolly.quality["parallax_error"] < 0.05
