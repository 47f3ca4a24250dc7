import json
import math

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.evaluation.pictures import Picture, drawn_rooms
from parascale.evaluation.probe import GAINS, MOVES, TRAVEL, Plan, Response, fit, moving_shot, probe, saturation
from parascale.generators.preview import Preview
from parascale.generators.profile import profile_to_json, read_profile
from parascale.generators.units import UNITS_PER_DEPTH, units_per_depth
from parascale.generators.wan_fun_camera import WanFunCamera


def quiet(fraction, phase):
    assert 0 <= fraction <= 1


def responses(curve, pictures=("a", "b")):
    """What a generator with a known curve, realised = curve(asked), would answer."""
    asked = {gain: gain * TRAVEL / 32 for gain in GAINS}
    return [
        Response(picture, move, gain, asked[gain], curve(asked[gain]))
        for picture in pictures
        for move in MOVES
        for gain in GAINS
    ]


# --- the fit ---


def test_a_generator_twice_as_fast_needs_half_the_units() -> None:
    profile = fit(WanFunCamera(), responses(lambda p: 2 * p), 3.0, {})
    assert profile.units_per_depth == pytest.approx(1.5)
    assert profile.slope == pytest.approx(1)
    assert profile.spread == pytest.approx(0, abs=1e-12)
    assert (profile.saturates_at, profile.scale_class, profile.measured) == (None, "A", True)


def test_the_slope_is_the_power_of_the_response_whatever_the_pictures_offset() -> None:
    offset = {"a": 1.0, "b": 3.0}
    found = [
        Response(r.picture, r.move, r.gain, r.asked, offset[r.picture] * r.asked**0.9) for r in responses(lambda p: p)
    ]
    assert fit(WanFunCamera(), found, 1.0, {}).slope == pytest.approx(0.9)


def test_one_video_that_was_solved_wrongly_moves_neither_slope_nor_units() -> None:
    found = responses(lambda p: 2 * p)
    found[5] = Response("a", "dolly", found[5].gain, found[5].asked, 3 * found[5].asked)
    profile = fit(WanFunCamera(), found, 1.0, {})
    assert profile.slope == pytest.approx(1)
    assert profile.units_per_depth == pytest.approx(0.5)


def test_a_response_that_stops_growing_saturates_and_is_left_out_of_the_fit() -> None:
    ceiling = 2.5 * TRAVEL / 32
    profile = fit(WanFunCamera(), responses(lambda p: min(p, ceiling)), 1.0, {})
    assert profile.saturates_at == pytest.approx(4 * TRAVEL)
    assert profile.units_per_depth == pytest.approx(1)
    assert profile.slope < 0.95


def test_one_weak_gain_among_others_is_no_saturation() -> None:
    weak = 2.0 * TRAVEL / 32
    assert saturation(responses(lambda p: 0.5 * p if math.isclose(p, weak) else p)) is None


def test_a_scale_that_is_erased_makes_a_class_c_profile_and_a_warning(tmp_path, truck, monkeypatch) -> None:
    profile = fit(WanFunCamera(), responses(lambda p: 0.003), 1.0, {})
    assert profile.scale_class == "C"
    assert profile.slope == pytest.approx(0, abs=1e-12)
    own = tmp_path / "home" / "parascale" / "profiles" / "wan-fun-camera.json"
    own.parent.mkdir(parents=True)
    own.write_text(profile_to_json(profile))
    told = units_per_depth("wan-fun-camera", "A", {UNITS_PER_DEPTH.name: 0.0}, truck())
    assert "calibration has no effect" in told.warnings[0]


def test_videos_that_could_not_be_measured_are_kept_with_the_reason_and_not_fitted() -> None:
    found = responses(lambda p: 2 * p)
    found[3] = Response("a", "truck", found[3].gain, found[3].asked, None, "too dark")
    profile = fit(WanFunCamera(), found, 1.0, {})
    assert profile.units_per_depth == pytest.approx(0.5)
    assert profile.response[3]["realised"] is None
    assert profile.response[3]["reason"] == "too dark"
    with pytest.raises(InputError, match="wan-fun-camera could not be measured: too dark"):
        fit(WanFunCamera(), [Response("a", "truck", g, 0.01, None, "too dark") for g in GAINS], 1.0, {})


