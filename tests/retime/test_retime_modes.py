"""Keep the path, keep the felt speed, even steps, eases: what each promises to keep."""

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from parascale.camera.rotations import geodesic_angle
from parascale.errors import InputError
from parascale.parallax.shot import Points
from parascale.retime import ease, even, generator_times, keep_felt_speed, keep_path, match_rate
from parascale.retime.move import Move

seeds = st.integers(0, 2**32 - 1)


def per_second(shot) -> np.ndarray:
    return shot.parallax_number / np.diff(shot.trajectory.times)


def length(centres: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())


def distance_to(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance of points to a polyline, segment by segment."""
    start, step = line[:-1], np.diff(line, axis=0)
    square = np.maximum(np.einsum("ni,ni->n", step, step), 1e-300)
    share = np.clip(np.einsum("pni,ni->pn", points[:, None] - start, step) / square, 0, 1)
    return np.linalg.norm(points[:, None] - start - share[..., None] * step, axis=2).min(axis=1)


@settings(max_examples=40)
@given(seed=seeds, frames=st.integers(40, 90), fps=st.sampled_from([16, 23.976, 24, 25, 29.97, 30, 60]))
def test_keep_path_leaves_every_point_on_the_curve_and_its_length(path, imagined, seed, frames, fps) -> None:
    shot = imagined(path(seed, count=30), seed)
    kept = keep_path(shot, frames, fps)
    assert np.array_equal(kept.trajectory.camera_to_world[[0, -1]], shot.trajectory.camera_to_world[[0, -1]])
    assert kept.trajectory.times[-1] - kept.trajectory.times[0] == pytest.approx((frames - 1) / fps)
    curve = Move(shot).centres(np.linspace(*shot.trajectory.times[[0, -1]], 1500))
    assert distance_to(kept.trajectory.centres, curve).max() < 1e-4 * length(curve)
    assert length(kept.trajectory.centres) == pytest.approx(length(curve), rel=5e-3)


@given(seed=seeds)
def test_keep_path_over_its_own_frames_is_the_shot(path, imagined, seed) -> None:
    shot = imagined(path(seed), seed)
    kept = keep_path(shot, len(shot), 24)
    assert np.array_equal(kept.trajectory.camera_to_world, shot.trajectory.camera_to_world)
    assert np.array_equal(kept.parallax_number, shot.parallax_number)


def test_keep_path_in_twice_the_time_halves_the_speed(orbit) -> None:
    shot = orbit(97)
    slow = keep_path(shot, 193, 24)
    assert per_second(slow) == pytest.approx(np.full(192, per_second(shot)[0] / 2), rel=3e-3)


@given(seed=seeds, frames=st.integers(2, 60), fps=st.floats(5, 100))
@settings(max_examples=50)
def test_keep_felt_speed_keeps_p_per_second(path, imagined, seed, frames, fps) -> None:
    shot = imagined(path(seed, count=20), seed)
    moved = keep_felt_speed(shot, frames, fps)
    longer = ((frames - 1) / fps) / (shot.trajectory.times[-1] - shot.trajectory.times[0])
    assert moved.parallax_number.sum() == pytest.approx(longer * shot.parallax_number.sum(), rel=1e-9)


@given(seed=seeds, times=st.integers(1, 5))
@settings(max_examples=50)
def test_felt_speed_is_the_profile_frame_for_frame(path, imagined, seed, times) -> None:
    shot = imagined(path(seed, count=20), seed)
    # As many frames, at a rate so much lower: step t stands for step t.
    stretched = keep_felt_speed(shot, 20, 24 / times)
    assert per_second(stretched) == pytest.approx(per_second(shot), rel=1e-9)
    # As many frames more at the same rate: the steps that stand for step t show its P a second in the mean.
    longer = keep_felt_speed(shot, 19 * times + 1, 24)
    assert per_second(longer).reshape(19, times).mean(axis=1) == pytest.approx(per_second(shot), rel=1e-9)


@given(seed=seeds, keep_angles=st.booleans())
def test_felt_speed_over_the_same_time_is_the_same_move(path, imagined, seed, keep_angles) -> None:
    shot = imagined(path(seed), seed)
    same = keep_felt_speed(shot, len(shot), 24, keep_angles=keep_angles)
    assert np.abs(same.trajectory.camera_to_world - shot.trajectory.camera_to_world).max() < 1e-12
    assert same.felt_parallax == pytest.approx(shot.felt_parallax, rel=1e-9)


@pytest.mark.parametrize(("frames", "fps"), [(193, 24), (129, 16), (49, 24), (300, 29.97), (65, 16)])
def test_an_orbit_stays_an_orbit_and_turns_further(orbit, frames, fps) -> None:
    shot = orbit(97)
    moved = keep_felt_speed(shot, frames, fps)
    centres = moved.trajectory.centres
    # Turn about the vertical axis at a steady rate ...
    turned = 2 * np.pi * (np.arange(frames) / fps) / 4.0
    assert (
        geodesic_angle(moved.trajectory.rotations, Rotation.from_euler("y", turned[:, None]).as_matrix()).max() < 1e-9
    )
    # ... around one point that is always straight ahead, at one distance: that of the old orbit but for chord and arc.
    ahead = moved.trajectory.rotations[:, :, 2]
    radius = np.linalg.norm(moved.trajectory.baselines[0]) / (2 * np.sin((turned[1] - turned[0]) / 2))
    hub = centres + radius * ahead
    assert np.ptp(hub, axis=0).max() < 1e-9
    assert radius == pytest.approx(5, rel=1e-3)
    assert per_second(moved) == pytest.approx(np.full(frames - 1, per_second(shot)[0]), rel=1e-6)


def test_a_helix_stays_a_helix(moving) -> None:
    turned = np.linspace(0, 2, 49)
    rotations = Rotation.from_euler("y", turned[:, None])
    shot = moving(rotations.apply([0, 0, -3]) + turned[:, None] * [0, -0.5, 0], 3.0, rotations.as_matrix())
    longer = keep_felt_speed(shot, 97, 24)
    further = np.linspace(0, 4, 97)
    rotations = Rotation.from_euler("y", further[:, None])
    truth = rotations.apply([0, 0, -3]) + further[:, None] * [0, -0.5, 0]
    assert np.abs(longer.trajectory.centres - truth).max() < 1e-10


def test_keep_angles_looks_where_the_shot_looks_and_scales_its_path(orbit) -> None:
    shot = orbit(97)
    bigger = keep_felt_speed(shot, 193, 24, keep_angles=True)
    assert np.abs(bigger.trajectory.rotations[::2] - shot.trajectory.rotations).max() < 1e-12
    assert per_second(bigger) == pytest.approx(np.full(192, per_second(shot)[0]), rel=1e-9)
    offset = shot.trajectory.centres - shot.trajectory.centres[0]
    assert np.abs(bigger.trajectory.centres[::2] - bigger.trajectory.centres[0] - 2 * offset).max() < 3e-3


def test_a_pan_keeps_its_angular_velocity(moving) -> None:
    rotations = Rotation.from_euler("y", np.linspace(0, 1, 25)[:, None]).as_matrix()
    pan = moving(np.zeros((25, 3)), np.nan, rotations, motion_class="rotation-only")
    longer = keep_felt_speed(pan, 97, 24)
    assert np.array_equal(longer.trajectory.centres, np.zeros((97, 3)))
    steps = geodesic_angle(longer.trajectory.rotations[:-1], longer.trajectory.rotations[1:])
    assert steps == pytest.approx(np.full(96, 1 / 24), rel=1e-9)


def test_a_whip_pan_squeezed_into_two_frames_is_not_taken_the_short_way(moving) -> None:
    rotations = Rotation.from_euler("y", np.linspace(0, 5, 25)[:, None]).as_matrix()
    pan = moving(np.zeros((25, 3)), np.nan, rotations)
    # A quarter of the time: a quarter of 5 radians, though the ends of the shot are less than half a turn apart.
    short = keep_felt_speed(pan, 2, 4)
    assert geodesic_angle(*short.trajectory.rotations) == pytest.approx(1.25)


def test_points_stay_only_with_the_path_they_belong_to(orbit) -> None:
    shot = dataclasses.replace(orbit(9), points=Points(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.uint8)))
    assert keep_path(shot, 30, 24).points is shot.points
    assert keep_felt_speed(shot, 9, 2).points is shot.points
    assert keep_felt_speed(shot, 30, 24).points is None


@settings(max_examples=40)
@given(seed=seeds, frames=st.integers(2, 100))
def test_even_steps_differ_by_less_than_one_percent(path, imagined, seed, frames) -> None:
    result = even(imagined(path(seed, count=40), seed), frames, 16)
    # One move in 2,000 turns back too sharply, see below.
    assume(result.provenance["retiming"][-1]["equal"] == "steps")
    assert result.parallax_number.max() / result.parallax_number.min() < 1.01


# Of 24,000 random moves those that turn back so sharply that spreading the frames again and again does not settle.
HAIRPINS = [
    (3409576281, 28),
    (485628520, 42),
    (412444068, 20),
    (1277408940, 53),
    (931725329, 92),
    (2356221068, 66),
    (1167787906, 71),
    (2165853275, 11),
    (2199354904, 5),
    (2871864727, 11),
    (341964920, 4),
    (113085096, 4),
    (3483328713, 12),
]


@pytest.mark.parametrize(("seed", "frames"), HAIRPINS)
@pytest.mark.parametrize("count_rotation", [False, True])
def test_even_says_so_where_the_path_turns_back_too_sharply(path, imagined, seed, frames, count_rotation) -> None:
    shot = imagined(path(seed, count=40), seed)
    result = even(shot, frames, 16, count_rotation=count_rotation)
    if count_rotation:
        turned = geodesic_angle(result.trajectory.rotations[:-1], result.trajectory.rotations[1:])
        steps = result.parallax_number + turned
        assert steps.max() / steps.min() < 1.01
    else:
        own = keep_path(shot, 8000, 1000)
        travel = np.concatenate([[0], np.cumsum(own.parallax_number)])
        apart = np.linalg.norm(own.trajectory.centres[:, None] - result.trajectory.centres, axis=2)
        even_travel = np.full(frames - 1, travel[-1] / (frames - 1))
        assert np.diff(travel[apart.argmin(0)]) == pytest.approx(even_travel, abs=3 * own.parallax_number.max())
    curve = Move(shot).centres(np.linspace(*shot.trajectory.times[[0, -1]], 4000))
    assert distance_to(result.trajectory.centres, curve).max() < 1e-4 * length(curve)
    assert np.array_equal(result.trajectory.camera_to_world[[0, -1]], shot.trajectory.camera_to_world[[0, -1]])
    assert result.provenance["retiming"][-1]["equal"] == ("steps" if count_rotation else "travel")


def test_there_and_back_along_a_line_is_cut_into_equal_steps(moving) -> None:
    """Out to 9 and back to 4: where one step crosses the turn, it ends as far from its start as any other."""
    x = np.concatenate([np.arange(0, 9.5, 0.5), np.arange(8.5, 3.5, -0.5)])
    result = even(moving(np.stack([x, 0 * x, 0 * x], axis=1)), 8, 16)
    steps = np.abs(np.diff(result.trajectory.centres[:, 0]))
    assert steps == pytest.approx(np.full(7, steps[0]), rel=5e-3)


@pytest.mark.parametrize("frames", [5, 49, 81])
def test_an_eased_dolly_towards_a_wall_becomes_even(moving, frames) -> None:
    t = np.linspace(0, 1, 97)
    z = 8 * t**2 * (3 - 2 * t) + 0.1 * t
    shot = moving(np.stack([0 * z, 0 * z, z], axis=1), 10 - z)
    result = even(shot, frames, 16)
    p = result.parallax_number
    assert p.max() / p.min() < 1.01
    assert np.array_equal(result.trajectory.centres[[0, -1]], shot.trajectory.centres[[0, -1]])
    # Equal steps of P towards a wall: the distance to it falls by one factor a frame, here known in closed form.
    left = 10 - result.trajectory.centres[:, 2]
    assert left[1:] / left[:-1] == pytest.approx(np.full(frames - 1, (1.9 / 10) ** (1 / (frames - 1))), rel=2e-3)


def test_even_refuses_a_rest_and_says_where(moving) -> None:
    x = np.concatenate([np.arange(10.0), np.full(5, 9.0), np.arange(10.0, 20)])
    shot = moving(np.stack([x, 0 * x, 0 * x], axis=1))
    with pytest.raises(InputError, match=r"rests from frame 9 to 14.*count rotation"):
        even(shot, 20, 16)


def test_rotation_counted_in_a_pan_takes_its_time(moving) -> None:
    x = np.concatenate([np.arange(10.0), np.full(10, 9.0)]) / 10
    turned = np.concatenate([np.zeros(10), np.arange(10.0)]) / 10
    rotations = Rotation.from_euler("y", turned[:, None]).as_matrix()
    shot = moving(np.stack([x, 0 * x, 0 * x], axis=1), 2.0, rotations)
    result = even(shot, 31, 16, count_rotation=True)
    steps = result.parallax_number + geodesic_angle(result.trajectory.rotations[:-1], result.trajectory.rotations[1:])
    assert steps.max() / steps.min() < 1.01
    assert (result.parallax_number[12:] == 0).all()


@pytest.mark.slow
def test_on_a_shaken_path_the_travel_is_even(moving) -> None:
    shot = moving(np.random.default_rng(0).normal(size=(97, 3)), 50.0)
    times = np.linspace(0, 4, 40_001)
    own_travel = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(Move(shot).centres(times), axis=0), axis=1))])
    for frames in (20, 60, 400):
        result = even(shot, frames, 16)
        centres = result.trajectory.centres
        passed = own_travel[np.linalg.norm(Move(shot).centres(times)[:, None] - centres[None, 1:3], axis=2).argmin(0)]
        assert passed == pytest.approx(own_travel[-1] / (frames - 1) * np.array([1, 2]), rel=0.01)
        assert result.provenance["retiming"][-1]["equal"] == "travel"


def test_even_needs_depth_somewhere(moving) -> None:
    line = np.arange(9)[:, None] * [1.0, 0, 0]
    with pytest.raises(InputError, match="no depth"):
        even(moving(line, np.nan), 9, 24)
    gap = even(moving(line, [np.nan, 2, 2, np.nan, np.nan, 2, 2, 2, np.nan]), 9, 24)
    assert np.linalg.norm(gap.trajectory.baselines, axis=1) == pytest.approx(np.ones(8), rel=1e-3)


def test_an_ease_is_played_as_drawn(moving) -> None:
    line = np.arange(25)[:, None] * [1.0, 0, 0]
    there_and_back = ease(moving(line), [(0, 0), (0.5, 1), (0.75, 1), (1, 0)], 49, 24)
    x = there_and_back.trajectory.centres[:, 0]
    assert x[[0, 24, 36, 48]] == pytest.approx([0, 24, 24, 0])
    assert np.array_equal(x[24:37], np.full(13, 24.0))
    assert (np.diff(x[:25]) > 0).all()
    assert (np.diff(x[36:]) < 0).all()


@given(seed=seeds)
def test_a_straight_ease_is_keep_path(path, imagined, seed) -> None:
    shot = imagined(path(seed), seed)
    eased, kept = ease(shot, [(0, 0), (1, 1)], 31, 30), keep_path(shot, 31, 30)
    assert np.abs(eased.trajectory.camera_to_world - kept.trajectory.camera_to_world).max() < 1e-12


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ([(0, 0)], "at least two"),
        ([(0, 0), (0, 1)], "must increase"),
        ([(0, 0), (1, 1.5)], "from 0 to 1"),
        ([(0, 0), (1, np.nan)], "from 0 to 1"),
        ([], "at least two"),
    ],
)
def test_eases_that_cannot_be_are_refused(orbit, curve, message) -> None:
    with pytest.raises(InputError, match=message):
        ease(orbit(9), curve, 9, 24)


@pytest.mark.parametrize("mode", [keep_path, keep_felt_speed, even])
@pytest.mark.parametrize(
    ("frames", "fps", "message"),
    [(0, 24, "too few"), (-3, 24, "too few"), (10**9, 24, "more than"), (9, 0, "rate"), (9, np.nan, "rate")],
)
def test_frames_and_rates_that_cannot_be_are_refused(orbit, mode, frames, fps, message) -> None:
    with pytest.raises(InputError, match=message):
        mode(orbit(9), frames, fps)


@pytest.mark.parametrize("mode", [keep_path, keep_felt_speed])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_still_and_short_shots_are_legal(moving, mode, count, frames) -> None:
    still = moving(np.ones((count, 3)), np.nan, motion_class="static")
    result = mode(still, frames, 16)
    assert len(result) == frames
    assert np.array_equal(
        result.trajectory.camera_to_world, np.tile(still.trajectory.camera_to_world[:1], (frames, 1, 1))
    )
    step = mode(moving(np.arange(count)[:, None] * [1.0, 0, 0]), frames, 16)
    assert np.isfinite(step.trajectory.camera_to_world).all()


def test_felt_speed_does_without_depth(moving) -> None:
    line = np.arange(9)[:, None] * [1.0, 0, 0]
    longer = keep_felt_speed(moving(line, np.nan), 17, 24)
    assert longer.trajectory.centres[:, 0] == pytest.approx(np.arange(17.0))
    assert np.isnan(longer.median_depth).all()
    gap = keep_felt_speed(moving(line, [2, np.nan, 2, 2, 2, 2, np.nan, np.nan, np.nan]), 17, 24)
    assert gap.trajectory.centres[:, 0] == pytest.approx(np.arange(17.0))
    assert np.isnan(gap.median_depth[[1, 2, 3, 16]]).all()
    assert not np.isnan(gap.median_depth[[0, 4, 10]]).any()


RATES = [24000 / 1001, 24, 25, 30000 / 1001, 30, 60]


@pytest.mark.parametrize("fps", RATES)
def test_every_frame_rate_goes_to_a_generators_frames(orbit, fps) -> None:
    count = round(5 * fps) + 1
    shot = orbit(count, (count - 1) / fps)
    result = match_rate(shot, 16, multiple_of=4)
    assert (len(result) - 1) % 4 == 0
    lost = shot.trajectory.times[-1] - result.trajectory.times[-1]
    assert -1e-9 <= lost < 4 / 16
    assert np.diff(result.trajectory.times) == pytest.approx(np.full(len(result) - 1, 1 / 16))
    assert result.fps == 16
    assert per_second(result) == pytest.approx(np.full(len(result) - 1, per_second(shot)[0]), rel=2e-3)


@given(intervals=st.integers(0, 5000), fps=st.sampled_from([16.0, *RATES]))
def test_whole_durations_give_all_their_frames(intervals, fps) -> None:
    assert len(generator_times(intervals / fps, fps, multiple_of=1)) == intervals + 1
    count = len(generator_times(intervals / fps, fps))
    assert count % 4 == 1
    assert intervals + 1 - 4 < count <= intervals + 1


def test_five_seconds_at_sixteen_are_81_frames() -> None:
    times = generator_times(5, 16)
    assert (len(times), times[0], times[-1]) == (81, 0, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 16), "duration"),
        ((np.inf, 16), "duration"),
        ((5, 0), "rate"),
        ((1e9, 16), "more"),
        ((5, 16, 0), "least 1"),
    ],
)
def test_durations_that_cannot_be_are_refused(arguments, message) -> None:
    with pytest.raises(InputError, match=message):
        generator_times(*arguments)


@given(seed=seeds, fps=st.sampled_from(RATES), turn=st.floats(0.3, 2.5))
@settings(max_examples=40)
def test_rotation_is_continuous_and_never_goes_the_long_way(moving, seed, fps, turn) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(12, 3))
    steps = Rotation.from_rotvec(turn * vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    rotations = [Rotation.identity()]
    for step in list(steps):
        rotations.append(rotations[-1] * step)
    own = np.array([rotation.as_matrix() for rotation in rotations])
    fine = keep_path(moving(np.zeros((13, 3)), 1.0, own), 12 * 50 + 1, fps).trajectory.rotations
    assert np.abs(fine[::50] - own).max() < 1e-12
    small = geodesic_angle(fine[:-1], fine[1:]).reshape(12, 50)
    # From frame to frame it bends, but is never led the other way round, which would take 2 pi - turn.
    assert small.sum(axis=1).max() < turn * 1.35
    assert small.max() < turn / 50 * 4
