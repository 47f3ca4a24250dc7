"""Surfaces in the way: steps are bent or held back, and what happened is said."""

import dataclasses

import numpy as np
import pytest
from framed_shots import Walls

from parascale.camera import Trajectory, View
from parascale.errors import InputError
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.clearance import Guard
from parascale.parallax.composition import TargetFacts
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.fitting import find_largest_strength, fits
from parascale.parallax.shot import Shot
from parascale.parallax.shot_measures import standing_frames

LENS = np.array([500.0, 500.0, 320.0, 180.0])
ANCHOR = View(np.eye(4), LENS, 640, 360)


def truck(straight, reach: float = 3.0) -> Shot:
    """To the right by ``reach`` depths, in steps that grow."""
    return Shot("truck", 24, straight([1, 0, 0], count=25, reach=reach), np.ones(25))


@pytest.fixture
def corridor(traced):
    """A wall 5 ahead, seen; another 4 to the right, out of view and without a picture, as one-sided walls are."""
    return traced((((0.0, 0.0, 1.0), 5.0),)), TargetFacts((0, -1, 0), (), Walls(((1.0, 0.0, 0.0), 4.0)))


def test_verbatim_goes_through_a_wall_and_it_is_said(straight, corridor) -> None:
    seen, facts = corridor
    report = calibrate(truck(straight), seen, ANCHOR, Settings.verbatim(), facts=facts).report
    assert len(report.crossings) == 1
    assert report.pce < 1e-12
    assert ("bad", f"The camera passes through a surface in frames {report.crossings[0]}.") in report.verdict
    assert not fits(report)


def turns(path: Trajectory) -> np.ndarray:
    """Angles in degrees between each step of a path and the next, those of no length left out."""
    lengths = np.linalg.norm(path.baselines, axis=1)[:, None]
    ways = (path.baselines / np.maximum(lengths, 1e-300))[lengths[:, 0] > 0]
    return np.degrees(np.arccos(np.clip(np.sum(ways[1:] * ways[:-1], axis=1), -1, 1)))


def test_a_camera_turns_along_a_wall_that_it_does_not_see(straight, corridor) -> None:
    """It keeps 0.1 Z' from it at the reference's P, without a kink, and the frames are named.

    Head on, one step gives way to the turn that it takes.
    """
    seen, facts = corridor
    result = calibrate(truck(straight), seen, ANCHOR, Settings.verbatim(clearance=None), facts=facts)
    path = result.shot.trajectory
    assert np.all(4 - path.centres[1:, 0] >= 0.1 * result.shot.median_depth[:-1] - 1e-6)
    assert result.report.crossings == ()
    assert len(result.report.held_back_frames) <= 1
    assert result.report.bent_frames[-1] == 23
    assert 60 < result.report.largest_bend <= 90 + 1e-9
    assert turns(path).max() < 24 + 1e-6
    assert result.report.pce < 0.01
    frames = result.report.bent_frames
    assert any(f"bent around a surface in frames {frames[0]}" in told for _, told in result.report.verdict)
    assert not fits(result.report)


def test_a_camera_slows_down_in_a_dead_end(straight, traced) -> None:
    """Where there is no way aside, what it does not walk counts, and the frames are named."""
    sides = [(tuple(sign * row), 0.55) for row in np.eye(3)[1:] for sign in (-1.0, 1.0)]
    seen = traced((((0.0, 0.0, 1.0), 5.0),))
    facts = TargetFacts((0, -1, 0), (), Walls(((1.0, 0.0, 0.0), 4.0), *sides))
    result = calibrate(truck(straight), seen, ANCHOR, Settings.verbatim(clearance=0.5), facts=facts)
    assert np.all(4 - result.shot.trajectory.centres[1:, 0] >= 0.5 - 1e-6)
    assert result.report.crossings == ()
    assert result.report.held_back_frames[-1] == 23
    assert result.report.pce > 0.5
    assert any("held back" in told for _, told in result.report.verdict)
    steps = np.linalg.norm(result.shot.trajectory.baselines, axis=1)[list(result.report.held_back_frames)]
    assert np.all(np.diff(steps) < 0.002 * steps[0])
    assert np.abs(np.diff(np.log(steps))).max() < 0.3


def test_the_largest_strength_that_fits_is_offered(straight, corridor) -> None:
    seen, facts = corridor
    settings = Settings.verbatim(clearance=None)

    def measure(share: float):
        return calibrate(
            truck(straight), seen, ANCHOR, dataclasses.replace(settings, strength=share), facts=facts
        ).report

    share = find_largest_strength(measure)
    # 3.5 of the 15 that the move would go at full strength.
    assert share == pytest.approx(3.5 / 15, abs=1 / 16)
    assert fits(measure(share))