def test_a_profile_comes_back_from_its_file(tmp_path) -> None:
    profile = fit(WanFunCamera(), responses(lambda p: 2 * p), 3.0, {"model": "14B"})
    path = tmp_path / "profile.json"
    path.write_text(profile_to_json(profile))
    assert read_profile(path) == profile


# --- the moves ---


@pytest.mark.parametrize("move", MOVES)
def test_a_move_through_a_wall_has_the_p_of_its_travel(move) -> None:
    wall = Picture("wall", np.zeros((48, 80, 3), np.uint8), np.ones((48, 80), np.float32))
    for picture in (wall, Picture("wall", wall.image, None)):
        shot = moving_shot(picture, move, 2.0, Plan((picture,)))
        step = 2 * TRAVEL / 32
        depth = 1 - step * np.arange(32) * (move == "dolly")
        np.testing.assert_allclose(shot.parallax_number, step / depth, rtol=1e-6)


def test_drawn_rooms_have_the_depth_of_what_they_show() -> None:
    first, second = drawn_rooms(2, (96, 64))
    for room in (first, second):
        assert np.median(room.depth) == pytest.approx(1, abs=1e-6)
        assert room.depth.min() > 2 * max(GAINS) * TRAVEL * 0.75
        assert room.image.std() > 20
    assert not np.array_equal(first.depth, second.depth)
    assert np.array_equal(first.image, drawn_rooms(1, (96, 64))[0].image)
    # The floor lies below the camera by one height everywhere: y = depth (row - cy) / f.
    height = first.depth[63, 40:56] * (63.5 - 32) / first.intrinsics[1]
    assert np.ptp(height) < 1e-4


# --- end to end ---


@pytest.mark.slow
def test_the_preview_is_one_by_construction(tmp_path) -> None:
    preview = Preview()
    plan = Plan(drawn_rooms(2, (416, 240)), frames=9)
    profile = probe(preview, plan, preview.generate, quiet)
    assert profile.units_per_depth == pytest.approx(1, rel=0.05)
    assert profile.slope == pytest.approx(1, abs=0.03)
    assert profile.spread < 0.1
    assert profile.saturates_at is None
    assert profile.scale_class == "D"
    from parascale.evaluation.response_plot import draw_response

    draw_response(profile, tmp_path / "response.png")
    assert (tmp_path / "response.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_fast_generator_is_found_out_from_pixels(steered, monkeypatch) -> None:
    monkeypatch.setattr("parascale.evaluation.probe.GAINS", (1.0, 4.0))
    fast = steered(lambda travel: 1.6 * travel)
    plan = Plan(drawn_rooms(1, (416, 240)), frames=9, parameters={"units_per_depth": 0.5})
    profile = probe(fast, plan, fast.generate, quiet)
    assert profile.units_per_depth == pytest.approx(1 / 1.6, rel=0.05)
    assert profile.parameters == {"units_per_depth": 0.5}
    assert json.loads(profile_to_json(profile))["format"] == "parascale-profile"


# --- stopped and gone on with ---


def test_a_stopped_probe_goes_on_after_what_it_measured(tmp_path, monkeypatch) -> None:
    from parascale.errors import Cancelled
    from parascale.evaluation import probe as module
    from parascale.evaluation.probe_journal import ProbeJournal

    picture = Picture("wall", np.zeros((32, 48, 3), np.uint8), None, 60.0)
    plan, calls = Plan((picture,), 9), []

    def measured(request, make, report):
        calls.append(request.shot.name)
        if len(calls) == 4:
            raise Cancelled
        return 1.25, ""

    monkeypatch.setattr(module, "_measure_response", measured)
    journal = ProbeJournal(tmp_path / "p.unfinished.json", "wan-fun-camera", plan)
    with pytest.raises(Cancelled):
        probe(WanFunCamera(), plan, lambda *_: None, quiet, journal.read(), journal.write)
    assert len(journal.read()) == 3
    profile = probe(WanFunCamera(), plan, lambda *_: None, quiet, journal.read(), journal.write)
    assert len(calls) == 4 + 7
    assert calls[4] == calls[3]
    assert len(profile.response) == 10
    assert profile.units_per_depth == pytest.approx(0.8)
    other = ProbeJournal(tmp_path / "p.unfinished.json", "wan-fun-camera", Plan((picture,), 9, seed=1))
    assert other.read() == ()
    (tmp_path / "p.unfinished.json").write_text("{")
    assert journal.read() == ()
