from typing import Any

import cv2
import numpy as np
import pytest

from parascale.errors import Cancelled
from parascale.solve.tracking.tracks import GRID_CELLS, MIN_TRACK_LENGTH, track_corners


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (400, 700)).astype(np.float32), (0, 0), 2)
    return cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)


def shifted(texture: np.ndarray, x: float, y: float = 0.0) -> np.ndarray:
    """Shift by the Fourier transform: OpenCV's warps round where they sample to a 32nd of a pixel."""
    rows, columns = np.fft.fftfreq(texture.shape[0])[:, None], np.fft.rfftfreq(texture.shape[1])
    turned = np.fft.rfft2(texture) * np.exp(2j * np.pi * (columns * x + rows * y))
    return np.clip(np.fft.irfft2(turned, s=texture.shape)[:360, :640].round(), 0, 255).astype(np.uint8)


def test_a_shift_is_followed_to_a_fiftieth_of_a_pixel(texture: np.ndarray) -> None:
    tracks = track_corners([shifted(texture, 10 + 1.37 * t, 10 + 0.6 * t) for t in range(8)])
    first, last, both = tracks.pair(0, 7)
    assert len(both) > 300
    error = last - first - [-1.37 * 7, -0.6 * 7]
    assert np.median(np.abs(error)) < 0.02
    assert np.quantile(np.abs(error), 0.95) < 0.1


def test_points_are_spread_over_the_picture(texture: np.ndarray) -> None:
    tracks = track_corners([shifted(texture, 10 + t) for t in range(4)])
    cell = (tracks.positions[1] / [640 / GRID_CELLS[0], 360 / GRID_CELLS[1]]).astype(int)
    there = tracks.seen[1]
    held = np.unique(cell[there], axis=0)
    assert len(held) > 0.95 * GRID_CELLS[0] * GRID_CELLS[1]


def test_what_comes_into_view_gets_points(texture: np.ndarray) -> None:
    tracks = track_corners([shifted(texture, 55 - 5.0 * t) for t in range(11)])
    entered = tracks.positions[10][tracks.seen[10]]
    assert (entered[:, 0] < 45).sum() > 20


def test_nothing_is_followed_behind_a_mask(texture: np.ndarray) -> None:
    mask = np.full((360, 640), 255, np.uint8)
    mask[:, 300:] = 0
    tracks = track_corners([shifted(texture, 10 + t) for t in range(5)], [mask] * 5)
    assert tracks.positions[tracks.seen][:, 0].max() < 302


def test_flat_pictures_have_no_points() -> None:
    assert len(track_corners([np.full((360, 640), 90, np.uint8)] * 4)) == 0


def test_following_stops_when_asked(texture: np.ndarray) -> None:
    def stop(fraction: float, phase: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        track_corners([shifted(texture, t) for t in range(5)], progress=stop)


def test_progress_rises_to_one(texture: np.ndarray) -> None:
    seen: list[float] = []
    track_corners([shifted(texture, t) for t in range(4)], progress=lambda fraction, _: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_pair_names_the_points_seen_in_both(project: Any, cloud: np.ndarray) -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = [0, 1, 2]
    tracks = project(cloud, poses, 500.0)
    first, second, both = tracks.pair(0, 2)
    assert len(both) == (tracks.seen[0] & tracks.seen[2]).sum()
    np.testing.assert_array_equal(first, tracks.positions[0, both])
    np.testing.assert_array_equal(second, tracks.positions[2, both])


def test_a_corner_that_is_lost_at_once_is_no_track(texture: np.ndarray) -> None:
    pictures = [shifted(texture, 10 + 2 * step) for step in range(8)]
    seen = track_corners(pictures).seen
    assert seen.sum(axis=0).min() >= MIN_TRACK_LENGTH
    # Each is observed in every frame from its first to its last.
    assert (np.abs(np.diff(seen.astype(int), axis=0)).sum(axis=0) <= 2).all()
    pair = track_corners(pictures[:2])
    assert len(pair) > 300
    assert pair.seen.sum(axis=0).min() >= 2
