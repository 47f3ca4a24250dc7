"""P and size of the subject, and motion along and across the view at different strengths."""

import dataclasses
import math

import numpy as np
import pytest
from framed_shots import DOWN_UP, LENS, UP, looking, shot_of
from hypothesis import given
from hypothesis import strategies as st

from parascale.camera import View
from parascale.parallax.anisotropy import scale_travel
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.composition import TargetFacts
from parascale.parallax.lead import track_point
from parascale.parallax.shot import Shot
from parascale.parallax.subject_size import dolly_range

FRAMED = Settings(framing=1.0, horizon="keep")
ANCHOR = View(np.eye(4), LENS, 640, 360)


def dolly_shot(count: int = 31) -> Shot:
    """A dolly by 2 towards a vase 4 ahead, before a wall 8 ahead: its size doubles."""
    poses = [looking(np.array([0, 0, 2 * t / (count - 1)]), np.array([0, 0, 100.0])) for t in range(count)]
    depth = 8 - 2 * np.arange(count) / (count - 1)
    reference = shot_of(poses, depth, up=DOWN_UP)
    return dataclasses.replace(reference, subjects=(track_point(reference.trajectory, np.array([0, 0, 4.0]), "vase"),))


@pytest.fixture
def wall(traced):
    return traced((((0.0, 0.0, 1.0), 8.0),))


def test_the_subjects_own_p_is_reported_beside_the_frames(wall) -> None:
    """The target's vase is at 2 before the same wall: P of the frame is met, P of the subject off by hand."""
    result = calibrate(dolly_shot(), wall, ANCHOR, FRAMED, facts=TargetFacts(UP, (np.array([0, 0, 2.5]),)))
    assert result.report.pce < 1e-9
    ours = 2.5 - result.shot.trajectory.centres[:-1, 2]
    theirs = 4 - 2 * np.arange(30) / 30
    expected = np.mean(np.abs(np.log(theirs / ours)))
    assert result.report.subject_pce == pytest.approx(expected, rel=1e-6)
    assert result.shot.parallax_of(result.shot.subjects[0]) == pytest.approx((2 / 30) / ours, rel=1e-6)
    told = [each for each in result.report.verdict if "subject's own depth" in each[1]]
    off = f"Counted in the subject's own depth, the motion is off by a factor of {math.exp(expected):.2g}."
    assert told == [("note", off)]  # nothing is wrong, and nothing to be proud of


def test_in_the_same_world_both_are_met(wall) -> None:
    result = calibrate(dolly_shot(), wall, ANCHOR, FRAMED, facts=TargetFacts(UP, (np.array([0, 0, 4.0]),)))
    assert result.report.subject_pce < 1e-9
    assert result.report.size_error < 1e-9
    assert ("good", "Counted in the subject's own depth, the motion is as in the reference.") in result.report.verdict


def test_the_lens_keeps_the_subjects_size_and_p(wall) -> None:
    """A dolly zoom: the size doubles as the reference's does, though the vase is nearer."""
    facts = TargetFacts(UP, (np.array([0, 0, 2.5]),))
    free, kept = (
        calibrate(dolly_shot(), wall, ANCHOR, dataclasses.replace(FRAMED, size=size), facts=facts)
        for size in ("free", "lens")
    )
    assert free.report.size_error > 0.5
    assert kept.report.size_error < 1e-3
    assert kept.report.pce < 1e-9
    depth = 2.5 - kept.shot.trajectory.centres[:, 2]
    sizes = kept.shot.trajectory.intrinsics[:, 0] / depth
    assert sizes / sizes[0] == pytest.approx(4 / (4 - 2 * np.arange(31) / 30), rel=1e-3)
    assert kept.shot.provenance["calibration"]["size"] == "lens"


