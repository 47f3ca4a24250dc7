"""Long clips: an array of all their frames and tracks holds one observation in fifty, and is not made several times."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from parascale.solve.findings import Findings
from parascale.solve.lens.radial import undistort
from parascale.solve.lens.rolling_shutter import estimate_readout
from parascale.solve.motion.keyframes import choose_keyframes
from parascale.solve.tracking.tracks import Tracks

FRAMES, NEW_TRACKS, LIFE, FOCAL, HEIGHT = 300, 16, 12, 500.0, 360.0


@pytest.fixture(scope="module")
def long_clip() -> Tracks:
    """Tracks that begin one after the other."""
    rng = np.random.default_rng(2)
    positions = np.full((FRAMES, FRAMES * NEW_TRACKS, 2), np.nan)
    for frame in range(FRAMES):
        own = slice(frame * NEW_TRACKS, (frame + 1) * NEW_TRACKS)
        positions[frame : frame + LIFE, own] = rng.uniform(-HEIGHT / 2, HEIGHT / 2, (NEW_TRACKS, 2))
    return Tracks(positions + rng.normal(0, 0.2, (FRAMES, 1, 1)))


def read_rows(tracks: Tracks) -> None:
    rng = np.random.default_rng(3)
    points = np.column_stack([rng.normal(0, 2, (len(tracks), 2)), rng.uniform(4, 8, len(tracks))])
    poses = np.tile(np.eye(3, 4), (FRAMES, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 1, FRAMES)
    estimate_readout(tracks.positions, points, poses, FOCAL, tracks.seen, HEIGHT)


def note_turn(tracks: Tracks) -> None:
    Findings().note_turn(tracks, np.tile(np.eye(3), (FRAMES, 1, 1)), FOCAL)


@pytest.mark.parametrize(
    ("step", "share"),
    [
        (lambda tracks: choose_keyframes(tracks, 640), 0.5),
        (read_rows, 0.5),
        (lambda tracks: undistort(tracks, FOCAL, -0.05), 1.5),
        (note_turn, 2.5),
    ],
    ids=["keyframes", "rolling shutter", "distortion", "turns"],
)
def test_a_long_clip_takes_little_more_memory_than_its_tracks(
    long_clip: Tracks, step: Callable[[Tracks], object], share: float
) -> None:
    tracemalloc.start()
    try:
        step(long_clip)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < share * long_clip.positions.nbytes


def test_tracks_in_parts_are_all_of_them(long_clip: Tracks) -> None:
    parts: list[NDArray[np.float64]] = list(long_clip.parts())
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), long_clip.positions)
    assert [part.shape for part in Tracks(np.empty((5, 0, 2))).parts()] == [(5, 0, 2)]
