"""Calibration in scenes known in closed form. Depth of the result is measured again by the test itself."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.camera import Trajectory, View
from parascale.errors import Cancelled, InputError
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.depth_source import ConstantDepth, DepthSamples
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.methods import METHODS
from parascale.parallax.metrics import compare, pce
from parascale.parallax.shot import Shot

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(1e-3, 1e3)
few = settings(max_examples=15)
LENS = np.array([500.0, 500.0, 320.0, 180.0])


def depth_measured_again(shot: Shot, scene) -> np.ndarray:
    path = shot.trajectory
    depths = []
    for t in range(len(path)):
        samples = scene(path.camera_to_world[t], path.intrinsics[t], path.size, t)
        ordered = np.sort(samples.depth[samples.hit])
        depths.append(ordered[(len(ordered) - 1) // 2])
    return np.array(depths)


def asked_and_shown(shot: Shot, reference: Shot, scene) -> tuple[np.ndarray, np.ndarray]:
    steps = np.linalg.norm(np.diff(shot.trajectory.centres, axis=0), axis=1)
    return reference.parallax_number, steps / depth_measured_again(shot, scene)[:-1]


class TestClosedLoop:
    @few
    @given(seed=seeds)
    def test_pce_is_zero_where_the_geometry_is_known(self, path, imagined, room, anchor, seed: int) -> None:
        reference = imagined(path(seed), seed)
        result = calibrate(reference, room, anchor)
        asked, shown = asked_and_shown(result.shot, reference, room)
        assert pce(shown, asked) < 1e-12
        assert result.report.pce < 1e-12
        assert np.array_equal(result.shot.median_depth, depth_measured_again(result.shot, room))

    def test_a_dolly_towards_a_wall_by_hand(self, straight, traced) -> None:
        # Z' = 8 - z and P = 1/4 every step: each step goes a quarter of the way that is left.
        reference = dataclasses.replace(
            Shot("dolly", 24, straight([0, 0, 1], count=4), np.ones(4)), median_depth=np.ones(4)
        )
        poses = np.tile(np.eye(4), (4, 1, 1))
        poses[:, 2, 3] = [0, 0.25, 0.5, 0.75]
        reference = Shot("dolly", 24, Trajectory(poses, LENS, np.arange(4) / 24, 640, 360), np.ones(4))
        wall = traced((((0.0, 0.0, 1.0), 8.0),))
        result = calibrate(reference, wall, View(np.eye(4), LENS, 640, 360))
        assert result.shot.trajectory.centres[:, 2] == pytest.approx([0, 2, 3.5, 4.625])
        assert result.shot.gain == pytest.approx([8, 6, 4.5])
        assert result.report.nearest_surface >= 3.375
        assert result.report.nearest_surface_frame == 3

    @few
    # A move of less than a millionth of where the camera stands is lost in the rounding of its place.
    @given(seed=seeds, amount=st.just(0.0) | st.floats(1e-4, 3))
    def test_strength_multiplies_the_parallax_number(
        self, path, imagined, room, anchor, seed: int, amount: float
    ) -> None:
        reference = imagined(path(seed, reach=0.3), seed)
        strength = amount * np.linspace(0.5, 1, len(reference) - 1)
        result = calibrate(reference, room, anchor, Settings(strength=strength))
        asked, shown = asked_and_shown(result.shot, reference, room)
        assert shown == pytest.approx(strength * asked, rel=1e-9, abs=1e-12)
        assert result.report.pce < 1e-9


class TestFelt:
    @few
    @given(seed=seeds)
    def test_felt_error_is_zero_in_a_known_scene(self, path, imagined, room, anchor, seed: int) -> None:
        reference = imagined(path(seed), seed)
        result = calibrate(reference, room, anchor, Settings("felt"))
        assert result.report.felt_error < 1e-12
        assert compare(result.shot, reference).felt_error < 1e-12

    @few
    @given(seed=seeds, angle=st.floats(0, 6.28))
    def test_it_is_closed_loop_for_sideways_moves(self, straight, film, room, anchor, seed: int, angle: float) -> None:
        """Exact over any surface, for then every point moves by |b| / Z and the median commutes with 1 / Z."""
        generator = np.random.default_rng(seed)
        reference = film(straight([math.cos(angle), math.sin(angle), 0], reach=generator.uniform(0.1, 1)), room)
        felt, closed = (calibrate(reference, room, anchor, Settings(method)).shot for method in ("felt", "closed-loop"))
        assert felt.gain == pytest.approx(closed.gain, rel=1e-12)
        assert felt.trajectory.centres == pytest.approx(closed.trajectory.centres, rel=1e-12)

    def test_it_differs_from_closed_loop_for_forward_moves_over_uneven_depth(
        self, straight, film, room, traced
    ) -> None:
        reference = film(straight([0, 0, 1], reach=2), room)
        wall = traced((((0.0, 0.0, 1.0), 20.0),))
        view = View(np.eye(4), LENS, 640, 360)
        felt, closed = (calibrate(reference, wall, view, Settings(method)).report for method in ("felt", "closed-loop"))
        assert felt.felt_error < 1e-12
        assert closed.felt_error > 0.05
        assert closed.pce < 1e-12
        assert felt.pce > 0.05

    def test_a_reference_without_felt_parallax_is_refused(self, path, imagined, room, anchor) -> None:
        reference = dataclasses.replace(imagined(path(0)), felt_parallax=None)
        with pytest.raises(InputError, match="felt parallax"):
            calibrate(reference, room, anchor, Settings("felt"))

    def test_rests_hold_the_gain(self, straight, film, room, anchor) -> None:
        poses = np.array(straight([1, 0, 1]).camera_to_world)
        poses[3:6] = poses[3]
        path = Trajectory(poses, LENS, np.arange(12) / 24, 640, 360)
        result = calibrate(film(path, room), room, anchor, Settings("felt"))
        assert np.ptp(result.shot.gain[2:5]) == 0
        assert result.shot.felt_parallax[3:5].tolist() == [0, 0]
        assert result.report.felt_error < 1e-12


class TestOtherMethods:
    @given(seed=seeds, depth=scales)
    def test_static_is_closed_loop_where_the_depth_does_not_change(
        self, path, imagined, anchor, seed: int, depth: float
    ) -> None:
        reference = imagined(path(seed), seed)
        static, closed = (
            calibrate(reference, ConstantDepth(depth, (4, 3)), anchor, Settings(method)).shot
            for method in ("static", "closed-loop")
        )
        assert static.trajectory.centres == pytest.approx(closed.trajectory.centres, rel=1e-12)

    @given(seed=seeds, depth=scales, reference_depth=scales)
    def test_raw_transfer_is_wrong_by_the_scale_gap(
        self, path, anchor, seed: int, depth: float, reference_depth: float
    ) -> None:
        """Theorem 1."""
        reference = Shot("flat", 24, path(seed), np.full(12, reference_depth))
        result = calibrate(reference, ConstantDepth(depth, (4, 3)), anchor, Settings("raw"))
        metrics = compare(result.shot, reference)
        if reference.parallax_number.min() > 1e-6 and result.shot.parallax_number.min() > 1e-6:
            assert metrics.pce == pytest.approx(abs(math.log(reference_depth / depth)), abs=1e-9)
            assert metrics.pce_scale_gap == pytest.approx(math.log(reference_depth / depth), abs=1e-9)
            assert metrics.pce_profile < 1e-9

    def test_gains_by_hand(self, anchor) -> None:
        poses = np.tile(np.eye(4), (4, 1, 1))
        poses[:, 0, 3] = [0, 3, 4, 2]
        reference = Shot("x", 24, Trajectory(poses, LENS, np.arange(4), 640, 360), [1, 4, 2, 9], metres_per_unit=0.5)
        target = ConstantDepth(6.0, (4, 3))
        gains = {
            method: calibrate(reference, target, anchor, Settings(method), metres_per_unit=0.25).shot.gain
            for method in METHODS
            if method != "felt"
        }
        assert gains["static"] == pytest.approx([6, 1.5, 3])
        assert gains["closed-loop"] == pytest.approx([6, 1.5, 3])
        assert gains["global"] == pytest.approx([3, 3, 3])
        assert gains["global-norm"] == pytest.approx([1.5] * 3)
        assert gains["metric"] == pytest.approx([2] * 3)
        assert gains["raw"] == pytest.approx([1] * 3)

    @few
    @given(seed=seeds)
    def test_global_keeps_the_shape(self, path, imagined, room, anchor, seed: int) -> None:
        reference = imagined(path(seed), seed)
        report = calibrate(reference, room, anchor, Settings("global")).report
        assert report.gain_range[0] == report.gain_range[1]
        assert (report.largest_jump, report.pce_global) == (0, pytest.approx(report.pce))
        assert report.loop_closure < 1e-9

    @pytest.mark.parametrize("side", ["reference", "target"])
    def test_metric_needs_metres_on_both_sides(self, path, imagined, room, anchor, side: str) -> None:
        reference = imagined(path(0), metres_per_unit=None if side == "reference" else 1.0)
        with pytest.raises(InputError, match=f"the {side} does not know"):
            calibrate(reference, room, anchor, Settings("metric"), metres_per_unit=None if side == "target" else 1.0)

    def test_metric_replays_metres_in_metres(self, path, imagined, room, anchor) -> None:
        reference = imagined(path(0), unit="m")
        result = calibrate(reference, room, anchor, Settings("metric"), unit="m")
        assert result.shot.gain.tolist() == [1] * 11
        assert result.shot.metres_per_unit == 1


class TestGauges:
    @few
    @given(seed=seeds, k=scales, method=st.sampled_from(["closed-loop", "felt", "static", "global", "global-norm"]))
    def test_the_path_does_not_know_the_gauge_of_the_reference(
        self, path, imagined, room, anchor, seed, k, method
    ) -> None:
        """Proposition 2: (c, Z) -> (k c, k Z) of the reference changes nothing of the result."""
        reference = imagined(path(seed), seed)
        one, other = (
            calibrate(shot, room, anchor, Settings(method)) for shot in (reference, scale_gauge(reference, k))
        )
        assert other.shot.trajectory.centres == pytest.approx(one.shot.trajectory.centres, rel=1e-8, abs=1e-9)
        assert k * other.shot.gain == pytest.approx(one.shot.gain, rel=1e-8)

    @few
    @given(seed=seeds, k=scales, method=st.sampled_from(["closed-loop", "felt", "static", "global", "global-norm"]))
    def test_the_path_scales_with_the_unit_of_the_target(self, path, imagined, room, anchor, seed, k, method) -> None:
        """Proposition 2, the other side: a target k times as large gets a path k times as large, and the same P."""
        reference = imagined(path(seed), seed)
        pose = np.array(anchor.camera_to_world)
        pose[:3, 3] *= k
        large = calibrate(reference, dataclasses.replace(room, scale=k), View(pose, LENS, 640, 360), Settings(method))
        small = calibrate(reference, room, anchor, Settings(method))
        assert large.shot.trajectory.centres == pytest.approx(k * small.shot.trajectory.centres, rel=1e-7, abs=1e-8 * k)
        assert large.shot.parallax_number == pytest.approx(small.shot.parallax_number, rel=1e-7)

    @few
    @given(seed=seeds, k=scales)
    def test_limits_do_not_know_the_gauge(self, path, imagined, room, anchor, seed: int, k: float) -> None:
        reference, limits = imagined(path(seed), seed), Settings(max_gain_change=0.3, max_gain_step=0.05)
        one, other = (calibrate(shot, room, anchor, limits).shot for shot in (reference, scale_gauge(reference, k)))
        assert other.trajectory.centres == pytest.approx(one.trajectory.centres, rel=1e-8, abs=1e-9)


class TestRestAndGaps:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("depth", [2.0, np.nan])
    def test_a_reference_that_only_turns_stays_at_the_anchor(
        self, path, room, anchor, method: str, depth: float
    ) -> None:
        poses = np.array(path(1, turn=1.0).camera_to_world)
        poses[:, :3, 3] = [1, 2, 3]
        still = Trajectory(poses, LENS, np.arange(12) / 24, 640, 360)
        reference = Shot(
            "pan", 24, still, np.full(12, depth), "m", motion_class="rotation-only", felt_parallax=np.zeros(11)
        )
        result = calibrate(reference, room, anchor, Settings(method), unit="m")
        assert np.ptp(result.shot.trajectory.centres, axis=0).tolist() == [0, 0, 0]
        assert result.shot.parallax_number.tolist() == [0] * 11
        assert result.report.pce == 0
        assert result.shot.motion_class == "rotation-only"
        assert np.isfinite(result.shot.gain).all()
        assert math.isnan(result.report.loop_closure)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_single_frame_is_the_anchor(self, room, anchor, method: str) -> None:
        one = Trajectory(np.eye(4)[None], LENS, [0.0], 640, 360)
        result = calibrate(Shot("one", 24, one, [1.0], "m", felt_parallax=[]), room, anchor, Settings(method), unit="m")
        assert result.shot.trajectory.centres.tolist() == anchor.camera_to_world[None, :3, 3].tolist()
        json.dumps(result.report.as_json(), allow_nan=False)

    def test_without_surface_the_last_gain_holds_and_it_is_said(self, straight, imagined, anchor) -> None:
        def gappy(camera_to_world, intrinsics, size, frame) -> DepthSamples:
            samples = ConstantDepth(5.0 + frame, (4, 3))(camera_to_world, intrinsics, size, frame)
            return samples if frame not in (3, 4, 11) else dataclasses.replace(samples, hit=np.zeros(12, bool))

        result = calibrate(imagined(straight([1, 0, 0])), gappy, anchor)
        assert result.shot.gain[2] == result.shot.gain[3] == result.shot.gain[4] != result.shot.gain[5]
        assert result.report.frames_without_surface == (3, 4, 11)
        assert np.isnan(result.shot.median_depth[[3, 4, 11]]).all()
        assert result.report.pce < 1e-12
        (warning,) = result.report.warnings
        assert "3-4, 11" in warning

    def test_a_gap_in_the_references_depth_is_bridged_and_it_is_said(self, straight, room, anchor) -> None:
        """The depth goes on changing while it is not known: ln Z is linear over the gap."""
        path = straight([1, 0, 0])
        depth = 3.0 * 1.1 ** np.arange(12)
        whole = calibrate(Shot("x", 24, path, depth), room, anchor)
        depth[[5, 6]] = np.nan
        result = calibrate(Shot("x", 24, path, depth), room, anchor)
        assert result.shot.gain == pytest.approx(whole.shot.gain, rel=1e-12)
        assert any("5-6" in warning and "interpolated" in warning for warning in result.report.warnings)

    def test_at_the_end_of_the_references_depth_the_last_gain_holds_and_it_is_said(
        self, straight, room, anchor
    ) -> None:
        depth = np.full(12, 3.0)
        depth[[9, 10, 11]] = np.nan
        result = calibrate(Shot("x", 24, straight([1, 0, 0]), depth), room, anchor)
        assert result.shot.gain[8] == result.shot.gain[9] == result.shot.gain[10]
        assert any("9-10" in warning for warning in result.report.warnings)

    def test_no_surface_in_frame_0_is_refused(self, path, imagined, traced, anchor) -> None:
        with pytest.raises(InputError, match="no surface in frame 0"):
            calibrate(imagined(path(0)), traced(), anchor)

    def test_no_reference_depth_in_frame_0_is_refused(self, straight, room, anchor) -> None:
        with pytest.raises(InputError, match="frame 0 of 'x' has no depth"):
            calibrate(Shot("x", 24, straight([1, 0, 0]), [np.nan] + [1.0] * 11), room, anchor)

    @pytest.mark.parametrize("depth", [np.nan, -1.0, np.inf])
    def test_a_source_that_hits_nonsense_sees_no_surface(self, path, imagined, anchor, depth: float) -> None:
        with pytest.raises(InputError, match="no surface"):
            calibrate(imagined(path(0)), ConstantDepth(depth), anchor)


class TestSmoothAndLimits:
    def test_limits_hold(self, path, imagined, room, anchor) -> None:
        reference = imagined(path(5, reach=2))
        free = calibrate(reference, room, anchor).report
        assert free.largest_jump > 0.05
        result = calibrate(reference, room, anchor, Settings(max_gain_change=0.2, max_gain_step=0.05))
        logs = np.log(result.shot.gain)
        assert np.abs(np.diff(logs)).max() <= 0.05 + 1e-12
        assert np.abs(logs - logs[0]).max() <= 0.2 + 1e-12
        assert result.report.pce > 0.01

    @pytest.mark.parametrize("method", ["closed-loop", "felt", "static"])
    def test_smoothing_calms_the_gain_and_says_what_it_cost(self, straight, film, room, anchor, method: str) -> None:
        calm = film(straight([1, 0, 0.3], count=60), room)
        shaky = calm.median_depth * np.exp(np.random.default_rng(0).normal(0, 0.1, 60))
        reference = dataclasses.replace(
            calm, median_depth=shaky, felt_parallax=calm.felt_parallax * (shaky / calm.median_depth)[:-1]
        )
        rough, smooth = (calibrate(reference, room, anchor, Settings(method, smooth=f)) for f in (0.0, 4.0))
        assert smooth.report.largest_jump < 0.3 * rough.report.largest_jump
        assert smooth.report.warnings == ()
        error = smooth.report.felt_error if method == "felt" else smooth.report.pce
        assert 0.02 < error < 0.3

    def test_smoothing_settles_on_gains_that_fit_the_path_they_make(self, straight, film, room, anchor) -> None:
        """At the fixed point the filtered gain is the filter of what is measured on its own path."""
        fine = dataclasses.replace(room, grid=(64, 36))
        reference = film(straight([0.3, 0, 1], count=40, reach=2), fine)
        result = calibrate(reference, fine, anchor, Settings(smooth=3.0))
        wanted = np.log(depth_measured_again(result.shot, fine)[:-1] / reference.median_depth[:-1])
        kernel = np.exp(-0.5 * (np.subtract.outer(np.arange(39), np.arange(39)) / 3.0) ** 2)
        kernel[np.abs(np.subtract.outer(np.arange(39), np.arange(39))) > 12] = 0
        assert np.log(result.shot.gain) == pytest.approx(kernel @ wanted / kernel.sum(axis=1), abs=1.5e-3)

    def test_a_constant_gain_is_not_changed_by_smoothing(self, path, anchor) -> None:
        reference = Shot("flat", 24, path(2), np.full(12, 3.0))
        one, other = (
            calibrate(reference, ConstantDepth(7.0), anchor, Settings(smooth=f)).shot.gain for f in (0.0, 5.0)
        )
        assert other == pytest.approx(one, rel=1e-12)


class TestLens:
    WIDE = np.array([300.0, 330.0, 300.0, 200.0])

    def zoom(self, straight, film, room, direction: list[float]) -> Shot:
        lens = np.tile(LENS, (12, 1))
        lens[:, :2] *= np.linspace(1, 2, 12)[:, None]
        path = straight(direction, reach=0.5)
        return film(Trajectory(path.camera_to_world, lens, path.times, 640, 360), room)

    def view(self, anchor) -> View:
        return View(anchor.camera_to_world, self.WIDE, 1280, 720)

    def test_keep_keeps_the_targets(self, straight, film, room, anchor) -> None:
        result = calibrate(self.zoom(straight, film, room, [1, 0, 0]), room, self.view(anchor))
        assert (result.shot.trajectory.intrinsics == self.WIDE).all()
        assert result.shot.trajectory.size == (1280, 720)

    def test_copy_takes_field_of_view_and_zoom(self, straight, film, room, anchor) -> None:
        reference = self.zoom(straight, film, room, [1, 0, 0])
        lens = calibrate(reference, room, self.view(anchor), Settings(lens="copy")).shot.trajectory.intrinsics
        assert lens[:, 0] / 1280 == pytest.approx(reference.trajectory.intrinsics[:, 0] / 640)
        assert lens[:, 1] / lens[:, 0] == pytest.approx(np.full(12, 1.1))
        assert (lens[:, 2:] == self.WIDE[2:]).all()

    @pytest.mark.parametrize("method", ["closed-loop", "felt"])
    def test_compensate_keeps_sideways_motion_in_frame_widths(self, straight, film, room, anchor, method: str) -> None:
        reference = self.zoom(straight, film, room, [1, 0, 0])
        result = calibrate(reference, room, self.view(anchor), Settings(method, lens="compensate"))
        asked = reference.felt_parallax * reference.trajectory.intrinsics[:-1, 0] / 640
        shown = result.shot.felt_parallax * self.WIDE[0] / 1280
        assert shown == pytest.approx(asked, rel=1e-9)
        assert result.report.pce < 1e-9

    def test_compensate_asks_for_nothing_new_where_the_lenses_agree(self, path, imagined, room, anchor) -> None:
        reference = imagined(path(4))
        one, other = (calibrate(reference, room, anchor, Settings(lens=lens)).shot for lens in ("keep", "compensate"))
        assert other.gain == pytest.approx(one.gain, rel=1e-12)

    def test_a_dolly_needs_no_compensation_over_fronto_parallel_depth(self, straight, film, traced, anchor) -> None:
        """Phi(d_z) is the median of |u| in frame widths whatever the focal length."""
        wall = traced((((0.0, 0.0, 1.0), 10.0),))
        reference = film(straight([0, 0, 1], reach=2), wall)
        wide = View(np.eye(4), [300, 300, 320, 180], 640, 360)
        one, other = (calibrate(reference, wall, wide, Settings(lens=lens)).shot for lens in ("keep", "compensate"))
        assert other.gain == pytest.approx(one.gain, rel=1e-12)


class TestReport:
    def orbit(self, count: int = 41) -> Trajectory:
        """Once around a point 4 ahead, which stays in the middle of the frame."""
        angle = np.linspace(0, 2 * np.pi, count)
        poses = np.tile(np.eye(4), (count, 1, 1))
        poses[:, 0, 3], poses[:, 2, 3] = -4 * np.sin(angle), 4 - 4 * np.cos(angle)
        poses[:, 0, 0] = poses[:, 2, 2] = np.cos(angle)
        poses[:, 0, 2], poses[:, 2, 0] = np.sin(angle), -np.sin(angle)
        return Trajectory(poses, LENS, np.arange(count) / 24, 640, 360)

    def test_an_orbit_at_one_gain_closes_and_holds_its_subject(self) -> None:
        reference = Shot("orbit", 24, self.orbit(), np.full(41, 4.0))
        report = calibrate(reference, ConstantDepth(10.0), View(np.eye(4), LENS, 640, 360)).report
        assert report.loop_closure < 1e-12
        assert report.subject_drift < 1e-12
        assert report.gain_range == pytest.approx((2.5, 2.5))
        assert report.nearest_surface == pytest.approx(10, rel=0.01)

    def test_an_orbit_whose_gain_doubles_half_way_does_not_close(self) -> None:
        def deepens(camera_to_world, intrinsics, size, frame) -> DepthSamples:
            return ConstantDepth(4.0 if frame < 20 else 8.0)(camera_to_world, intrinsics, size, frame)

        reference = Shot("orbit", 24, self.orbit(), np.full(41, 4.0))
        report = calibrate(reference, deepens, View(np.eye(4), LENS, 640, 360)).report
        # Half way round is 8 behind the start; twice the way back is 8 too far, of a path of 3/2 circumferences.
        assert report.loop_closure == pytest.approx(8 / (3 * np.pi * 4), rel=0.01)
        assert report.largest_jump == pytest.approx(math.log(2))
        assert report.largest_jump_frame == 20
        assert report.subject_drift > 0.1
        assert report.pce < 1e-12 < report.pce_global

    def test_global_beside_is_what_global_would_leave(self, path, imagined, room, anchor) -> None:
        reference = imagined(path(7))
        beside = calibrate(reference, room, anchor).report.pce_global
        assert beside == pytest.approx(calibrate(reference, room, anchor, Settings("global")).report.pce, rel=1e-12)

    def test_a_calibration_costs_little_more_than_a_look_a_frame(self, path, imagined, room, anchor) -> None:
        looked = []

        def counted(*arguments) -> DepthSamples:
            looked.append(arguments[3])
            return room(*arguments)

        calibrate(imagined(path(7, count=81)), counted, anchor)
        assert looked[:81] == list(range(81))
        assert len(looked) <= 81 + 16

    def test_the_shot_says_how_it_was_made(self, path, imagined, room, anchor) -> None:
        reference = dataclasses.replace(imagined(path(7)), provenance={"solver": "x"}, frames=np.arange(12) + 100)
        result = calibrate(reference, room, anchor, Settings("static", smooth=2.0))
        made = result.shot.provenance["calibration"]
        assert (made["method"], made["smooth"], made["reference"]) == ("static", 2.0, "imagined")
        assert made["reference_digest"] == reference.digest
        assert made["target_depth"] == result.shot.median_depth[0]
        assert result.shot.provenance["reference"] == {"solver": "x"}
        assert result.shot.frames.tolist() == reference.frames.tolist()
        assert (result.shot.trajectory.times == reference.trajectory.times).all()

    def test_doubts_about_the_reference_are_passed_on(self, path, imagined, room, anchor) -> None:
        reference = imagined(path(7), quality={"noise_floor": 10.0, "focal_observable": False})
        warnings = " ".join(calibrate(reference, room, anchor).report.warnings)
        assert "11 of 11 steps" in warnings
        assert "focal length" in warnings


class TestRunning:
    def test_progress_rises_to_one(self, path, imagined, room, anchor) -> None:
        seen = []
        calibrate(imagined(path(0)), room, anchor, progress=lambda share, phase: seen.append((share, phase)))
        shares = [share for share, _ in seen]
        assert shares == sorted(shares)
        assert 0 < shares[0] < shares[-1] <= 1
        assert {phase for _, phase in seen} == {"Measuring the target"}

    def test_cancel_stops_before_the_next_look(self, path, imagined, room, anchor) -> None:
        looked = []

        def counted(*arguments) -> DepthSamples:
            looked.append(arguments[3])
            return room(*arguments)

        with pytest.raises(Cancelled):
            calibrate(imagined(path(0)), counted, anchor, cancelled=lambda: len(looked) >= 3)
        assert looked == [0, 1, 2]

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"method": "magic"}, "the method 'magic'"),
            ({"lens": "fisheye"}, "the lens 'fisheye'"),
            ({"strength": -1.0}, "strength"),
            ({"strength": math.nan}, "strength"),
            ({"smooth": -1.0}, "smooth"),
            ({"smooth": math.inf}, "smooth"),
            ({"max_gain_step": math.nan}, "max_gain_step"),
        ],
    )
    def test_impossible_settings_are_refused(self, settings: dict, message: str) -> None:
        with pytest.raises(InputError, match=message):
            Settings(**settings)

    def test_strength_of_another_length_is_refused(self, path, imagined, room, anchor) -> None:
        with pytest.raises(InputError, match="one number or 11"):
            calibrate(imagined(path(0)), room, anchor, Settings(strength=np.ones(5)))
