"""The depth of a reference by a model: dense, in the unit of the solved points, steady from frame to frame."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.depth.estimate import Estimate
from parascale.depth.models import load_estimator
from parascale.depth.reference_depth import sample_dense_depth, with_dense_depth, with_model_depth
from parascale.errors import Cancelled, InputError
from parascale.parallax.number import median_depth
from parascale.parallax.shot import Points, Shot
from parascale.solve import solve

SIZE = (64, 48)
LENS = np.array([60.0, 60.0, 32.0, 24.0])


class Known:
    """Stands in for a model: the depth that is known, as a model of a kind would give it."""

    name = "known"

    def __init__(self, depths: list[np.ndarray], kind: str = "metric", factors: object = 1.0, shift: float = 0.0):
        self.depths, self.kind, self.shift = iter(depths), kind, shift
        self.factors = iter(np.broadcast_to(factors, len(depths)))

    def estimate(self, image: np.ndarray) -> Estimate:
        depth, factor = next(self.depths), next(self.factors)
        values = factor / depth + self.shift if self.kind == "relative" else factor * depth
        return Estimate(values.astype(np.float32), self.kind)


def wall_and_floor(z: float) -> np.ndarray:
    """Depth seen from (0, 0, z): a wall at 6, and a floor 1 below the camera."""
    row = np.arange(SIZE[1]) + 0.5
    with np.errstate(divide="ignore"):
        floor = np.where(row > LENS[3], LENS[1] / (row - LENS[3]), np.inf)
    return np.minimum(6 - z, floor)[:, None] * np.ones(SIZE[0])


@pytest.fixture(scope="module")
def filmed() -> tuple[Shot, list[np.ndarray]]:
    """A dolly towards the wall, its unit 0.1 of the scene's, with points on what is seen; and the true depths."""
    z = np.linspace(0, 2, 9)
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 2, 3] = 10 * z
    random = np.random.default_rng(4)
    first = wall_and_floor(0.0)
    x, y = random.integers(0, SIZE[0], 300), random.integers(0, SIZE[1], 300)
    rays = np.c_[(x + 0.5 - LENS[2]) / LENS[0], (y + 0.5 - LENS[3]) / LENS[1], np.ones(300)]
    points = Points((10 * rays * first[y, x, None]).astype(np.float32), np.zeros((300, 3), np.uint8))
    path = Trajectory(poses, LENS, np.arange(9) / 24, *SIZE)
    return Shot("dolly", 24, path, np.full(9, 50.0), points=points), [wall_and_floor(step) for step in z]


def pictures(count: int = 9) -> list[np.ndarray]:
    return [np.zeros((SIZE[1], SIZE[0], 3), np.uint8)] * count


def dense_median_depth(*arguments: object, **how: object) -> np.ndarray:
    return np.array([median_depth(samples) for samples in sample_dense_depth(*arguments, **how)])


@pytest.mark.parametrize(
    ("kind", "factor", "shift"),
    [("metric", 1.0, 0), ("scaleless", 40.0, 0), ("relative", 1.0, 0), ("relative", 0.3, 0.7), ("relative", 9, -0.05)],
)
def test_the_points_give_scale_and_shift(filmed, kind, factor, shift) -> None:
    shot, depths = filmed
    found = dense_median_depth(pictures(), shot, Known(depths, kind, factor, shift))
    expected = [10 * np.median(depth) for depth in depths]
    # The grid of 64x36 does not sample every one of 48 rows.
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_a_scale_that_flickers_does_not_reach_the_depth(filmed) -> None:
    shot, depths = filmed
    factors = np.where(np.arange(9) % 2, 1.25, 0.8)
    steady = dense_median_depth(pictures(), shot, Known(depths))
    flickering = dense_median_depth(pictures(), shot, Known(depths, factors=factors))
    np.testing.assert_allclose(flickering, steady, rtol=0.01)


def test_the_shot_is_left_in_the_gauge_of_its_new_depth(filmed) -> None:
    shot, depths = filmed
    dense = with_dense_depth(pictures(), shot, Known(depths))
    assert dense.unit == "unit-depth"
    assert dense.median_depth[0] == 1
    assert dense.provenance["depth_model"] == "known"
    expected = 0.25 / np.array([np.median(depth) for depth in depths[:-1]])
    np.testing.assert_allclose(dense.parallax_number, expected, rtol=0.02)
    assert dense.felt_parallax is not None
    assert (dense.felt_parallax > 0).all()
    tracks = np.log(np.array([np.median(depth) for depth in depths]) * 10 / 50)
    assert dense.quality["dense_against_tracks"] == pytest.approx(np.median(np.abs(tracks)), abs=0.02)


