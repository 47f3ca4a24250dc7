from typing import Any

import cv2
import numpy as np
import pytest

from parascale.solve.tracking.flow import count_corners, track_points

STEP = np.array([3.2, -1.4], np.float32)


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return two pictures of one surface, the second shifted by STEP."""
    noise = np.random.default_rng(0).normal(0, 1, (360, 640)).astype(np.float32)
    first = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    moved = cv2.warpAffine(first, np.array([[1, 0, STEP[0]], [0, 1, STEP[1]]]), (640, 360), flags=cv2.INTER_CUBIC)
    return first.astype(np.uint8), moved.astype(np.uint8)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(1).uniform([40, 40], [600, 320], (200, 2)).astype(np.float32)


def test_a_guess_near_the_truth_ends_where_a_full_search_ends(
    pictures: tuple[np.ndarray, np.ndarray], points: np.ndarray
) -> None:
    rng = np.random.default_rng(2)
    searched, found = track_points(*pictures, points)
    guessed, kept = track_points(
        *pictures, points, guess=(points + STEP + rng.uniform(-1.5, 1.5, points.shape)).astype("f4")
    )
    assert found.mean() > 0.95
    assert kept[found].all()
    assert np.abs(guessed - searched)[found].max() < 0.02


@pytest.mark.parametrize("guess", [np.nan, 500.0, -40.0])
def test_a_point_not_found_where_it_was_to_be_is_searched_for_everywhere(
    guess: float, pictures: tuple[np.ndarray, np.ndarray], points: np.ndarray
) -> None:
    searched, found = track_points(*pictures, points)
    guessed, kept = track_points(*pictures, points, guess=(points + np.float32(guess)).astype("f4"))
    assert kept[found].mean() > 0.99
    # Where it was to be, something may look alike by chance.
    assert (np.abs(guessed - searched)[found & kept] < 0.02).mean() > 0.99


def test_no_points_lead_nowhere(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    none = np.empty((0, 2), np.float32)
    moved, found = track_points(*pictures, none, guess=none)
    assert moved.shape == (0, 2)
    assert found.shape == (0,)


def test_a_sharp_picture_has_corners_and_a_blurred_or_flat_one_has_none(rendered: Any) -> None:
    sharp = (rendered.textures(1)[0][:360, :640] * 255).astype(np.uint8)
    assert count_corners(sharp) > 100
    assert count_corners(cv2.GaussianBlur(sharp, (0, 0), 12)) < 10
    grain = np.random.default_rng(0).normal(128, 5, (360, 640))
    assert count_corners(grain.astype(np.uint8)) < 10
    assert count_corners(np.full((360, 640), 40, np.uint8)) == 0