def test_the_lens_zooms_no_more_than_four_times_in_all(wall) -> None:
    """The vase is passed at a hand's breadth, which makes it fifty times as large."""
    facts = TargetFacts(UP, (np.array([0, 0, 2.04]),))
    kept = calibrate(dolly_shot(), wall, ANCHOR, dataclasses.replace(FRAMED, size="lens"), facts=facts)
    zoom = kept.shot.trajectory.intrinsics[:, 0] / ANCHOR.intrinsics[0]
    assert zoom.min() == pytest.approx(1 / 4)
    assert kept.report.size_error > 1


@pytest.mark.parametrize("budget", [0.1, 0.3])
def test_a_dolly_keeps_the_size_within_its_budget_of_p(wall, budget: float) -> None:
    facts = TargetFacts(UP, (np.array([0, 0, 2.5]),))
    free, kept = (
        calibrate(dolly_shot(), wall, ANCHOR, dataclasses.replace(FRAMED, size=size, size_budget=budget), facts=facts)
        for size in ("free", "dolly")
    )
    errors = np.abs(np.log(kept.shot.parallax_number / dolly_shot().parallax_number))
    assert errors.max() <= budget + 1e-9
    assert kept.report.size_error < free.report.size_error
    in_the_same_world = calibrate(
        dolly_shot(), wall, ANCHOR, dataclasses.replace(FRAMED, size="dolly"),
        facts=TargetFacts(UP, (np.array([0, 0, 4.0]),)),
    )  # fmt: skip
    assert in_the_same_world.report.pce < 1e-9


@given(seed=st.integers(0, 2**32 - 1), budget=st.floats(0.0, 0.5))
def test_a_dolly_within_its_range_keeps_the_budget(seed: int, budget: float) -> None:
    random = np.random.default_rng(seed)
    step, ahead = random.normal(size=3), random.normal(size=3)
    ahead /= np.linalg.norm(ahead)
    low, high = dolly_range(step, ahead, budget)
    assert low <= 1e-12
    assert high >= -1e-12
    for share in np.linspace(0, 1, 9):
        length = np.linalg.norm(step + (low + share * (high - low)) * ahead)
        assert abs(math.log(length / np.linalg.norm(step))) <= budget + 1e-6


def test_motion_along_and_across_the_view_has_its_own_strength(path, imagined, room, anchor) -> None:
    reference = imagined(path(7), 7)
    result = calibrate(reference, room, anchor, Settings.verbatim(strength_along=0.5, strength_across=2.0))
    local = np.einsum("nji,nj->ni", reference.trajectory.rotations[:-1], reference.trajectory.baselines)
    asked = np.linalg.norm(local * [2.0, 2.0, 0.5], axis=1) / reference.median_depth[:-1]
    assert result.shot.parallax_number == pytest.approx(asked, rel=1e-9)
    ours = np.einsum("nji,nj->ni", result.shot.trajectory.rotations[:-1], result.shot.trajectory.baselines)
    direction = ours / np.linalg.norm(ours, axis=1, keepdims=True)
    wanted = local * [2.0, 2.0, 0.5]
    assert direction == pytest.approx(wanted / np.linalg.norm(wanted, axis=1, keepdims=True), abs=1e-9)
    assert result.report.pce < 1e-9
    assert result.shot.provenance["calibration"]["reference_digest"] == reference.digest


def test_a_strength_of_0_across_leaves_the_motion_along_the_view(path, imagined) -> None:
    reference = imagined(path(7), 7)
    assert scale_travel(reference, 1.0, 1.0) is reference
    moved = scale_travel(reference, 1.0, 0.0).trajectory
    local = np.einsum("nji,nj->ni", moved.rotations[:-1], moved.baselines)
    assert np.abs(local[:, :2]).max() < 1e-9


def test_the_same_strength_both_ways_is_strength(path, imagined, room, anchor) -> None:
    reference = imagined(path(7), 7)
    results = [
        calibrate(reference, room, anchor, Settings.verbatim(method, **given)).shot.trajectory.centres
        for method in ("closed-loop", "felt")
        for given in ({"strength": 1.7}, {"strength_along": 1.7, "strength_across": 1.7})
    ]
    assert results[0] == pytest.approx(results[1], rel=1e-9)
    assert results[2] == pytest.approx(results[3], rel=1e-9)