def test_a_real_model_runs_the_whole_way(filmed, models, picture) -> None:
    shot, _ = filmed
    images = [cv2.resize(np.roll(picture, 2 * t, axis=1), SIZE) for t in range(9)]
    dense = with_dense_depth(images, shot, load_estimator(str(models["depth-anything-metric"])))
    assert np.isfinite(dense.median_depth).all()


def test_points_are_needed(filmed) -> None:
    shot, depths = filmed
    bare = Shot(shot.name, shot.fps, shot.trajectory, shot.median_depth)
    with pytest.raises(InputError, match="has no points to tell a depth model's scale by: solve the clip again"):
        dense_median_depth(pictures(), bare, Known(depths))


@pytest.mark.parametrize(("count", "sentence"), [(8, "8 pictures for the 9 frames"), (10, "more pictures than the 9")])
def test_pictures_that_are_not_the_shot_s_are_refused(filmed, count, sentence) -> None:
    shot, depths = filmed
    with pytest.raises(InputError, match=sentence):
        dense_median_depth(pictures(count), shot, Known([*depths, depths[-1]]))


def test_points_that_no_frame_shows_are_refused(filmed) -> None:
    shot, depths = filmed
    behind = Points(-shot.points.positions, shot.points.colours)
    blind = Shot(shot.name, shot.fps, shot.trajectory, shot.median_depth, points=behind)
    with pytest.raises(InputError, match="no frame of 'dolly' shows the points"):
        dense_median_depth(pictures(), blind, Known(depths))


def test_a_first_frame_without_surface_is_refused(filmed) -> None:
    shot, depths = filmed
    with pytest.raises(InputError, match="sees no surface in the first frame: start the shot later"):
        with_dense_depth(pictures(), shot, Known([np.full_like(depths[0], np.nan), *depths[1:]]))


def test_it_tells_how_far_it_is_and_stops_when_told(filmed) -> None:
    shot, depths = filmed
    told: list[float] = []
    dense_median_depth(pictures(), shot, Known(depths), progress=lambda share, _: told.append(share))
    assert told == pytest.approx([t / 9 for t in range(1, 10)])
    told.clear()
    with pytest.raises(Cancelled):
        dense_median_depth(
            pictures(), shot, Known(depths), progress=lambda share, _: told.append(share), cancelled=lambda: bool(told)
        )
    assert len(told) == 1


@pytest.fixture(scope="module")
def living_room(testdata: Path) -> tuple[Shot, list[np.ndarray], list[np.ndarray]]:
    """The living room solved from its pixels; its pictures; its true depths, NaN where none was measured."""
    folder, count = testdata / "icl_livingroom49", 25
    shot = solve(folder / "image", focal=525.0, end=count, threads=1)
    images = [cv2.imread(str(path))[..., ::-1] for path in sorted((folder / "image").iterdir())[:count]]
    stored = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((folder / "depth").iterdir())[:count]]
    return shot, images, [np.where(depth > 0, depth / 1000, np.nan) for depth in stored]


Room = tuple[Shot, list[np.ndarray], list[np.ndarray]]


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["metric", "relative"])
def test_dense_and_track_statistics_mean_the_same_depth(living_room: Room, kind: str) -> None:
    shot, images, depths = living_room
    dense = with_dense_depth(images, shot, Known(depths, kind, factors=2.5, shift=0.4))
    assert dense.quality["dense_against_tracks"] < 0.03
    # And the points' unit reaches the dense depth with less error than the tracks' own statistic has.
    true = np.array([np.nanmedian(depth) for depth in depths])
    ratio = np.log(dense.median_depth / true)
    assert np.abs(ratio - np.median(ratio)).max() < 0.015


@pytest.mark.realdata
@pytest.mark.slow
def test_solve_takes_the_pictures_of_its_own_frames(living_room: Room, testdata: Path) -> None:
    shot, images, depths = living_room
    # As `solve --start 3 --end 12` leaves it.
    path = Trajectory(
        shot.trajectory.camera_to_world[3:12], shot.trajectory.intrinsics[3:12], np.arange(9) / 24, 640, 480
    )
    part = replace(shot[3:12], trajectory=path)
    seen: list[np.ndarray] = []

    class Watching(Known):
        def estimate(self, image: np.ndarray) -> Estimate:
            seen.append(image)
            return super().estimate(image)

    told: list[float] = []
    folder = testdata / "icl_livingroom49" / "image"
    dense = with_model_depth(part, folder, Watching(depths[3:12]), lambda share, _: told.append(share))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(seen, images[3:12], strict=True))
    assert dense.unit == "unit-depth"
    assert dense.median_depth[0] == pytest.approx(1.0)
    assert told[-1] == 1.0
