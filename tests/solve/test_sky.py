"""Sky counts as nothing, and what only looks like it as what it is."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.camera.alignment import align_similarity
from parascale.solve import solve
from parascale.solve.depth.sky import (
    VOTING_WINDOW,
    SkyCandidates,
    detect_sky,
    find_distant_sky,
    find_sky_candidates,
)
from parascale.solve.depth.skyline import find_skyline
from parascale.solve.depth.track_depth import GRID

SIZE = (640, 360)
COLUMNS, ROWS = GRID
# Above this row of pixels the pictures here are even.
EDGE = 120


def picture(clouds: float = 0.0) -> np.ndarray:
    """Textured below, even above but for ``clouds`` grey levels."""
    rng = np.random.default_rng(1)
    grey = cv2.GaussianBlur(rng.uniform(0, 255, (360, 640)), (0, 0), 2)
    grey = 128 + (grey - grey.mean()) * 50 / grey.std()
    soft = cv2.GaussianBlur(rng.uniform(0, 1, (360, 640)), (0, 0), 12)
    grey[:EDGE] = 200 + clouds * (soft[:EDGE] - soft[:EDGE].mean()) / np.ptp(soft[:EDGE])
    return grey.clip(0, 255).astype(np.uint8)


def tracks(count: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([0, EDGE + 5], SIZE, (count, 2))


def anyhow(pixels: np.ndarray) -> np.ndarray:
    """Depths of a skyline: as they come."""
    return np.random.default_rng(2).uniform(5, 60, len(pixels))


def on_a_plane(pixels: np.ndarray) -> np.ndarray:
    """Depths of one surface: inverse depth is linear."""
    return 1 / (0.02 + pixels @ [1e-4, 2e-4])


def found(grey: np.ndarray, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
    return detect_sky([find_sky_candidates(grey, pixels, depth, SIZE)])[0]


def test_what_is_even_above_a_skyline_is_sky_up_to_its_edge() -> None:
    pixels = tracks()
    sky = found(picture(), pixels, anyhow(pixels))
    edge = EDGE * ROWS // SIZE[1]
    assert sky[: edge - 1].all()
    assert not sky[edge + 1 :].any()


def test_a_ceiling_is_none() -> None:
    pixels = tracks()
    assert not found(picture(), pixels, on_a_plane(pixels)).any()


def test_a_ceiling_half_hidden_by_what_stands_before_it_is_none() -> None:
    pixels = tracks()
    depth = on_a_plane(pixels)
    depth[::3] = np.minimum(depth, anyhow(pixels))[::3]
    assert not found(picture(), pixels, depth).any()


def test_above_the_horizon_of_a_plain_there_is_sky() -> None:
    pixels = tracks()
    # The ground's own plane, infinitely far at the edge.
    assert found(picture(), pixels, 100 / (pixels[:, 1] - EDGE))[: EDGE * ROWS // SIZE[1] - 1].all()


def test_a_bare_rim_tells_nothing() -> None:
    pixels = tracks() * [1, 0.3] + [0, 250]
    assert not found(picture(), pixels, anyhow(pixels)).any()
    assert not found(picture(), pixels[:3], anyhow(pixels[:3])).any()
    assert not found(picture(), pixels[:0], np.empty(0)).any()


def test_where_something_is_tracked_there_is_no_sky() -> None:
    pixels = np.vstack([tracks(), [[320.0, 40.0]]])
    assert not found(picture(), pixels, anyhow(pixels)).any()


def test_a_floor_is_none() -> None:
    # Upside down: even below.
    pixels = SIZE - tracks()
    assert not found(picture()[::-1].copy(), pixels, anyhow(pixels)).any()


def test_faint_clouds_do_not_matter() -> None:
    pixels = tracks()
    assert found(picture(clouds=15), pixels, anyhow(pixels))[: EDGE * ROWS // SIZE[1] - 2].mean() > 0.9


def test_a_picture_of_any_size_serves() -> None:
    pixels = tracks()
    small = cv2.resize(picture(), (320, 180), interpolation=cv2.INTER_AREA)
    assert found(small, pixels, anyhow(pixels))[:10].mean() > 0.9


def opening(vote: float) -> SkyCandidates:
    cells = np.zeros((ROWS, COLUMNS), bool)
    cells[:10] = True
    return SkyCandidates(cells, np.where(cells, np.float32(vote), np.float32(0)))


def test_frames_decide_together() -> None:
    # One that takes it for a wall, and one that cannot tell, among many that see sky.
    votes = [1.0] * 30
    votes[10], votes[20] = -1.0, 0.0
    sky = detect_sky([opening(vote) for vote in votes])
    assert sky[:, :10].all()
    # And the other way round.
    assert not detect_sky([opening(-vote) for vote in votes]).any()


def test_far_in_time_each_decides_for_itself() -> None:
    sky = detect_sky([opening(vote) for vote in [1.0] * 2 * VOTING_WINDOW + [-1.0] * 2 * VOTING_WINDOW])
    assert sky[0, :10].all()
    assert not sky[-1].any()


def test_nobody_s_vote_is_no_sky() -> None:
    assert not detect_sky([opening(0.0)] * 3).any()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["truck", "dolly-in", "arc"])
def test_the_depth_under_an_open_sky_is_that_of_the_houses(rendered: Any, tmp_path: Path, kind: str) -> None:
    camera = rendered.Camera(rendered.skyline(), (480, 270), 400.0)
    clip = rendered.film(tmp_path / "clip.mp4", camera, rendered.move(kind, 24, 0.6))
    shot = solve(clip.path, intrinsics=clip.intrinsics, threads=2)
    fit = align_similarity(shot.trajectory.centres, clip.camera_to_world[:, :3, 3])
    error = np.log(fit.scale * shot.median_depth / clip.median_depth)
    # With what the tracks span of the sky it would be 0.07 to 0.11.
    assert np.abs(error).mean() < 0.03


def test_a_skyline_is_found_under_clouds(rendered: Any) -> None:
    camera, pose = rendered.Camera(rendered.landscape(), (480, 270), 400.0), np.eye(4)
    grey, depth = camera.picture(pose)
    sky = ~np.isfinite(depth)
    x, y = np.meshgrid(np.arange(480) + 0.5 - 240, np.arange(270) + 0.5 - 135)
    shown = rendered.clouds()(0, x / 400, y / 400)
    grey[sky] = (shown[sky, None] * [0.95, 0.97, 1.0] * 255).astype(np.uint8)
    truth = cv2.resize(sky.astype(np.float32), GRID, interpolation=cv2.INTER_AREA) > 0.5
    nothing = np.zeros((ROWS, COLUMNS))
    found = find_skyline(grey, nothing, nothing)
    assert (found & truth).sum() > 0.9 * (found | truth).sum()
    # Where tracks say that all of it is near, as before a wall, there is none.
    assert not find_skyline(grey, nothing + 1, nothing).any()


def test_what_moves_by_itself_above_a_skyline_is_sky() -> None:
    colour = np.repeat(picture(clouds=60)[:, :, None], 3, axis=2)
    colour[EDGE:] //= 2
    pixels, above = tracks(), np.random.default_rng(3).uniform([0, 5], [640, EDGE - 10], (60, 2))
    edge = EDGE * ROWS // SIZE[1]
    sky = find_distant_sky(colour, pixels, anyhow(pixels), above, SIZE)
    assert sky.cells[: edge - 2].mean() > 0.95
    assert not sky.cells[edge + 2 :].any()
    # The same where its points are as near as the others: a wall, with no need of a plane.
    both = np.concatenate([pixels, above])
    assert not find_distant_sky(colour, both, anyhow(both), above[:0], SIZE).cells.any()


def test_trees_too_far_to_be_measured_are_no_sky() -> None:
    # Light above dark, and nothing above has a distance: only their texture tells them from clouds.
    rng = np.random.default_rng(4)
    leaves = cv2.GaussianBlur(rng.uniform(0, 255, (360, 640)), (0, 0), 1.5)
    grey = 128 + (leaves - leaves.mean()) * 40 / leaves.std()
    grey[EDGE:] *= 0.5
    colour = np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    pixels, above = tracks(), np.random.default_rng(3).uniform([0, 5], [640, EDGE - 10], (60, 2))
    pixels = pixels[pixels[:, 1] > EDGE]
    assert not find_distant_sky(colour, pixels, anyhow(pixels), above, SIZE).cells.any()
