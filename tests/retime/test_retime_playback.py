"""Backwards, there and back, held, stronger: the shot's own frames, and P counted anew."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.files.shot_file import shot_from_json, shot_to_json
from parascale.parallax.gauge import to_unit_depth
from parascale.retime import (
    at_speed,
    felt_speed,
    hold,
    keep_path,
    ping_pong,
    reverse,
    strengthen,
    typical_speed,
)

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, count=st.integers(1, 15))
@settings(max_examples=50)
def test_reversed_twice_a_shot_is_itself(path, imagined, seed, count) -> None:
    shot = imagined(path(seed, count=count), seed)
    shot = dataclasses.replace(shot, gain=np.linspace(1, 2, count - 1))
    back = reverse(reverse(shot))
    assert np.array_equal(back.trajectory.camera_to_world, shot.trajectory.camera_to_world)
    assert np.array_equal(back.trajectory.intrinsics, shot.trajectory.intrinsics)
    assert back.trajectory.times == pytest.approx(shot.trajectory.times, abs=1e-12)
    assert np.array_equal(back.median_depth, shot.median_depth)
    assert back.gain == pytest.approx(shot.gain)
    assert back.felt_parallax == pytest.approx(shot.felt_parallax)


def test_backwards_steps_start_from_the_other_frame(moving) -> None:
    shot = moving([[0, 0, 0], [0, 0, 1], [0, 0, 3]], [10, 9, 7.0])
    assert shot.parallax_number == pytest.approx([1 / 10, 2 / 9])
    assert reverse(shot).parallax_number == pytest.approx([2 / 7, 1 / 9])


def test_reversed_a_shot_in_unit_depth_has_its_last_depth_as_unit(moving) -> None:
    shot = to_unit_depth(moving([[0, 0, 0], [0, 0, 1], [0, 0, 3]], [10, 9, 7.0]))
    back = reverse(shot)
    assert (back.unit, back.median_depth[0]) == ("unit-depth", 1)
    assert back.parallax_number == pytest.approx([2 / 7, 1 / 9])
    assert reverse(back).trajectory.centres == pytest.approx(shot.trajectory.centres)


@given(seed=seeds, count=st.integers(1, 12))
@settings(max_examples=30)
def test_ping_pong_returns_the_way_it_went(path, imagined, seed, count) -> None:
    shot = imagined(path(seed, count=count), seed)
    both = ping_pong(shot)
    assert len(both) == 2 * count - 1
    assert np.array_equal(both.trajectory.camera_to_world[:count], shot.trajectory.camera_to_world)
    assert np.array_equal(both.trajectory.camera_to_world, both.trajectory.camera_to_world[::-1])
    assert np.array_equal(both.parallax_number[: count - 1], shot.parallax_number)
    assert np.array_equal(both.parallax_number[count - 1 :], reverse(shot).parallax_number)
    assert both.trajectory.times[-1] - both.trajectory.times[0] == pytest.approx(
        2 * (shot.trajectory.times[-1] - shot.trajectory.times[0])
    )


@pytest.mark.parametrize(("at", "frame"), [(0, 0), (0.26, 6), (8 / 24, 8)])
def test_a_hold_is_a_rest_that_retiming_keeps(moving, at, frame) -> None:
    shot = moving(np.arange(9)[:, None] * [1.0, 0, 0])
    held = hold(shot, at, 0.5)
    assert len(held) == 9 + 12
    rests = np.flatnonzero(held.parallax_number == 0)
    assert np.array_equal(rests, np.arange(frame, frame + 12))
    assert np.diff(held.trajectory.times) == pytest.approx(np.full(20, 1 / 24))
    slow = keep_path(held, 201, 24)
    assert (slow.parallax_number == 0).sum() == pytest.approx(120, abs=1)


@pytest.mark.parametrize(
    ("at", "seconds", "message"),
    [
        (-1, 1, "outside"),
        (9, 1, "outside"),
        (np.nan, 1, "outside"),
        (0, -1, "a time"),
        (0, np.inf, "a time"),
        (0, 1e7, "more"),
    ],
)
def test_holds_that_cannot_be_are_refused(orbit, at, seconds, message) -> None:
    with pytest.raises(InputError, match=message):
        hold(orbit(97), at, seconds)


@given(seed=seeds, factor=st.floats(0, 10))
@settings(max_examples=30)
def test_strength_multiplies_p_and_leaves_rotation(path, imagined, seed, factor) -> None:
    shot = imagined(path(seed), seed)
    strong = strengthen(shot, factor)
    assert strong.parallax_number == pytest.approx(factor * shot.parallax_number, rel=1e-9, abs=1e-12)
    assert strong.felt_parallax == pytest.approx(factor * shot.felt_parallax)
    assert np.array_equal(strong.trajectory.rotations, shot.trajectory.rotations)
    assert np.array_equal(strong.trajectory.centres[0], shot.trajectory.centres[0])


def test_full_strength_is_the_shot_to_the_bit(path, imagined) -> None:
    shot = imagined(path(1), 1)
    assert strengthen(shot, 1).digest == shot.digest


def test_the_noise_floor_follows_the_strength(path, imagined) -> None:
    quality = {"noise_floor": 0.01, "noise_floor_per_step": [0.01] * 10 + [None]}
    shot = dataclasses.replace(imagined(path(1), 1), quality=quality)
    weak = strengthen(shot, 0.5)
    assert weak.noise_floor == 0.005
    assert weak.quality["noise_floor_per_step"] == [0.005] * 10 + [None]


def test_half_as_strong_and_twice_as_long(orbit) -> None:
    shot = orbit(97)
    result = strengthen(keep_path(shot, 193, 24), 0.5)
    assert felt_speed(result) == pytest.approx(np.full(192, felt_speed(shot)[0] / 4), rel=3e-3)


def test_a_speed_is_felt_parallax_a_second(moving) -> None:
    shot = moving(np.arange(9)[:, None] * [0.5, 0, 0], 2.0)
    assert typical_speed(shot) == pytest.approx(6.0)
    assert felt_speed(at_speed(shot, 1.5)) == pytest.approx(np.full(8, 1.5))
    felt = dataclasses.replace(shot, felt_parallax=0.5 * shot.parallax_number)
    assert at_speed(felt, 1.5).felt_parallax * 24 == pytest.approx(np.full(8, 1.5))


def test_a_still_shot_has_no_speed_to_change(moving) -> None:
    with pytest.raises(InputError, match="no parallax"):
        at_speed(moving(np.zeros((5, 3))), 1.0)


@pytest.mark.parametrize("factor", [-1, np.nan, np.inf, [1, 2]])
def test_strengths_that_cannot_be_are_refused(orbit, factor) -> None:
    with pytest.raises(InputError, match="strength"):
        strengthen(orbit(9), factor)


def test_every_operation_is_on_record_and_survives_the_file(orbit) -> None:
    shot = dataclasses.replace(orbit(9), provenance={"source": "clip.mp4"})
    result = shot_from_json(shot_to_json(keep_path(strengthen(reverse(hold(shot, 1, 1)), 2), 81, 16)))
    assert result.provenance["source"] == "clip.mp4"
    names = [operation["operation"] for operation in result.provenance["retiming"]]
    assert names == ["hold", "reverse", "strengthen", "keep-path"]
    assert result.provenance["retiming"][-1] == {"operation": "keep-path", "frames": 81, "fps": 16.0}


def test_the_noise_of_steps_goes_with_the_steps(moving) -> None:
    quality = {"noise_floor": 0.02, "noise_floor_per_step": [0.01, None, 0.03]}
    shot = moving(np.arange(4)[:, None] * [1.0, 0, 0], quality=quality)
    assert reverse(shot).quality["noise_floor_per_step"] == pytest.approx([0.03, 0.02, 0.01])
    assert len(keep_path(shot, 30, 24).quality["noise_floor_per_step"]) == 29
