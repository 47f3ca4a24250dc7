"""What moves by itself counts as a surface where it stands."""

import numpy as np
import pytest

from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.parallax.number import median_depth
from parascale.solve.depth.movers import find_movers, find_moving_tracks, insert_movers
from parascale.solve.depth.track_depth import GRID

SIZE = (640, 360)
# A walker in the middle of the picture, feet included.
LEFT, RIGHT, HEAD, FEET = 270, 370, 60, 300
HORIZON = 160


def ground_and_trees() -> DepthSamples:
    """Ground up to the horizon, 3 to 20 away, and trees at 30 above it."""
    grid = pixel_grid(SIZE, GRID)
    depth = np.where(grid[:, 1] > HORIZON + 40, 600 / np.maximum(grid[:, 1] - HORIZON, 1), 30.0)
    return DepthSamples(grid, depth, np.ones(len(grid), bool))


def inside(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).uniform([LEFT, HEAD], [RIGHT, FEET], (count, 2))


def beside(count: int = 300) -> np.ndarray:
    points = np.random.default_rng(1).uniform([0, 0], SIZE, (count, 2))
    within = (points > [LEFT, HEAD]).all(axis=1) & (points < [RIGHT, FEET]).all(axis=1)
    return points[~within]


def test_a_walker_stands_where_his_feet_are() -> None:
    scene = ground_and_trees()
    (walker,) = find_movers(inside(), beside(), SIZE)
    assert walker.mean() == pytest.approx((RIGHT - LEFT) * (FEET - HEAD) / (640 * 360), rel=0.3)
    depth = insert_movers(scene, [walker]).depth.reshape(GRID[::-1])
    assert np.unique(depth[walker]) == pytest.approx(600 / (FEET - HORIZON), rel=0.15)
    assert (depth[~walker] == scene.depth.reshape(GRID[::-1])[~walker]).all()


def test_he_moves_the_median_to_the_near_side() -> None:
    scene = ground_and_trees()
    hidden = insert_movers(scene, find_movers(inside(), beside(), SIZE))
    assert median_depth(hidden) < median_depth(scene)


def test_a_few_outliers_or_some_among_static_points_are_no_mover() -> None:
    assert find_movers(inside(6), beside(), SIZE) == []
    spread = np.random.default_rng(2).uniform([0, 0], SIZE, (60, 2))
    assert find_movers(spread, np.random.default_rng(3).uniform([0, 0], SIZE, (300, 2)), SIZE) == []


def test_two_apart_are_two() -> None:
    away = np.array([200, 0])
    both = np.concatenate([inside() - away, inside() + away])
    assert len(find_movers(both, beside()[:0], SIZE)) == 2


def test_a_track_moves_where_most_of_it_does_not_fit() -> None:
    seen = np.ones((10, 3), bool)
    seen[5:, 2] = False
    fits = np.zeros((10, 3), bool)
    fits[:8, 0], fits[:2, 1], fits[:4, 2] = True, True, True
    assert find_moving_tracks(fits, seen).tolist() == [False, True, False]