def test_a_post_in_the_way_is_passed_by_steps_as_long_as_before(straight, traced) -> None:
    """Bending a step leaves its length, and so P, as they are."""
    centre = np.array([0.3, 0.0, 6.0])
    post = traced((((0.0, 0.0, 1.0), 20.0),), ((tuple(centre), 0.6),), grid=(64, 36))
    reference = Shot("dolly", 24, straight([0, 0, 1], count=41, reach=0.45), np.ones(41))
    through = calibrate(reference, post, ANCHOR, Settings.verbatim("static")).shot.trajectory
    assert np.linalg.norm(through.centres - centre, axis=1).min() < 0.6
    result = calibrate(reference, post, ANCHOR, Settings.verbatim("static", clearance=0.5))
    around = result.shot.trajectory
    assert np.linalg.norm(around.centres - centre, axis=1).min() > 1.05
    assert result.report.bent_frames
    assert result.report.held_back_frames == ()
    lengths = [np.linalg.norm(path.baselines, axis=1) for path in (around, through)]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-9)


def test_who_is_too_close_already_may_leave_but_not_come_closer() -> None:
    guard = Guard(1.0, np.tile(LENS, (2, 1)))
    samples = DepthSamples(np.array([[320.0, 180.0]]), np.array([0.5]), np.ones(1, bool))
    guard.see(0, np.eye(4), samples, 0.5)
    assert guard.allow(0, 0, np.zeros(3), np.array([0, 0, -0.1]), 1) == pytest.approx([0, 0, -0.1])
    assert np.linalg.norm(guard.allow(0, 0, np.zeros(3), np.array([0, 0, 0.1]), 1)) < 1e-3
    assert guard.held_back.keys() == {0}


def test_a_rest_of_the_reference_is_no_standstill() -> None:
    def along(x: list[float]) -> Trajectory:
        poses = np.tile(np.eye(4), (len(x), 1, 1))
        poses[:, 0, 3] = x
        return Trajectory(poses, LENS, np.arange(len(x)), 640, 360)

    reference = along([0, 1, 2, 2, 3, 4, 5])
    assert standing_frames(reference, along([0, 2, 4, 4, 6, 8, 8])) == (5,)


def test_a_clearance_in_another_unit_than_the_target_is_refused(straight, traced) -> None:
    wall = traced((((0.0, 0.0, 1.0), 2.0),), (), grid=(64, 36))
    with pytest.raises(InputError, match="a clearance of 300 is not less than the target's median depth, 2:"):
        calibrate(truck(straight), wall, ANCHOR, Settings.verbatim(clearance=300.0))


def test_a_camera_near_the_ground_goes_on_level_where_all_else_is_far(straight, traced) -> None:
    """The distance that is kept, 0.1 Z', may be more than the height above a ground that no picture shows below."""
    level = (0.0, 1.0, 0.0)
    seen = traced((((0.0, 0.0, 1.0), 40.0), (level, 2.0)), (), grid=(64, 36))
    facts = TargetFacts((0, -1, 0), (), Walls(((0.0, 0.0, 1.0), 40.0), (level, 2.0)))
    reference = Shot("dolly", 24, straight([0, 0, 1], count=25, reach=0.3), np.ones(25))
    result = calibrate(reference, seen, ANCHOR, Settings.verbatim(clearance=None), facts=facts)
    assert 0.1 * result.shot.median_depth[0] > 2.5
    assert result.report.bent_frames == result.report.held_back_frames == ()
    assert result.report.pce < 1e-12


def test_a_camera_that_begins_before_a_wall_turns_until_there_is_room(straight, traced) -> None:
    """It may not stand still until the end because no way is free within the turn of one step."""
    seen = traced((((0.0, 0.0, 1.0), 5.0),))
    facts = TargetFacts((0, -1, 0), (), Walls(((1.0, 0.0, 0.0), 0.6)))
    result = calibrate(truck(straight), seen, ANCHOR, Settings.verbatim(clearance=0.5), facts=facts)
    assert len(result.report.held_back_frames) < 5
    assert np.all(0.6 - result.shot.trajectory.centres[1:, 0] >= 0.5 - 1e-6)
    assert result.shot.parallax_number[5:] == pytest.approx(truck(straight).parallax_number[5:])


@pytest.mark.parametrize("clearance", [None, 0.5])
@pytest.mark.parametrize(("slope", "height"), [(10, 2.0), (45, 2.0), (45, 6.0), (80, 2.0)])
def test_a_camera_that_descends_does_not_sink_onto_a_ground_that_no_picture_shows(
    straight, traced, slope: float, height: float, clearance: float | None
) -> None:
    """It turns along the ground at the distance that is kept, or at its own where it begins nearer than that."""
    seen = traced((((0.0, 0.0, 1.0), 40.0),), (), grid=(64, 36))
    facts = TargetFacts((0, -1, 0), (), Walls(((0.0, 0.0, 1.0), 40.0), ((0.0, 1.0, 0.0), height)))
    way = [0.0, np.sin(np.radians(slope)), np.cos(np.radians(slope))]
    reference = Shot("down", 24, straight(way, count=49, reach=0.7), np.ones(49))
    result = calibrate(reference, seen, ANCHOR, Settings.verbatim(clearance=clearance), facts=facts)
    path = result.shot.trajectory
    limit = 0.1 * result.shot.median_depth if clearance is None else np.full(49, clearance)
    assert np.all(height - path.centres[1:, 1] >= np.minimum(height, limit[:-1]) * (1 - 1e-4))
    assert turns(path).max() < 24 + 1e-6
    # Only where it begins too close, and steeply, it turns before it goes.
    begins_close = height < limit[0]
    assert len(result.report.held_back_frames) <= (3 if begins_close else 2)
