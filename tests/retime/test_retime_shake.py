"""Handheld taken apart, smoothing that knows the noise, and the horizon."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

from parascale.camera import View
from parascale.errors import InputError
from parascale.parallax.realise import realise
from parascale.parallax.shot import Points
from parascale.retime import level, level_anchor, separate, smooth, take_shake, up_direction
from parascale.retime.smoothing import noise_cutoff, whittaker

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def handheld(moving):
    """Return (a steady move, the same with shake at 3 Hz and more, the shake's offsets): 5 s at 24 fps."""
    t = np.arange(121) / 24
    generator = np.random.default_rng(3)
    waves = sum(np.sin(2 * np.pi * f * t[:, None] + generator.uniform(0, 6, 3)) for f in (3, 4.3, 7))
    offsets, turns = 0.02 * waves, 0.01 * np.roll(waves, 1, axis=1)
    centres = np.stack([t, 0.3 * np.sin(0.8 * t), 0.2 * t**2 / 5], axis=1)
    pan = Rotation.from_euler("y", 0.2 * t[:, None])
    shaken = (pan * Rotation.from_rotvec(turns)).as_matrix()
    return moving(centres, 4.0, pan.as_matrix()), moving(centres + offsets, 4.0, shaken), offsets


@given(seed=seeds, cutoff=st.floats(0.2, 10))
@settings(max_examples=30)
def test_move_and_shake_sum_back_to_the_path_to_the_bit(path, imagined, seed, cutoff) -> None:
    shot = imagined(path(seed, count=30), seed)
    parts = separate(shot, cutoff)
    whole = parts.combine()
    assert np.array_equal(whole.trajectory.camera_to_world, shot.trajectory.camera_to_world)
    assert np.array_equal(whole.parallax_number, shot.parallax_number)
    assert parts.smooth_centres + parts.offsets == pytest.approx(shot.trajectory.centres, abs=1e-14)


def test_the_shake_is_told_from_the_move(handheld) -> None:
    steady, shaken, offsets = handheld
    parts = separate(shaken)
    middle = slice(12, -12)
    assert np.abs(parts.smooth_centres - steady.trajectory.centres)[middle].max() < 0.05 * np.abs(offsets).max()
    assert parts.move_parallax[middle] == pytest.approx(steady.parallax_number[middle], rel=0.05)
    shake = np.linalg.norm(np.diff(offsets, axis=0), axis=1) / 4.0
    assert np.median(parts.shake_parallax / shake) == pytest.approx(1, rel=0.05)


def test_without_shake_the_steady_move_remains(handheld) -> None:
    steady, shaken, offsets = handheld
    calm = separate(shaken).combine(shake=0)
    middle = slice(12, -12)
    assert np.abs(calm.trajectory.centres - steady.trajectory.centres)[middle].max() < 0.05 * np.abs(offsets).max()
    lean = Rotation.from_matrix(steady.trajectory.rotations).inv() * Rotation.from_matrix(calm.trajectory.rotations)
    assert lean.magnitude()[middle].max() < 0.003


@pytest.mark.parametrize("strength", [0.5, 2])
def test_shake_scales_in_p_and_in_angle(handheld, strength) -> None:
    parts = separate(handheld[1])
    scaled = parts.combine(shake=strength)
    offsets = scaled.trajectory.centres - parts.smooth_centres
    assert offsets == pytest.approx(strength * parts.offsets, abs=1e-12)
    calm = Rotation.from_matrix(parts.combine(shake=0).trajectory.rotations)
    turns = (calm.inv() * Rotation.from_matrix(scaled.trajectory.rotations)).as_rotvec()
    assert turns == pytest.approx(strength * parts.turns, abs=1e-9)


def test_the_move_scales_under_an_unchanged_shake(handheld) -> None:
    parts = separate(handheld[1])
    half = parts.combine(move=0.5)
    assert np.array_equal(half.trajectory.rotations, handheld[1].trajectory.rotations)
    still = parts.combine(move=0)
    assert still.trajectory.centres - parts.smooth_centres[0] == pytest.approx(parts.offsets, abs=1e-12)


def test_an_orbit_is_all_move(orbit) -> None:
    parts = separate(orbit(97))
    # At the ends nothing tells a bend from a swing; 1 % of the radius is all it costs.
    assert np.abs(parts.offsets).max() < 0.06
    assert np.abs(parts.offsets[12:-12]).max() < 0.01
    assert np.abs(parts.turns).max() < 5e-3
    assert np.abs(parts.turns[12:-12]).max() < 5e-4


@pytest.mark.parametrize(("move", "shake"), [(-1, 1), (1, np.nan), (np.inf, 1)])
def test_shakes_that_cannot_be_are_refused(orbit, move, shake) -> None:
    with pytest.raises(InputError, match="strength"):
        separate(orbit(9)).combine(move, shake)


@pytest.mark.parametrize("cutoff", [0, -1, np.nan, np.inf, 0.01])
def test_cutoffs_that_cannot_be_are_refused(orbit, cutoff) -> None:
    with pytest.raises(InputError, match="cut-off"):
        separate(orbit(97), cutoff)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_short_to_shake_is_all_move(path, imagined, count) -> None:
    shot = imagined(path(5, count=count), 5)
    assert np.array_equal(separate(shot).combine(shake=0).trajectory.centres, shot.trajectory.centres)


@given(seed=seeds, count=st.integers(4, 90))
@settings(max_examples=30)
def test_smoothing_is_the_least_squares_it_says(seed, count) -> None:
    generator = np.random.default_rng(seed)
    times, y, w = np.arange(count) / 24, generator.normal(size=(count, 2)), generator.uniform(0.2, 3, count)
    third = np.zeros((count - 3, count))
    for row in range(count - 3):
        third[row, row : row + 4] = [-1, 3, -3, 1]
    penalty = third.T @ third / (2 * np.pi * 1.5 / 24) ** 6
    full = np.diag(w / w.mean()) + penalty
    banded = np.array([np.append(np.diag(full, k), np.zeros(k)) for k in range(4)])
    expected = solveh_banded(banded, (w / w.mean())[:, None] * y, lower=True)
    assert whittaker(y, times, 1.5, w) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("hertz", [0.25, 0.5, 1, 2, 4])
def test_the_cutoff_is_where_half_is_left(hertz) -> None:
    t = np.linspace(0, 20, 481)
    wave = np.sin(2 * np.pi * hertz * t)[:, None]
    left = whittaker(wave, t, 1.0, np.ones(481))
    middle = slice(100, 381)
    share = np.sum(left[middle] * wave[middle]) / np.sum(wave[middle] ** 2)
    assert share == pytest.approx(1 / (1 + hertz**6), abs=0.01)


def test_parabolas_pass_at_any_rate() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.06, 200))
    path = np.stack([3 + times, times**2], axis=1)
    assert whittaker(path, times, 0.3, np.ones(200)) == pytest.approx(path, rel=1e-9)


