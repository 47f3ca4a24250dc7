"""Lenses that bend lines are told by tracks made of known lenses; flat lenses are never taken for one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.solve import wide_lens
from parascale.solve.clip import Candidate, Clip
from parascale.solve.lens.bent_pairs import find_bent_turn, find_moving_fisheye
from parascale.solve.lens.lens import Lens
from parascale.solve.motion.motion_class import classify_motion, widest_pairs
from parascale.solve.tracking.tracks import Tracks

HALF_WIDTH, HALF_HEIGHT, COUNT = 320.0, 180.0, 24
# Position and yaw, from 0 to 1, in a scene 2 to 12 away.
MOVES: dict[str, Callable[[float], tuple[float, float, float]]] = {
    "pan": lambda u: (0, 0, 0.6 * u),
    "slow pan": lambda u: (0, 0, 0.15 * u),
    "walk": lambda u: (0.3 * np.sin(3 * u), 1.2 * u, 0.1 * np.sin(5 * u)),
    "truck": lambda u: (1.2 * u, 0, 0.12 * u),
    "ahead": lambda u: (0, 1.2 * u, 0),
    "arc": lambda u: (1.5 * np.sin(0.5 * (u - 0.5)), 1.5 - 1.5 * np.cos(0.5 * (u - 0.5)), -0.5 * (u - 0.5)),
}
TURNS = ("pan", "slow pan")


def make_tracks(degrees: float, bend: float, move: str, *, fisheye: bool = False) -> Tracks:
    """Tracks of a lens that sees so many degrees across, whose edge a share of its radius draws in or out."""
    edge = np.radians(degrees / 2) if fisheye else np.tan(np.radians(degrees / 2))
    angles = np.linspace(0, min(1.25 * np.radians(degrees / 2), 1.5 if not fisheye else 1.7), 3000)
    plain = angles if fisheye else np.tan(angles)
    radii = HALF_WIDTH / edge / (1 + bend) * (plain + bend / edge**2 * plain**3)
    falls = np.flatnonzero(np.diff(radii) <= 0)
    angles, radii = (each[: falls[0] + 1] if len(falls) else each for each in (angles, radii))
    random = np.random.default_rng(2)
    around = random.uniform([-2.4, -0.9], [2.4, 0.9], (1600, 2))
    far = random.uniform(2, 12, 1600)
    flat = np.cos(around[:, 1])
    points = far[:, None] * np.column_stack(
        [np.sin(around[:, 0]) * flat, np.sin(around[:, 1]), np.cos(around[:, 0]) * flat]
    )
    positions = np.full((COUNT, len(points), 2), np.nan)
    for frame in range(COUNT):
        x, z, yaw = MOVES[move](frame / (COUNT - 1))
        turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
        local = (points - [x, 0, z]) @ turn.T
        aside = np.hypot(local[:, 0], local[:, 1])
        radius = np.interp(np.arctan2(aside, local[:, 2]), angles, radii, right=np.inf)
        with np.errstate(invalid="ignore"):
            seen = local[:, :2] * (radius / aside)[:, None] + random.normal(0, 0.2, (len(points), 2))
            visible = (np.abs(seen) < [HALF_WIDTH, HALF_HEIGHT]).all(axis=1)
        positions[frame, visible] = seen[visible]
    return Tracks(positions)


def pairs_of(tracks: Tracks) -> list[tuple[np.ndarray, np.ndarray]]:
    return [tracks.pair(first, second)[:2] for first, second in widest_pairs(tracks)]


@pytest.mark.parametrize("move", TURNS)
@pytest.mark.parametrize(
    ("degrees", "bend", "fisheye"), [(120, 0, True), (150, 0, True), (80, -0.11, False), (80, -0.18, False)]
)
def test_a_turn_through_a_lens_that_bends_lines_is_told(degrees: float, bend: float, fisheye: bool, move: str) -> None:
    found = find_bent_turn(pairs_of(make_tracks(degrees, bend, move, fisheye=fisheye)), HALF_WIDTH, seed=0)
    assert found is not None
    assert found.fisheye == fisheye
    assert found.degrees == pytest.approx(degrees, rel=0.1)


@pytest.mark.parametrize("move", ["walk", "truck", "arc"])
@pytest.mark.parametrize("degrees", [120, 150])
def test_a_fisheye_that_moves_is_told(degrees: float, move: str) -> None:
    pairs = pairs_of(make_tracks(degrees, 0, move, fisheye=True))
    assert find_bent_turn(pairs, HALF_WIDTH, seed=0) is None
    found = find_moving_fisheye(pairs, HALF_WIDTH, seed=0)
    assert found is not None
    assert found.degrees == pytest.approx(degrees, abs=21)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize(("degrees", "bend"), [(50, 0), (80, 0), (100, 0), (80, -0.1)])
def test_no_flat_lens_is_taken_for_a_fisheye(degrees: float, bend: float, move: str) -> None:
    pairs = pairs_of(make_tracks(degrees, bend, move))
    assert (bend and move in TURNS) or find_bent_turn(pairs, HALF_WIDTH, seed=0) is None
    assert find_moving_fisheye(pairs, HALF_WIDTH, seed=0) is None


@pytest.mark.parametrize("degrees", [90, 100, 110])
def test_a_pan_through_a_wide_flat_lens_is_a_turn(degrees: float) -> None:
    assert classify_motion(make_tracks(degrees, 0, "pan"), None, 2 * HALF_WIDTH).motion == "rotation-only"


def clip_of(tracks: Tracks) -> Clip:
    lens = Lens(640, 360, 1.0, 320.0, 180.0)
    footage: Any = None  # not looked at
    return Clip(Path("tripod.mp4"), footage, lens, tracks, tracks.positions)


@pytest.mark.parametrize(("degrees", "bend"), [(60, -0.02), (50, -0.03)])
def test_a_pan_through_an_ordinary_lens_that_bends_lines_is_to_be_undistorted(degrees: float, bend: float) -> None:
    with pytest.raises(InputError, match=rf"a lens of {degrees} degrees .*undistort it") as refused:
        wide_lens.refuse_bent_pairs(clip_of(make_tracks(degrees, bend, "pan")))
    assert "wide" not in str(refused.value)
    assert "flat view" not in str(refused.value)


def test_a_pan_through_a_fisheye_is_to_be_exported_flat() -> None:
    with pytest.raises(InputError, match=r"wide lens .*a fisheye of about 120 degrees.*export a flat view"):
        wide_lens.refuse_bent_pairs(clip_of(make_tracks(120, 0, "pan", fisheye=True)))


def test_no_lens_is_told_by_no_pairs() -> None:
    assert find_bent_turn([], HALF_WIDTH, seed=0) is None
    assert find_moving_fisheye([], HALF_WIDTH, seed=0) is None


def test_a_move_too_small_to_be_measured_tells_of_no_lens() -> None:
    clip, solution = clip_of(make_tracks(60, 0, "ahead")), Any
    candidate = Candidate(solution, "incremental", np.arange(3), None, np.arange(3), hidden_parallax=0.001)
    assert wide_lens.compare_lenses(clip, candidate) == (clip, candidate)
