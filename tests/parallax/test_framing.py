"""Framing and horizon: the subject stays where the reference holds its own, and the camera rolls as it does."""

import dataclasses
import math

import numpy as np
import pytest
from framed_shots import DOWN_UP, LENS, UP, looking, orbiting, places, shot_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory, View
from parascale.camera.rotations import geodesic_angle
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.composition import TargetFacts
from parascale.parallax.depth_source import ConstantDepth, DepthSamples
from parascale.parallax.framing import DEPTH_SLACK, PROPOSED_SLACK, depth_along
from parascale.parallax.horizon import estimate_up, roll_angles
from parascale.parallax.lead import propose_subject, track_point
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack
from parascale.parallax.target import constant_target

few = settings(max_examples=15)
seeds = st.integers(0, 2**32 - 1)
FRAMED = Settings(framing=1.0, horizon="keep")


@few
@given(seed=seeds, k=st.floats(1e-2, 1e2))
def test_in_a_similar_world_framed_is_verbatim(path, film, room, seed: int, k: float) -> None:
    """The target is the reference k times as large: framing has nothing to do."""
    reference = film(path(seed, turn=0.2, reach=0.4), room, up=DOWN_UP)
    point = reference.trajectory.centres[0] + 3 * reference.trajectory.rotations[0, :, 2]
    track = track_point(reference.trajectory, point, "ball")
    reference = dataclasses.replace(reference, subjects=(track,))
    pose = np.array(reference.trajectory.camera_to_world[0])
    pose[:3, 3] *= k
    anchor, large = View(pose, LENS, 640, 360), dataclasses.replace(room, scale=k)
    facts = TargetFacts(UP, (k * point,))
    framed, verbatim = (
        calibrate(reference, large, anchor, chosen, facts=facts) for chosen in (FRAMED, Settings.verbatim())
    )
    centres = (each.shot.trajectory.centres / k for each in (framed, verbatim))
    assert next(centres) == pytest.approx(next(centres), abs=1e-9)
    rotations = [each.shot.trajectory.rotations for each in (framed, verbatim)]
    assert rotations[0] == pytest.approx(rotations[1], abs=1e-9)
    assert framed.report.rot_err < 1e-6
    assert framed.report.pce < 1e-9


@few
@given(seed=seeds)
def test_framing_0_is_the_papers_method_bit_for_bit(path, imagined, room, anchor, seed: int) -> None:
    reference = imagined(path(seed), seed)
    reference = dataclasses.replace(reference, subjects=(SubjectTrack("x", np.zeros((12, 2))),), up=DOWN_UP)
    result = calibrate(reference, room, anchor, Settings.verbatim(), facts=TargetFacts(UP, (np.ones(3),))).shot
    turn = np.linalg.svd(anchor.camera_to_world[:3, :3] @ reference.trajectory.rotations[0].T)
    steps = reference.trajectory.baselines @ (turn[0] @ turn[2]).T
    centre = np.array(anchor.camera_to_world[:3, 3])
    for frame, gain in enumerate(result.gain):
        centre = centre + gain * steps[frame]
        assert np.array_equal(result.trajectory.centres[frame + 1], centre)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.5])
def test_an_orbit_about_a_subject_at_another_depth_is_an_orbit(ratio: float) -> None:
    reference, distance = orbiting(), 4.0
    subject = np.array([1.0, 0.5, 2.0])
    anchor = View(looking(subject - np.array([0, 0, distance]), subject), LENS, 640, 360)
    facts = TargetFacts(UP, (subject,))
    result = calibrate(reference, ConstantDepth(ratio * distance, (4, 3)), anchor, FRAMED, facts=facts)
    path = result.shot.trajectory
    assert np.linalg.norm(path.centres - subject, axis=1) == pytest.approx(np.full(41, distance), rel=2e-3)
    assert path.centres[:, 1] == pytest.approx(np.full(41, 0.5), abs=1e-6)
    turned = np.degrees(geodesic_angle(path.rotations[0], path.rotations[-1]))
    assert turned == pytest.approx(min(90 * ratio, 360 - 90 * ratio), rel=0.01)
    assert np.abs(places(result, subject)).max() < 2e-3
    assert result.report.pce < 1e-12
    assert result.report.subject_held == 1


