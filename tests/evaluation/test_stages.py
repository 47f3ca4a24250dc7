"""Targets of an evaluation: what paths see in them."""

from dataclasses import replace

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.evaluation.stages import EVERY, Stage, open_stage, see_depths
from parascale.parallax.shot import Shot

pytest.importorskip("bpy")
SIZE = (160, 96)


@pytest.fixture(scope="module")
def desk() -> Stage:
    return open_stage("desk", SIZE)


def moving(stage: Stage, frames: int, step: tuple[float, float, float]) -> Shot:
    """Go from where the scene's camera stands, the same step each frame, in the camera's own axes."""
    start = stage.anchor.camera_to_world
    poses = np.tile(start, (frames, 1, 1))
    poses[:, :3, 3] += np.arange(frames)[:, None] * (start[:3, :3] @ np.array(step))
    path = Trajectory(poses, stage.anchor.intrinsics, np.arange(frames) / 16, *SIZE)
    return Shot("path", 16.0, path, np.ones(frames), unit="m")


def test_paths_that_are_seen_together_are_seen_as_each_alone(desk: Stage) -> None:
    paths = [moving(desk, 17, (0.01, 0, 0)), moving(desk, 3, (0, 0, 0.02)), moving(desk, 9, (0, 0.004, -0.05))]
    together = see_depths(paths, desk)
    alone = [see_depths([path], desk)[0] for path in paths]
    for path, one, other in zip(paths, together, alone, strict=True):
        assert one.median_depth.tobytes() == other.median_depth.tobytes()
        assert one.trajectory is path.trajectory
        assert np.flatnonzero(np.isfinite(one.median_depth)).tolist() == list(range(0, len(path), EVERY))
    assert len({shot.median_depth[0] for shot in together}) == 1
    assert see_depths([], desk) == []


def test_a_path_that_sees_nothing_takes_no_depth_from_its_neighbours(desk: Stage) -> None:
    path = moving(desk, 9, (0.01, 0, 0))
    poses = np.array(path.trajectory.camera_to_world)
    poses[:, :3, 3] += (0, 0, 500.0)
    poses[:, :3, :3] = np.diag([1.0, -1, -1]) @ np.diag([1.0, -1, -1])
    away = replace(path, trajectory=Trajectory(poses, path.trajectory.intrinsics, path.trajectory.times, *SIZE))
    first, blind, last = see_depths([path, away, path], desk)
    assert np.isnan(blind.median_depth).all()
    assert first.median_depth.tobytes() == last.median_depth.tobytes()
    assert np.isfinite(first.median_depth[::EVERY]).all()