def test_frames_of_more_noise_count_less(moving) -> None:
    line = np.arange(49)[:, None] * [0.1, 0, 0]
    bad = np.array(line)
    bad[24, 1] = 1.0
    depth = np.full(49, 2.0)
    far = np.where(np.arange(49) == 24, 20.0, 2.0)
    near_error, far_error = (np.abs(separate(moving(bad, z)).smooth_centres[:, 1]).max() for z in (depth, far))
    assert far_error < near_error / 10
    quality = {"noise_floor": 0.01, "noise_floor_per_step": [0.3 if t in (23, 24) else 0.01 for t in range(48)]}
    listed = np.abs(separate(moving(bad, 2.0, quality=quality)).smooth_centres[:, 1]).max()
    assert listed < near_error / 10


def test_smoothing_takes_out_as_much_as_the_noise_explains(moving) -> None:
    t = np.arange(241) / 24
    steady = np.stack([t, np.sin(0.5 * t), 0 * t], axis=1)
    sigma = 0.004
    noisy = steady + 5.0 * sigma * np.random.default_rng(2).normal(size=steady.shape)
    shot = moving(noisy, 5.0, quality={"noise_floor": 3 * np.sqrt(2) * sigma})
    calm = smooth(shot)
    error = np.sqrt(np.mean((calm.trajectory.centres - steady) ** 2))
    assert error < 0.5 * 5 * sigma
    removed = np.sqrt(np.mean((calm.trajectory.centres - noisy) ** 2)) / 5
    assert removed == pytest.approx(sigma, rel=0.15)
    assert 0.1 < noise_cutoff(shot) < 12


