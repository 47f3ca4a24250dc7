"""Other paths that fit a clip as well as the one found: they widen the error of P, or none is given."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.errors import InputError
from parascale.media.video_file import VideoInfo
from parascale.parallax.shot import Shot
from parascale.solve import pipeline
from parascale.solve.clip import Candidate, Clip
from parascale.solve.findings import Findings
from parascale.solve.lens.lens import Lens
from parascale.solve.motion.motion_class import classify_motion
from parascale.solve.outcome import build_moving_shot
from parascale.solve.reconstruction import gate
from parascale.solve.reconstruction.hypotheses import Jury
from parascale.solve.reconstruction.mapping import KeyframeMap
from parascale.solve.reconstruction.rivals import find_rivals
from parascale.solve.tracking.footage import Footage
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

FOCAL = 400.0
FRAMES = np.arange(8)


def aside(count: int = 8) -> Array:
    """Camera-to-world poses that go aside by 0.8 in all, and do not turn."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 0.8, count)
    return poses


def turned(poses: Array, depth: float, angle: float) -> KeyframeMap:
    """A map whose cameras turn by so much in all about a point ahead of the first."""
    seen = np.linalg.inv(poses)[:, :3]
    middle = np.array([0.0, 0.0, depth])
    for pose, part in zip(seen, np.linspace(0, angle, len(poses)), strict=True):
        shown = pose[:, :3] @ middle + pose[:, 3]
        pose[:, :3] = cv2.Rodrigues(np.array([0, part, 0]))[0] @ pose[:, :3]
        pose[:, 3] = shown - pose[:, :3] @ middle
    return KeyframeMap("incremental", seen, FOCAL)


def jury_of(project: Callable[..., Any], points: Array, poses: Array) -> Jury:
    return Jury.of(project(points, poses, FOCAL, noise=0.3).positions, seed=0, threads=1)


def test_a_deep_scene_leaves_one_path(project: Callable[..., Any], cloud: Array) -> None:
    poses = aside()
    right, wrong = turned(poses, 8.0, 0.0), turned(poses, 8.0, 0.12)
    rivals = find_rivals(jury_of(project, cloud, poses), right, [wrong])
    assert rivals.better is None
    assert rivals.spread.max() < 0.02
    # Refined, the wrong one becomes the right one, or it fits worse.
    assert abs(rivals.farthest) < 0.02


def test_a_shallow_scene_seen_narrowly_leaves_several(project: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-0.7, 1.5, 500), rng.uniform(-0.7, 0.7, 500), rng.uniform(9.98, 10.02, 500)])
    poses = aside()
    rivals = find_rivals(jury_of(project, points, poses), turned(poses, 10.0, -0.06), [turned(poses, 10.0, 0.06)])
    assert abs(rivals.farthest) > 0.2
    assert np.median(rivals.spread) > 0.3


def test_a_better_path_is_named(project: Callable[..., Any], cloud: Array) -> None:
    poses = aside()
    jury, wrong = jury_of(project, cloud, poses), turned(poses, 8.0, 0.0)
    # Frames in another order are no path that a refinement leaves.
    wrong.world_to_camera[:] = wrong.world_to_camera[[0, 5, 2, 7, 1, 6, 3, 4]]
    right = turned(poses, 8.0, 0.0)
    better = find_rivals(jury, wrong, [right]).better
    assert better is not None
    assert jury.cost(better) < 0.1 < jury.cost(wrong)


def clip_of(tracks: Tracks) -> Clip:
    """A clip with these tracks, none of whose pictures is looked at."""
    footage = Footage(VideoInfo(640, 360, 24.0, len(FRAMES)), FRAMES, FRAMES / 24, (), ())
    lens = Lens(640, 360, 1.0, 320, 180, 1.0, FOCAL)
    return Clip(Path("aside.mp4"), footage, lens, tracks, tracks.positions)


def solved(
    project: Callable[..., Any], points: Array, depth: float, noise: float, seed: int, share: float = 1.0
) -> tuple[Clip, Candidate]:
    """A clip of these points, and the solution from a share of its true path."""
    poses = aside()
    poses[:, :3, 3] *= share
    clip = clip_of(project(points, poses, FOCAL, noise=noise, seed=seed))
    found = pipeline._complete(clip, FRAMES, turned(poses, depth, 0.0), seed=0)
    assert isinstance(found, Candidate)
    return clip, found


def test_a_path_without_a_rival_keeps_its_error(project: Callable[..., Any], cloud: Array) -> None:
    clip, found = solved(project, cloud, 8.0, 0.4, seed=0)
    assert found.solution.msac_cost > pipeline.CLEAR_COST
    kept = pipeline._compare_with_rivals(clip, found)
    assert kept.solution is found.solution
    assert kept.rival_spread is not None
    assert 0 < kept.rival_spread.max() < 0.05


def test_two_paths_that_fit_alike_are_refused_beyond_a_factor(project: Callable[..., Any]) -> None:
    # Which path a mapper ends in is chance here: the first clip with another one that is far off and no better.
    for seed in range(12):
        rng = np.random.default_rng(seed)
        points = rng.uniform([-0.7, -0.7, 9.98], [1.5, 0.7, 10.02], (300, 3))
        clip, found = solved(project, points, 10.0, 0.4, seed)
        rivals = pipeline._find_rivals(clip, found)
        factor = np.exp(abs(rivals.farthest))
        if rivals.better is None and factor > pipeline.MAX_RIVAL_FACTOR:
            break
    else:
        pytest.fail("no clip leaves two paths open")
    told = f"two camera paths fit alike, one with {factor:.1f} times the Parallax Number"
    with pytest.raises(InputError, match=told):
        pipeline._compare_with_rivals(clip, found)