def test_a_follow_shot_of_a_moving_subject_keeps_a_static_one_in_its_place() -> None:
    """The camera walks sideways with somebody who stays at the same place in the picture; the target's vase stands."""
    poses = [looking(np.array([0.05 * t, 0, 0]), np.array([0.05 * t, 0, 5])) for t in range(49)]
    place = np.tile([0.12, 0.05], (49, 1))
    reference = shot_of(poses, 5.0, subjects=(SubjectTrack("walker", place, depth=np.full(49, 3.0)),))
    vase = np.array([0.4, 0.2, 2.0])
    anchor = View(np.eye(4), LENS, 640, 360)
    facts = TargetFacts(UP, (vase,))
    framed = calibrate(reference, ConstantDepth(3.0, (4, 3)), anchor, FRAMED, facts=facts)
    assert places(framed, vase) == pytest.approx(place, abs=5e-3)
    assert framed.report.subject_held == 1
    assert framed.report.pce < 1e-12
    verbatim = calibrate(reference, ConstantDepth(3.0, (4, 3)), anchor, Settings.verbatim(), facts=facts)
    assert verbatim.report.subject_held < 0.8


@pytest.mark.parametrize("tilt", [-35.0, 20.0])
def test_a_level_orbit_stays_level_where_the_anchor_is_tilted(tilt: float) -> None:
    reference = orbiting()
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("x", tilt, degrees=True).as_matrix()
    anchor, target, facts = View(pose, LENS, 640, 360), ConstantDepth(3.0, (4, 3)), TargetFacts(UP)
    level = calibrate(reference, target, anchor, Settings(horizon="keep"), facts=facts)
    assert np.degrees(roll_angles(level.shot.trajectory.rotations, UP)) == pytest.approx(np.zeros(41), abs=1e-6)
    assert level.report.roll_error < 1e-6
    assert level.report.pce < 1e-12
    assert calibrate(reference, target, anchor, Settings.verbatim(), facts=facts).report.roll_error > 8


def test_roll_is_carried_over_relative_to_the_horizon() -> None:
    """A pan of 60 degrees that leans over to 15 degrees, seen by a tilted anchor that frames something else."""
    poses = []
    for t in range(41):
        ahead = np.radians(1.5 * t)
        eye = np.array([0.02 * t, 0, 0])
        poses.append(looking(eye, eye + np.array([np.sin(ahead), 0.2, np.cos(ahead)]), roll=15 * t / 40))
    reference = shot_of(poses, 4.0, up=DOWN_UP, subjects=(SubjectTrack("x", np.tile([0.1, -0.1], (41, 1))),))
    anchor = View(looking(np.zeros(3), np.array([0, 0.6, 1.0])), LENS, 640, 360)
    result = calibrate(
        reference, ConstantDepth(2.0, (4, 3)), anchor, FRAMED, facts=TargetFacts(UP, (np.array([0.5, 0.5, 2.0]),))
    )
    roll = np.degrees(roll_angles(result.shot.trajectory.rotations, UP))
    assert roll == pytest.approx(15 * np.arange(41) / 40, abs=1e-6)
    assert result.report.roll_error < 1e-6


def test_without_a_subject_framing_does_nothing_and_says_so() -> None:
    """A pan through 90 degrees holds nothing."""
    poses = [looking(np.zeros(3), np.array([np.sin(a), 0, np.cos(a)])) for a in np.radians(np.linspace(0, 90, 25))]
    reference = shot_of(poses, 4.0)
    assert propose_subject(reference.trajectory, reference.median_depth) is None
    anchor = View(np.eye(4), LENS, 640, 360)
    result = calibrate(reference, ConstantDepth(2.0, (4, 3)), anchor, Settings(framing=1.0))
    assert result.shot.trajectory.rotations == pytest.approx(reference.trajectory.rotations, abs=1e-12)
    assert math.isnan(result.report.subject_held)
    assert any("No subject" in sentence for _, sentence in result.report.verdict)


def test_where_only_a_depth_is_known_a_shot_is_carried_over_verbatim() -> None:
    """A dolly by twice the depth: the wall stays ahead, and there is nothing that it could be held back by."""
    poses = [looking(np.array([0, 0, 0.5 * t]), np.array([0, 0.1, 100])) for t in range(21)]
    reference = shot_of(poses, 5.0)
    target = constant_target(2.0, reference)
    results = [
        calibrate(reference, target.depth, target.anchor, chosen, facts=target.facts)
        for chosen in (Settings.preset("shot"), Settings.verbatim())
    ]
    poses_of_each = [result.shot.trajectory.camera_to_world for result in results]
    assert np.array_equal(*poses_of_each)
    assert results[0].report.pce < 1e-12


def test_a_subject_that_comes_and_goes_makes_no_jump() -> None:
    """Two subjects take turns, with nobody between them: the camera turns to each, never faster than it may."""
    count = 121
    poses = [looking(np.array([0.02 * t, 0, 0]), np.array([0.02 * t, 0, 5])) for t in range(count)]
    first, second = np.tile([-0.1, 0.0], (count, 1)), np.tile([0.2, 0.1], (count, 1))
    first[50:], second[:70] = np.nan, np.nan
    reference = shot_of(poses, 5.0, subjects=(SubjectTrack("a", first), SubjectTrack("b", second)))
    anchor = View(np.eye(4), LENS, 640, 360)
    points = (np.array([-0.5, 0.0, 3.0]), np.array([2.0, 0.4, 3.0]))
    result = calibrate(reference, ConstantDepth(3.0, (4, 3)), anchor, FRAMED, facts=TargetFacts(UP, points))
    turns = np.degrees(geodesic_angle(result.shot.trajectory.rotations[:-1], result.shot.trajectory.rotations[1:]))
    assert np.abs(np.diff(turns)).max() < 0.6
    assert turns.max() < 4
    assert places(result, points[0])[:45] == pytest.approx(first[:45], abs=0.02)
    assert places(result, points[1])[90:] == pytest.approx(second[90:], abs=0.02)


