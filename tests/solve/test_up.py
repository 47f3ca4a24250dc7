"""Which way is up: from lines that are vertical in the world, else from the axes of the camera."""

import cv2
import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.parallax.shot import Shot
from parascale.solve.subject.up import AXES_CONFIDENCE, LEVEL_CONFIDENCE, LINES_CONFIDENCE, estimate_up
from parascale.types import Array, Image

LENS = np.array([400.0, 400.0, 320.0, 180.0])
UP = np.array([0.0, -1.0, 0.0])


def turned(yaw: Array, pitch: float, roll: float) -> Array:
    """Poses that turn about the vertical, look up or down, and lean to the side; degrees."""
    poses = np.tile(np.eye(4), (len(yaw), 1, 1))
    for pose, angle in zip(poses, np.radians(yaw), strict=True):
        about = [np.array(axis, float) for axis in ((0, angle, 0), (np.radians(pitch), 0, 0), (0, 0, np.radians(roll)))]
        pose[:3, :3] = np.linalg.multi_dot([cv2.Rodrigues(each)[0] for each in about])
    poses[:, 0, 3] = np.linspace(0, 1, len(yaw))
    return poses


def shot_of(poses: Array) -> Shot:
    path = Trajectory(poses, LENS, np.arange(len(poses)) / 16, 640, 360)
    return Shot("reference", 16, path, np.ones(len(poses)))


def street(poses: Array) -> list[Image]:
    """Vertical edges of house fronts, with lines of other directions between them."""
    rng = np.random.default_rng(1)
    feet = np.column_stack([rng.uniform(-8, 8, 40), np.full(40, 1.5), rng.uniform(6, 14, 40)])
    ends = [feet, feet - [0, 6, 0]]
    lines = [rng.uniform([-6, -3, 6], [6, 1, 12], (12, 3)) for _ in range(2)]
    made = []
    for pose in poses:
        picture = np.full((360, 640), 90, np.uint8)
        for number, (a, b) in enumerate([*zip(*ends, strict=True), *zip(*lines, strict=True)]):
            local = (np.stack([a, b]) - pose[:3, 3]) @ pose[:3, :3]
            pixels = (local[:, :2] / local[:, 2:] * LENS[:2] + LENS[2:]) * 16
            cv2.line(
                picture, *(tuple(map(int, each)) for each in pixels), 140 + 3 * (number % 30), 3, cv2.LINE_AA, 4
            )  # fmt: skip
        made.append(picture)
    return made


def error(found: Array, poses: Array) -> float:
    return float(np.degrees(np.arccos(np.clip(found @ UP, -1, 1))))


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (12, 0), (-8, 6), (0, 20), (10, -18)])
def test_vertical_lines_say_it_to_a_degree_though_the_camera_leans(pitch: float, roll: float) -> None:
    poses = turned(np.linspace(-3, 3, 12), pitch, roll)
    up = estimate_up(shot_of(poses), street(poses))
    assert up.confidence == LINES_CONFIDENCE
    assert error(up.direction, poses) < 1.0


def test_a_level_camera_that_turns_tells_it_without_lines() -> None:
    poses = turned(np.linspace(-20, 20, 12), 15, 0)
    up = estimate_up(shot_of(poses), [np.zeros((360, 640), np.uint8)] * 12)
    assert up.confidence == LEVEL_CONFIDENCE
    assert error(up.direction, poses) < 1e-6


def test_without_lines_and_turns_it_is_a_guess_that_says_so() -> None:
    poses = turned(np.zeros(12), 0, 5)
    up = estimate_up(shot_of(poses), [np.zeros((360, 640), np.uint8)] * 12)
    assert up.confidence == AXES_CONFIDENCE
    assert error(up.direction, poses) == pytest.approx(5, abs=1e-6)


def test_texture_is_no_vertical() -> None:
    rng = np.random.default_rng(2)
    poses = turned(np.zeros(8), 0, 0)
    noise = [cv2.resize(rng.integers(0, 255, (90, 160), np.uint8), (640, 360)) for _ in range(8)]
    assert estimate_up(shot_of(poses), noise).confidence == AXES_CONFIDENCE
