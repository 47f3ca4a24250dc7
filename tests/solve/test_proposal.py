"""What a camera holds is proposed; where it holds nothing, nothing is."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.parallax.shot import Shot
from parascale.solve.subject.proposal import find_fixations, find_followed
from parascale.types import Array

LENS = np.array([400.0, 400.0, 240.0, 135.0])


def shot_of(poses: Array, depth: float = 8.0) -> Shot:
    path = Trajectory(poses, LENS, np.arange(len(poses)) / 16, 480, 270)
    return Shot("reference", 16, path, np.full(len(poses), depth))


@pytest.mark.parametrize(("kind", "target"), [("orbit", (0, 0.6, 7.5)), ("arc", (0, 0.2, 7.5))])
def test_the_point_that_the_camera_turns_about_is_proposed(
    rendered: ModuleType, kind: str, target: tuple[float, float, float]
) -> None:
    poses = rendered.move(kind, 32, 0.7)
    (subject,) = find_fixations(shot_of(poses))
    assert subject.in_frame.all()
    np.testing.assert_allclose(subject.centre, 0, atol=1e-9)
    assert subject.depth is not None
    np.testing.assert_allclose(subject.depth, np.linalg.norm(target - poses[:, :3, 3], axis=1), rtol=1e-9)


@pytest.mark.parametrize("kind", ["dolly-in", "dolly-out", "truck", "handheld", "pan", "static"])
def test_a_camera_that_holds_nothing_has_no_subject(rendered: ModuleType, kind: str) -> None:
    assert find_fixations(shot_of(rendered.move(kind, 32, 0.7))) == ()


def test_one_point_hands_over_to_the_next(rendered: ModuleType) -> None:
    u = np.linspace(-0.5, 0.5, 32)[:, None]
    centres = np.concatenate([np.hstack([3 * u, 0 * u, 0 * u]), np.hstack([1.5 - 3 * u, 0 * u, 0 * u])])
    poses = np.concatenate([rendered.look_at(centres[:32], (-2, 0, 7)), rendered.look_at(centres[32:], (2, 0, 6))])
    subjects = find_fixations(shot_of(poses))
    assert [np.flatnonzero(each.in_frame)[[0, -1]].tolist() for each in subjects] == [[0, 31], [32, 63]]


def _followed(rng: np.random.Generator, walks: bool) -> tuple[Array, Array]:
    """Tracks of a scene that passes to the left, and of twelve points that stay in the middle or lie far away."""
    scene = rng.uniform([0, 0], [900, 270], (60, 2)) - np.arange(40)[:, None, None] * [6, 0]
    scene[(scene < 0).any(axis=2) | (scene > [480, 270]).any(axis=2)] = np.nan
    held = rng.uniform([220, 100], [250, 160], (12, 2)) + rng.normal(0, 2, (40, 1, 2)) * [1, 0.3]
    positions = np.concatenate([scene, held], axis=1)
    static = np.isfinite(positions[:, :, 0])
    if walks:
        static[:, 60:] = False
    return positions, static


def test_what_walks_along_is_held_and_what_is_far_is_not() -> None:
    (hold,) = find_followed(*_followed(np.random.default_rng(3), walks=True), (480, 270))
    assert np.abs(hold.box[:2] - [235, 130]).max() < 12
    assert find_followed(*_followed(np.random.default_rng(3), walks=False), (480, 270)) == []


def test_nothing_is_held_where_the_scene_stands_still() -> None:
    positions, static = _followed(np.random.default_rng(3), walks=True)
    positions[:, :60] = positions[:1, :60]
    assert find_followed(positions, static, (480, 270)) == []


def test_a_solve_says_what_is_held(clips: Any) -> None:
    from parascale.solve import solve

    shot = solve(clips("arc", amount=0.9).path, focal=400.0, threads=2)
    assert shot.quality["subject_source"] == "fixation"
    assert shot.subjects[0].in_frame.all()
    assert shot.up is not None
    assert shot.up.confidence >= 0.7
