"""The optimisation over all poses: better than the march where that cannot see ahead, and never worse."""

import dataclasses
import math

import numpy as np
import pytest
from framed_shots import DOWN_UP, LENS, UP, Walls, looking, orbiting, places, shot_of
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.camera import View
from parascale.errors import InputError
from parascale.parallax import optimise
from parascale.parallax.calibrate import Calibration, Settings, calibrate
from parascale.parallax.composition import TargetFacts
from parascale.parallax.depth_source import ConstantDepth
from parascale.parallax.lead import track_point
from parascale.parallax.least_squares import SETTLED_SHARE, _normal_equations, _solve_banded, minimise
from parascale.parallax.optimise import find_losses
from parascale.parallax.residuals import Weights
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack
from parascale.parallax.target import constant_target

few = settings(max_examples=10, deadline=None)
OPTIMISED = Settings.preset("shot", solver="optimise")


@few
@given(count=st.integers(3, 40), seed=st.integers(0, 2**32 - 1))
def test_linear_residuals_are_solved_for_any_length_of_path(count: int, seed: int) -> None:
    """Differences of centres between frames and their next but one, against a dense solve by NumPy."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(count - 1, 3)), random.normal(size=(count - 2, 3))

    def residuals(rotations: np.ndarray, centres: np.ndarray) -> np.ndarray:
        rows = np.zeros((*centres.shape[:-1], 6))
        rows[..., :-1, :3] = np.diff(centres, axis=-2) - first
        rows[..., :-2, 3:] = centres[..., 2:, :] - centres[..., :-2, :] - second
        return rows

    system = np.zeros((2 * count - 3, count))
    for row in range(count - 1):
        system[row, row : row + 2] = -1, 1
    for row in range(count - 2):
        system[count - 1 + row, [row, row + 2]] = -1, 1
    dense = np.zeros((count, 3))
    dense[1:] = np.linalg.lstsq(system[:, 1:], np.concatenate([first, second]), rcond=None)[0]

    rotations, start = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
    equations = _normal_equations(residuals, rotations, start, residuals(rotations, start), 0, 1.0)
    step = -_solve_banded(*equations, damping=0.0)
    assert step[:, 3:] == pytest.approx(dense, abs=1e-5 * max(1.0, float(np.abs(dense).max())))
    _, centres = minimise(residuals, rotations, start, 0, 1.0, 25)
    least = float(np.sum(residuals(rotations, dense) ** 2))
    assert float(np.sum(residuals(rotations, centres) ** 2)) <= (1 + SETTLED_SHARE) * least + 1e-12


def carry(reference: Shot, target, anchor: View, chosen: Settings, **facts: object) -> Calibration:
    return calibrate(reference, target, anchor, chosen, facts=TargetFacts(UP, **facts))


def uneven_orbit(angle: float = 360.0, count: int = 61) -> Shot:
    """Around a vase, in a room of its own whose median depth stays."""
    reference = orbiting(count=count, angle=angle)
    track = track_point(reference.trajectory, np.zeros(3), "vase")
    return dataclasses.replace(reference, subjects=(track,), up=DOWN_UP, median_depth=np.full(count, 15.0))


@pytest.fixture
def uneven_room(traced):
    """Walls at four distances around the place that is circled."""
    return traced(
        (((0.0, 0.0, 1.0), 20.0), ((0.0, 0.0, -1.0), 12.0), ((1.0, 0.0, 0.0), 14.0), ((-1.0, 0.0, 0.0), 18.0)),
        grid=(32, 18),
    )


def test_a_closed_path_closes_and_p_and_the_subject_stay(uneven_room) -> None:
    """The march meets P step by step, and ends elsewhere; all steps together bend a little and end where they began."""
    reference = uneven_orbit()
    subject = np.array([0.0, 0.0, 6.0])
    anchor = View(looking(np.zeros(3), subject), LENS, 640, 360)
    marched, optimised = (
        carry(reference, uneven_room, anchor, chosen, subject_points=(subject,)).report
        for chosen in (Settings.preset("shot"), OPTIMISED)
    )
    assert marched.closing_gap > 0.1
    assert any("The optimisation bends it a little, and closes it" in told for told in marched.warnings)
    assert optimised.solver == "optimise"
    assert optimised.closing_gap < marched.closing_gap / 3
    assert optimised.pce < marched.pce + 0.002
    assert optimised.subject_held == 1
    assert optimised.roll_error < 1


def test_jumps_that_the_reference_has_itself_are_evened_out(traced) -> None:
    """Its median depth falls by a tenth at once: the gain begins to change before that, and less of P is lost."""
    poses = [looking(np.array([0.6 * t, 0, 0]), np.array([0.6 * t, 0, 5])) for t in range(21)]
    depth = np.where(np.arange(21) < 10, 6.0, 5.4)
    reference = shot_of(poses, depth, up=DOWN_UP)
    wall = traced((((0.0, 0.0, 1.0), 4.0),))
    anchor = View(np.eye(4), LENS, 640, 360)
    marched, optimised = (
        carry(reference, wall, anchor, chosen).report for chosen in (Settings.preset("shot", clearance=0.0), OPTIMISED)
    )
    assert max(marched.largest_jump, optimised.largest_jump) <= 0.05 + 1e-9
    assert optimised.solver == "optimise"
    assert optimised.pce < 0.8 * marched.pce


def test_similar_worlds_leave_nothing_to_optimise(path, film, room) -> None:
    reference = film(path(5, turn=0.2, reach=0.4), room, up=DOWN_UP)
    point = reference.trajectory.centres[0] + 3 * reference.trajectory.rotations[0, :, 2]
    reference = dataclasses.replace(reference, subjects=(track_point(reference.trajectory, point, "ball"),))
    anchor = View(np.array(reference.trajectory.camera_to_world[0]), LENS, 640, 360)
    result = carry(reference, room, anchor, dataclasses.replace(OPTIMISED, clearance=0.0), subject_points=(point,))
    assert result.shot.trajectory.centres == pytest.approx(reference.trajectory.centres, abs=1e-3)
    assert result.report.rot_err < 0.05
    assert result.report.pce < 1e-3


def test_the_depth_is_measured_again_only_where_that_changes_anything(traced, uneven_room) -> None:
    """Before a wall what is expected is what is found: one round is enough. In an uneven room it is not."""

    def count_looks(reference: Shot, world: object, start: np.ndarray, rounds: int, **facts: object) -> int:
        looks = []

        def counted(*asked: object) -> object:
            looks.append(asked)
            return world(*asked)

        chosen = dataclasses.replace(OPTIMISED, rounds=rounds, clearance=0.0)
        carry(reference, counted, View(start, LENS, 640, 360), chosen, **facts)
        return len(looks)

    flight = shot_of([looking(np.array([0.1 * t, 0, 0]), np.array([0.1 * t, 0, 5])) for t in range(21)], np.ones(21))
    wall = traced((((0.0, 0.0, 1.0), 4.0),))
    assert count_looks(flight, wall, np.eye(4), 3) == count_looks(flight, wall, np.eye(4), 1)
    subject = np.array([0.0, 0.0, 6.0])
    start = looking(np.zeros(3), subject)
    found = [count_looks(uneven_orbit(), uneven_room, start, rounds, subject_points=(subject,)) for rounds in (1, 3)]
    assert found[1] > found[0]


@pytest.mark.parametrize("case", ["wall", "jump", "short orbit", "closed orbit"])
def test_a_shot_whose_rounds_end_early_is_no_worse_than_one_of_all_rounds(
    traced, uneven_room, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """In none of the measures by which an optimised path is held against its march."""
    poses = [looking(np.array([0.3 * t, 0, 0]), np.array([0.3 * t, 0, 5])) for t in range(21)]
    subject, wall = np.array([0.0, 0.0, 6.0]), traced((((0.0, 0.0, 1.0), 4.0),))
    reference, world, start = {
        "wall": (shot_of(poses, 6.0, up=DOWN_UP), wall, np.eye(4)),
        "jump": (shot_of(poses, np.where(np.arange(21) < 10, 6.0, 5.4), up=DOWN_UP), wall, np.eye(4)),
        "short orbit": (uneven_orbit(angle=60.0, count=21), uneven_room, looking(np.zeros(3), subject)),
        "closed orbit": (uneven_orbit(), uneven_room, looking(np.zeros(3), subject)),
    }[case]
    facts = {"subject_points": (subject,)} if reference.subjects else {}
    reports = []
    for settled in (optimise.SETTLED_ROUND, 0.0):
        monkeypatch.setattr(optimise, "SETTLED_ROUND", settled)
        reports.append(carry(reference, world, View(start, LENS, 640, 360), OPTIMISED, **facts).report)
    early, full = reports
    assert early.solver == full.solver == "optimise"
    assert find_losses(full, early) == ()


def test_a_wall_is_passed_and_no_step_is_shortened_where_the_march_shortens_some(traced) -> None:
    """A truck around a ball, towards a wall that is not seen: the path is bent in time."""
    seen = traced((((0.0, 0.0, 1.0), 5.0),))
    facts = TargetFacts(UP, (np.array([0, 0, 4.0]),), Walls(((1.0, 0.0, 0.0), 2.0)))
    ball = np.array([0, 0, 1.0])
    reference = shot_of([looking(np.array([t / 24, 0, 0]), ball) for t in range(25)], np.ones(25), up=DOWN_UP)
    reference = dataclasses.replace(reference, subjects=(track_point(reference.trajectory, ball, "ball"),))
    anchor = View(np.eye(4), LENS, 640, 360)
    marched, optimised = (
        calibrate(reference, seen, anchor, chosen, facts=facts) for chosen in (Settings.preset("shot"), OPTIMISED)
    )
    assert marched.report.held_back_frames
    assert optimised.report.solver == "optimise"
    assert optimised.report.held_back_frames == optimised.report.crossings == ()
    assert np.all(optimised.shot.trajectory.centres[:, 0] < 2)
    assert find_losses(marched.report, optimised.report) == ()


def test_where_nothing_is_held_the_path_is_bent_and_the_camera_is_not_turned_for_it(traced) -> None:
    """A truck towards a wall: turning the camera would keep the direction in its picture, and nobody asked for that."""
    seen = traced((((0.0, 0.0, 1.0), 5.0),))
    facts = TargetFacts(UP, (), Walls(((1.0, 0.0, 0.0), 2.0)))
    reference = shot_of([looking(np.array([t / 24, 0, 0]), np.array([t / 24, 0, 1.0])) for t in range(49)], np.ones(49))
    anchor = View(np.eye(4), LENS, 640, 360)
    marched, optimised = (
        calibrate(reference, seen, anchor, dataclasses.replace(chosen, framing=0.0), facts=facts).report
        for chosen in (Settings.preset("shot"), OPTIMISED)
    )
    assert marched.bent_frames
    assert optimised.solver == "optimise", optimised.warnings
    assert optimised.rot_err < 0.5
    assert optimised.crossings == ()


def test_the_same_question_has_the_same_answer_to_the_bit(uneven_room) -> None:
    reference = uneven_orbit(angle=120.0, count=31)
    subject = np.array([0.0, 0.0, 6.0])
    anchor = View(looking(np.zeros(3), subject), LENS, 640, 360)
    paths = [
        carry(reference, uneven_room, anchor, OPTIMISED, subject_points=(subject,)).shot.trajectory.camera_to_world
        for _ in range(2)
    ]
    assert np.array_equal(*paths)


def test_what_is_worse_than_the_march_is_not_taken_and_that_is_said(uneven_room) -> None:
    """With nothing but smoothness to weigh, the subject is let go: the march stays, and says why."""
    reference = uneven_orbit(angle=120.0, count=31)
    subject = np.array([0.0, 0.0, 6.0])
    anchor = View(looking(np.zeros(3), subject), LENS, 640, 360)
    careless = dataclasses.replace(OPTIMISED, weights=Weights(felt_speed=0.0, framing=0.0, horizon=0.0))
    kept, marched = (
        carry(reference, uneven_room, anchor, chosen, subject_points=(subject,))
        for chosen in (careless, Settings.preset("shot"))
    )
    assert np.array_equal(kept.shot.trajectory.camera_to_world, marched.shot.trajectory.camera_to_world)
    assert kept.report.solver == "march"
    assert any("the march was kept" in sentence for sentence in kept.report.warnings)
    assert kept.shot.quality["warnings"] == list(kept.report.warnings)


def test_the_anchor_stays_where_it_is_at_any_frame(uneven_room) -> None:
    reference = uneven_orbit(angle=90.0, count=25)
    subject = np.array([0.0, 0.0, 6.0])
    anchor = View(looking(np.zeros(3), subject), LENS, 640, 360)
    for frame in (0, 11, -1):
        chosen = dataclasses.replace(OPTIMISED, anchor_frame=frame)
        result = carry(reference, uneven_room, anchor, chosen, subject_points=(subject,))
        assert result.shot.trajectory.camera_to_world[frame] == pytest.approx(anchor.camera_to_world, abs=1e-9)
        assert result.report.subject_held == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["moves", "turns", "rests", "no depth in between"])
def test_every_kind_of_reference_is_carried(room, anchor, path, kind: str, count: int) -> None:
    moved = path(3, count=max(count, 2), reach=0.3)
    poses = np.array(moved.camera_to_world[:count])
    if kind in ("turns", "rests"):
        poses[:, :3, 3] = poses[0, :3, 3]
    if kind == "rests":
        poses[:] = poses[0]
    depth = np.full(count, 2.0)
    if kind == "no depth in between":
        depth[1:-1] = np.nan
    reference = shot_of(list(poses), depth)
    result = carry(reference, room, anchor, OPTIMISED)
    assert len(result.shot) == count
    assert np.isfinite(result.shot.trajectory.camera_to_world).all()


def test_partial_framing_is_the_marchs_own_place() -> None:
    reference = dataclasses.replace(orbiting(count=25), subjects=(SubjectTrack("x", np.tile([0.1, 0.0], (25, 1))),))
    subject = np.array([0.5, 0.2, 2.0])
    anchor = View(np.eye(4), LENS, 640, 360)
    half = dataclasses.replace(OPTIMISED, framing=0.5)
    marched, optimised = (
        carry(reference, ConstantDepth(2.5, (4, 3)), anchor, chosen, subject_points=(subject,))
        for chosen in (dataclasses.replace(half, solver="march"), half)
    )
    assert places(optimised, subject) == pytest.approx(places(marched, subject), abs=0.02)


@pytest.mark.parametrize("wrong", [{"solver": "guess"}, {"size": "dolly"}])
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Settings.preset("shot", **({"solver": "optimise"} | wrong))


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_a_weight_that_is_no_weight_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="horizon"):
        Weights(horizon=value)


@pytest.mark.parametrize("asked", [{"solver": "optimise"}, {"size": "lens"}, {"size": "dolly"}])
def test_a_target_of_nothing_but_a_depth_leaves_out_what_it_has_no_place_for_and_says_so(asked: dict[str, str]) -> None:
    reference = uneven_orbit(angle=90.0, count=9)
    target = constant_target(2.0, reference)
    result, verbatim = (
        calibrate(reference, target.depth, target.anchor, chosen, facts=target.facts)
        for chosen in (Settings.preset("shot", **asked), Settings.verbatim())
    )
    assert np.array_equal(result.shot.trajectory.camera_to_world, verbatim.shot.trajectory.camera_to_world)
    assert result.report.solver == "march"
    (told,) = (text for text in result.report.warnings if text not in verbatim.report.warnings)
    assert told.startswith("Nothing but a depth is known of the target")
    assert told in result.shot.quality["warnings"]


def test_a_reference_without_anything_to_weigh_is_marched_and_that_is_said(room, anchor) -> None:
    result = carry(shot_of([np.eye(4)] * 5, np.full(5, 2.0)), room, anchor, OPTIMISED)
    assert result.report.solver == "march"
    assert any("needs 3 frames, and a camera that moves" in told for told in result.report.warnings)


def test_the_felt_parallax_counts_where_it_is_carried_over_and_p_does_elsewhere(room, anchor, path) -> None:
    report = carry(shot_of(list(path(3, count=4, reach=0.3).camera_to_world), 2.0), room, anchor, OPTIMISED).report
    for key, felt in (("pce", False), ("felt_error", True)):
        good, bad = (dataclasses.replace(report, **{key: value}) for value in (0.0, 0.1))
        assert find_losses(good, bad, felt=felt)
        assert find_losses(good, bad, felt=not felt) == ()


def test_no_round_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="rounds"):
        Settings.preset("shot", rounds=0)