def test_smoothing_by_noise_needs_a_noise_floor(orbit) -> None:
    with pytest.raises(InputError, match="no noise floor"):
        smooth(orbit(97))


def tilted(seed: int, roll: float = 0.4):
    """Cameras that pan and nod, level in a world that is then turned at random; and that world's up."""
    generator = np.random.default_rng(seed)
    yaw, pitch = np.linspace(0, 1.2, 40), 0.3 * np.sin(np.linspace(0, 5, 40)) - 0.4
    world = Rotation.from_euler("zx", [roll, 0.5 * generator.normal()])
    return (world * Rotation.from_euler("YX", np.stack([yaw, pitch], axis=1))).as_matrix(), world.apply([0, -1.0, 0])


@pytest.mark.parametrize("seed", range(5))
def test_a_pan_tells_which_way_is_up(moving, seed) -> None:
    rotations, up = tilted(seed)
    assert up_direction(moving(np.zeros((40, 3)), 1.0, rotations).trajectory) == pytest.approx(up, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_levelled_a_shot_has_its_horizon_level_and_its_p(moving, seed) -> None:
    rotations, _ = tilted(seed)
    line = np.cumsum(np.random.default_rng(seed).normal(size=(40, 3)), axis=0)
    points = Points(line[:5].astype(np.float32), np.zeros((5, 3), np.uint8))
    shot = moving(line, 2.0, rotations, points=points)
    levelled = level(shot)
    assert np.abs(levelled.trajectory.rotations[:, 1, 0]).max() < 1e-9
    assert (levelled.trajectory.rotations[:, 1, 1] > 0).all()
    assert levelled.parallax_number == pytest.approx(shot.parallax_number)
    # Points and cameras turn together.
    before = np.linalg.norm(points.positions[:, None] - line, axis=2)
    after = np.linalg.norm(levelled.points.positions[:, None] - levelled.trajectory.centres, axis=2)
    assert after == pytest.approx(before, abs=1e-4)
    assert np.abs(level(levelled).trajectory.rotations - levelled.trajectory.rotations).max() < 1e-9


@pytest.mark.parametrize("up", [(0, -1, 0), (0, 0, 1)])
def test_a_level_anchor_makes_every_realised_frame_level(moving, up) -> None:
    rotations, _ = tilted(2)
    shot = moving(np.zeros((40, 3)), 1.0, rotations)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("yxz", [0.7, -1.2, 0.2]).as_matrix()
    anchor = View(pose, shot.trajectory.intrinsics[0], 640, 360)
    level_view = level_anchor(shot.trajectory, anchor, up)
    realised = realise(shot.trajectory, level_view, np.ones(39))
    assert np.abs(realised.rotations[:, :, 0] @ up).max() < 1e-9
    assert (realised.rotations[:, :, 1] @ up < 0).all()
    assert np.array_equal(level_view.camera_to_world[:3, 3], pose[:3, 3])


def test_without_a_pan_only_the_roll_is_levelled(moving) -> None:
    looking_down = Rotation.from_euler("xz", [-0.6, 0.2])
    shot = moving(np.arange(5)[:, None] * [1.0, 0, 0], 2.0, np.tile(looking_down.as_matrix(), (5, 1, 1)))
    assert up_direction(shot.trajectory) is None
    levelled = level(shot).trajectory.rotations
    assert np.abs(levelled[:, 1, 0]).max() < 1e-12
    assert levelled[:, :, 2] == pytest.approx(shot.trajectory.rotations[:, :, 2])
    one = dataclasses.replace(shot, name="other")
    assert level(one).parallax_number == pytest.approx(shot.parallax_number)


def test_without_a_pan_the_cameras_are_level_in_the_mean(moving) -> None:
    rolls = np.array([0.3, 0.1, 0.0, -0.1, 0.05])
    shot = moving(np.arange(5)[:, None] * [1.0, 0, 0], 2.0, Rotation.from_euler("z", rolls[:, None]).as_matrix())
    right = level(shot).trajectory.rotations[:, :, 0]
    assert right.mean(axis=0)[1] == pytest.approx(0, abs=1e-12)
    assert np.arctan2(right[:, 1], right[:, 0]) == pytest.approx(rolls - 0.07, abs=3e-3)


@pytest.mark.parametrize(("pitch", "told"), [(-50, True), (-70, False), (-90, False), (70, False)])
def test_a_camera_that_turns_while_it_looks_steeply_may_be_rolling(moving, pitch, told) -> None:
    """Looking straight down and turning is, from the rotations alone, looking ahead and rolling."""
    turning = np.stack([np.linspace(0, 1.2, 40), np.full(40, np.radians(pitch))], axis=1)
    shot = moving(np.arange(40)[:, None] * [1.0, 0, 0], 2.0, Rotation.from_euler("YX", turning).as_matrix())
    up = up_direction(shot.trajectory)
    assert (up is not None) == told
    if up is not None:
        assert up == pytest.approx([0, -1, 0], abs=1e-9)


def test_a_horizon_needs_a_direction_and_a_view_of_it(moving) -> None:
    down = Rotation.from_euler("x", -np.pi / 2).as_matrix()
    shot = moving(np.zeros((3, 3)), 1.0, np.tile(down, (3, 1, 1)))
    with pytest.raises(InputError, match="straight"):
        level(shot)
    with pytest.raises(InputError, match="direction"):
        level_anchor(shot.trajectory, shot.trajectory.view(0), (0, 0, 0))


def test_a_steady_move_takes_the_shake_of_another(handheld) -> None:
    steady, shaken, offsets = handheld
    taken = take_shake(steady, shaken)
    middle = slice(12, -12)
    assert np.abs(taken.trajectory.centres - shaken.trajectory.centres)[middle].max() < 0.1 * np.abs(offsets).max()
    assert taken.trajectory.rotations[middle] == pytest.approx(shaken.trajectory.rotations[middle], abs=2e-3)
    # At twice the depth the same P and the same angles.
    large = dataclasses.replace(steady, median_depth=2 * steady.median_depth)
    far = take_shake(large, shaken).trajectory.centres - steady.trajectory.centres
    near = taken.trajectory.centres - steady.trajectory.centres
    assert far[middle] == pytest.approx(2 * near[middle], abs=0.1 * np.abs(offsets).max())


def test_a_shorter_shake_goes_to_and_fro(handheld) -> None:
    steady, shaken, offsets = handheld
    short = shaken[0:20]
    taken = take_shake(steady, short)
    jumps = np.abs(np.diff(taken.trajectory.centres - steady.trajectory.centres, axis=0)).max()
    assert jumps < 3 * np.abs(np.diff(offsets, axis=0)).max()
    assert separate(taken).shake_parallax[40:].mean() > 0.3 * separate(shaken).shake_parallax.mean()


def test_no_shake_is_taken_at_a_strength_that_is_none(handheld) -> None:
    with pytest.raises(InputError, match="no strength"):
        take_shake(handheld[0], handheld[1], -1.0)
    with pytest.raises(InputError, match="has one frame, and no shake to take"):
        take_shake(handheld[0], handheld[1][:1])