@pytest.mark.parametrize("share", [0.03, 0.04, 0.06, 0.12])
def test_a_move_too_small_to_be_measured_has_a_bound(project: Callable[..., Any], cloud: Array, share: float) -> None:
    clip, found = solved(project, cloud, 8.0, 0.3, seed=0, share=share)
    kept = pipeline._pass_gate(clip, found, [found])
    assert kept.hidden_parallax is not None
    hidden = pipeline._bound_parallax(kept.hidden_parallax, kept, classify_motion(clip.tracks, FOCAL, 640))
    true = share * 0.8 / 7 * float(np.median(1 / cloud[:, 2]))
    # Three standard deviations are the noise floor. A map alone would say a tenth of the truth of the smallest.
    assert true < 3 * hidden < 20 * true


def test_a_map_whose_steps_have_no_known_noise_leaves_a_finite_bound(project: Callable[..., Any], cloud: Array) -> None:
    clip, found = solved(project, cloud, 8.0, 0.3, seed=0, share=0.06)
    poor = replace(found, solution=replace(found.solution, noise=np.full(7, np.inf)))
    mine = pipeline._pass_gate(clip, found, [found]).hidden_parallax
    both = pipeline._pass_gate(clip, found, [found, poor]).hidden_parallax
    assert mine is not None
    assert both == mine


def test_a_turn_through_a_lens_that_bends_lines_is_no_move(project: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    depth = rng.uniform(3, 15, 1500)
    points = np.column_stack([rng.uniform(-1.6, 1.6, 1500) * depth, rng.uniform(-0.6, 0.6, 1500) * depth, depth])
    poses = aside()
    poses[:, :3, 3] *= 0.025
    poses[:, :3, :3] = [cv2.Rodrigues(np.array([0, turn, 0]))[0] for turn in np.linspace(0, 0.3, 8)]
    straight = project(points, poses, FOCAL, noise=0.1).positions
    bend = 1 - 0.1 * ((straight / FOCAL) ** 2).sum(axis=2, keepdims=True)
    bent = straight * bend
    tracks = Tracks(bent).keep(np.isfinite(bent[:, :, 0]).sum(axis=0) >= 4)
    clip = clip_of(tracks)
    report = pipeline._Reporter(None, None)
    first = pipeline._find_candidate(clip, 0.16, 0, report, Findings())
    # Without distortion the bend looks like a move thirty times as far as the true one.
    assert first.hidden_parallax is None
    true = 0.02 * float(np.median(1 / depth))
    assert first.solution.parallax_bounds[1] > 10 * true
    undistorted, found = pipeline._find_best_candidate(clip, 0.16, report, Findings())
    assert undistorted.k1 is not None
    assert found.hidden_parallax is not None
    assert found.hidden_parallax >= first.solution.parallax_bounds[0]


def test_what_is_rejected_for_more_than_a_small_move_is_refused(project: Callable[..., Any], cloud: Array) -> None:
    clip, found = solved(project, cloud, 8.0, 0.3, seed=0, share=0.12)
    jumps = replace(found, solution=replace(found.solution, rejection_reason="the path jumps at frame 3"))
    with pytest.raises(InputError, match="jumps at frame 3"):
        pipeline._pass_gate(clip, jumps, [jumps])
    # Another map, whose path spans more than a tenth of the depth.
    poses = found.solution.world_to_camera.copy()
    poses[:, :, 3] *= 20
    large = replace(found, solution=replace(found.solution, world_to_camera=poses))
    with pytest.raises(InputError, match=gate.SMALL_MOVE):
        pipeline._pass_gate(clip, found, [found, large])


@pytest.mark.slow
def test_what_stays_open_widens_the_error_and_a_p_less_sure_than_itself_is_refused(
    clips: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[Clip, Candidate]] = []

    def build(clip: Clip, candidate: Candidate) -> Shot:
        built.append((clip, candidate))
        return build_moving_shot(clip, candidate)

    monkeypatch.setattr(pipeline, "build_moving_shot", build)
    before = pipeline.solve(clips("arc").path, focal=400.0, threads=2)
    ((clip, candidate),) = built

    def with_spread(spread: float) -> Shot:
        between = np.full(len(candidate.keyframes) - 1, spread)
        return build_moving_shot(clip, replace(candidate, rival_spread=between))

    assert candidate.rival_spread is None
    after = with_spread(0.3)
    assert before.parallax_sigma is not None
    assert after.parallax_sigma is not None
    np.testing.assert_allclose(after.parallax_number, before.parallax_number)
    expected = np.hypot(before.parallax_sigma, 0.3 * before.parallax_number)
    np.testing.assert_allclose(after.parallax_sigma, expected, rtol=1e-6)
    with pytest.raises(InputError, match=r"does not show how far it looks: its Parallax Number is uncertain by 1\.5"):
        with_spread(1.5)