def test_the_references_shake_stays_its_own() -> None:
    """A handheld truck: what is faster than about one hertz comes through as it is, although the subject is held."""
    count, generator = 97, np.random.default_rng(3)
    shake = Rotation.from_rotvec(np.radians(0.4) * generator.normal(size=(count, 3))).as_matrix()
    subject = np.array([1.0, 0.0, 5.0])
    poses = [looking(np.array([0.03 * t, 0, 0]), np.array([0.03 * t, 0, 5])) for t in range(count)]
    for pose, turn in zip(poses, shake, strict=True):
        pose[:3, :3] = pose[:3, :3] @ turn
    reference = shot_of(poses, 5.0, up=DOWN_UP)
    reference = dataclasses.replace(reference, subjects=(track_point(reference.trajectory, subject, "x"),))
    target = np.array([0.25, 0.0, 1.25])
    anchor = View(np.eye(4), LENS, 640, 360)
    result = calibrate(
        reference, ConstantDepth(3.0, (4, 3)), anchor, dataclasses.replace(FRAMED, horizon="free"),
        facts=TargetFacts(UP, (target,)),
    )  # fmt: skip
    ours, theirs = (
        Rotation.from_matrix(np.swapaxes(each[:-1], 1, 2) @ each[1:]).as_rotvec()
        for each in (result.shot.trajectory.rotations, reference.trajectory.rotations)
    )
    difference = ours - theirs
    assert np.degrees(np.abs(np.diff(difference, axis=0)).max()) < 0.08
    assert result.report.subject_held == 1


def test_a_draft_looks_once_a_frame_and_lies_close_to_the_whole(traced) -> None:
    """Two subjects take turns before an uneven wall, so that corrections are smoothed: a draft walks no second time."""
    count = 121
    poses = [looking(np.array([0.02 * t, 0, 0]), np.array([0.02 * t, 0, 5])) for t in range(count)]
    first, second = np.tile([-0.1, 0.0], (count, 1)), np.tile([0.2, 0.1], (count, 1))
    first[50:], second[:70] = np.nan, np.nan
    reference = shot_of(poses, 5.0, subjects=(SubjectTrack("a", first), SubjectTrack("b", second)))
    wall = traced((((0.2, 0.1, 1.0), 4.0),))
    looks: list[int] = []

    def counted(*asked: object) -> DepthSamples:
        looks.append(1)
        return wall(*asked)

    facts = TargetFacts(UP, (np.array([-0.5, 0.0, 3.0]), np.array([2.0, 0.4, 3.0])))
    asked, found = [], []
    for rounds in (1, 3):
        looks.clear()
        chosen = dataclasses.replace(FRAMED, rounds=rounds)
        found.append(
            calibrate(reference, counted, View(np.eye(4), LENS, 640, 360), chosen, facts=facts).shot.trajectory
        )
        asked.append(len(looks))
    assert asked[1] > asked[0] + count / 2
    assert asked[0] < 1.3 * count
    draft, whole = found
    assert np.degrees(geodesic_angle(draft.rotations, whole.rotations)).max() < 0.5
    length = np.linalg.norm(whole.baselines, axis=1).sum()
    assert np.linalg.norm(draft.centres - whole.centres, axis=1).max() < 0.02 * length


