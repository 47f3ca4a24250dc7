"""The focal length from the motion: a number, an interval open on one side, or an ordinary lens."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.solve.lens.focal import LENS_SPREAD, estimate_focal_length
from parascale.solve.reconstruction.adjustment import adjust_bundle
from parascale.solve.reconstruction.triangulation import triangulate
from parascale.types import Array

GUESS = 500.0


def path(turn: float, step: tuple[float, float, float], count: int = 8) -> Array:
    """Camera-to-world poses that turn by so much in all."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    for at, share in enumerate(np.linspace(0, 1, count)):
        poses[at, :3, :3] = cv2.Rodrigues(np.array([0.0, turn * share, 0.0]))[0]
        poses[at, :3, 3] = share * np.array(step)
    return poses


def estimate(project: Callable[..., Any], points: Array, poses: Array, focal: float, noise: float = 0.3) -> Any:
    """Estimate from a map with the guess, refined as a mapper would."""
    positions = project(points, poses, focal, noise=noise).positions
    start = np.linalg.inv(poses)[:, :3]
    structure = triangulate(positions / GUESS, start, GUESS)
    seen = np.isfinite(positions[:, :, 0]) & np.isfinite(structure.points).all(axis=1)
    mapped = adjust_bundle(positions, start, structure.points, seen, GUESS, max_iterations=50).world_to_camera
    return estimate_focal_length(positions, mapped, GUESS, seed=0, threads=1)


def test_a_turn_about_the_scene_tells_the_lens(project: Callable[..., Any], cloud: Array) -> None:
    _, focal, evidence = estimate(project, cloud, path(-0.35, (2.4, 0.0, 0.3)), 650.0)
    assert evidence.observable
    assert focal == pytest.approx(650, rel=0.03)


def test_a_truck_tells_nothing_and_the_ordinary_lens_is_taken(project: Callable[..., Any], cloud: Array) -> None:
    _, focal, evidence = estimate(project, cloud, path(0.0, (1.5, 0.0, 0.0)), 650.0)
    assert not evidence.observable
    assert abs(np.log(focal / GUESS)) < 0.05
    assert 0.8 * LENS_SPREAD < evidence.remaining_spread < 1.1 * LENS_SPREAD
    assert evidence.sensitivity == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_rules_out_short_lenses_alone_counts(project: Callable[..., Any], seed: int) -> None:
    # Long lenses differ little from each other: the cost is flat towards them, and has no curvature.
    rng = np.random.default_rng(seed)
    depth = rng.uniform(3, 15, 600)
    across, down = rng.uniform(-0.19, 0.19, 600), rng.uniform(-0.105, 0.105, 600)
    points = np.column_stack([across * depth, down * depth, depth])
    _, focal, evidence = estimate(project, points, path(-0.06, (0.3, 0.0, 0.2)), 1500.0)
    assert focal > 1.6 * GUESS
    assert abs(np.log(focal / 1500)) < 3 * evidence.remaining_spread
    assert evidence.remaining_spread < 0.8 * LENS_SPREAD