@pytest.mark.parametrize("frame", [20, -1, 7])
def test_the_anchor_may_stand_for_any_frame(room, film, frame: int) -> None:
    """Both ways from there: the camera of that frame is the anchor's, and P is kept on every step."""
    reference = film(orbiting(angle=40.0, radius=1.5).trajectory, room)
    anchor = View(looking(np.array([0.5, 0, -1.0]), np.array([0.4, 0.3, 4.0])), LENS, 640, 360)
    for chosen in (Settings.verbatim(anchor_frame=frame), dataclasses.replace(FRAMED, anchor_frame=frame)):
        result = calibrate(reference, room, anchor, chosen, facts=TargetFacts(UP))
        assert result.shot.trajectory.camera_to_world[frame] == pytest.approx(anchor.camera_to_world, abs=1e-9)
        steps = np.linalg.norm(np.diff(result.shot.trajectory.centres, axis=0), axis=1)
        asked = reference.parallax_number
        assert np.mean(np.abs(np.log(steps / result.shot.median_depth[:-1] / asked))) < 2e-3


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("kind", ["moves", "turns", "rests", "no depth in between"])
def test_every_kind_of_reference_is_carried_by_default(room, anchor, path, kind: str, count: int) -> None:
    moved = path(3, count=max(count, 2), reach=0.3)
    poses = np.array(moved.camera_to_world[:count])
    if kind in ("turns", "rests"):
        poses[:, :3, 3] = poses[0, :3, 3]
    if kind == "rests":
        poses[:] = poses[0]
    depth = np.full(count, 2.0)
    if kind == "no depth in between":
        depth[1:-1] = np.nan
    reference = Shot(kind, 24, Trajectory(poses, LENS, np.arange(count) / 24, 640, 360), depth)
    for frame in (0, -1):
        chosen = Settings.preset("shot", anchor_frame=frame)
        result = calibrate(reference, room, anchor, chosen, facts=TargetFacts(UP))
        assert len(result.shot) == count
        assert result.shot.trajectory.centres[frame] == pytest.approx(anchor.camera_to_world[:3, 3])
        assert result.report.verdict


def test_up_is_known_from_a_pan_and_only_guessed_without() -> None:
    tilted = Rotation.from_euler("xz", [25, 40], degrees=True)
    pan = orbiting(height=2.0).trajectory
    poses = np.array(pan.camera_to_world)
    poses[:, :3, :3] = tilted.as_matrix() @ poses[:, :3, :3]
    up = estimate_up(Trajectory(poses, LENS, pan.times, 640, 360))
    assert up.direction == pytest.approx(tilted.apply(UP), abs=1e-9)
    assert up.confidence == pytest.approx(1)
    still = shot_of([looking(np.array([0.1 * t, 0, 0]), np.array([0.1 * t, 0, 5])) for t in range(5)], 5.0)
    assert estimate_up(still.trajectory).confidence < 0.25


def test_the_axes_of_an_orbit_propose_its_centre() -> None:
    reference = orbiting(height=1.0)
    track = propose_subject(reference.trajectory, np.full(41, 50.0))
    assert track.name == "fixation point"
    assert np.abs(track.centre).max() < 1e-9
    assert track.depth == pytest.approx(np.full(41, math.hypot(5, 1)))


def test_the_subject_stays_in_its_place_where_the_path_is_bent(traced) -> None:
    """Smoothing the corrections moves the path, and a path that is bent otherwise ends elsewhere."""
    rng = np.random.default_rng(0)
    turned = np.radians(np.linspace(0, 70, 61))
    eyes = np.stack([5 * np.sin(turned), np.zeros(61), -5 * np.cos(turned)], axis=1) + rng.normal(0, 0.01, (61, 3))
    reference = shot_of([looking(eye, np.zeros(3)) for eye in eyes], 5.0)
    reference = dataclasses.replace(reference, subjects=(track_point(reference.trajectory, np.zeros(3), "vase"),))
    subject = np.array([0.0, 0.0, 4.0])
    walls = traced((((0.0, 0.0, 1.0), 6.0), ((1.0, 0.0, 0.0), 1.5), ((0.0, 1.0, 0.0), 1.5)), grid=(64, 36))
    anchor = View(looking(np.zeros(3), subject), LENS, 640, 360)
    result = calibrate(reference, walls, anchor, Settings.preset("shot"), facts=TargetFacts(UP, (subject,)))
    assert result.report.largest_bend > 20
    assert np.abs(places(result, subject)).max() < 0.03


@pytest.mark.parametrize(
    ("surfaces", "slack", "found"),
    [
        # The middle of a body lies behind its face.
        ((4.2, 4.2, 4.2, 4.2), PROPOSED_SLACK, 5.0),
        ((4.2, 4.2, 4.2, 4.2), DEPTH_SLACK, 4.2),
        # Something nearer hides a part of it.
        ((2.0, 4.9, 2.0, 4.9), PROPOSED_SLACK, 5.0),
        # Another scene: the subject is what stands there.
        ((2.0, 2.0, 2.0, 2.0), PROPOSED_SLACK, 2.0),
        ((9.0, 9.0, 9.0, 9.0), PROPOSED_SLACK, 9.0),
    ],
)
def test_a_subject_is_where_the_reference_expects_it_if_a_surface_there_allows(
    surfaces: tuple[float, ...], slack: float, found: float
) -> None:
    pixels = np.array([[319.0, 179.0], [321.0, 179.5], [319.5, 182.0], [322.0, 181.5]])
    samples = DepthSamples(pixels, np.array(surfaces), np.ones(4, bool))
    assert depth_along(np.array([0.0, 0.0, 1.0]), samples, LENS, 640, 5.0, slack) == found
