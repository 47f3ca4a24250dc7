"""Fit a shot to other pictures, to a depth source, and to the frames and rate of a generator."""

import dataclasses

import numpy as np

from parascale.camera import Trajectory
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.lens import step_directions
from parascale.parallax.observer import Observer
from parascale.parallax.shot import Shot
from parascale.parallax.subject import seen_through
from parascale.retime import keep_path, match_rate
from parascale.types import Progress


def resize_to_cover(shot: Shot, size: tuple[int, int]) -> Shot:
    """Give a shot for pictures of another size: resized to cover it and cut around the middle, as generators do.

    Parameters
    ----------
    shot : Shot
    size : (int, int)
        Width and height in pixels.
    """
    path = shot.trajectory
    scale = max(size[0] / path.width, size[1] / path.height)
    intrinsics = path.intrinsics * scale
    intrinsics[:, 2:] += (np.array(size) - scale * np.array(path.size)) / 2
    resized = Trajectory(path.camera_to_world, intrinsics, path.times, *size)
    return dataclasses.replace(shot, trajectory=resized, subjects=seen_through(shot.subjects, path, resized))


def measure_parallax(shot: Shot, source: DepthSource, progress: Progress | None = None) -> Shot:
    """Give a shot the median depth and the felt parallax that a depth source shows to its cameras.

    Parameters
    ----------
    shot : Shot
    source : DepthSource
        In the shot's world and unit.
    progress : callable or None
    """
    path = shot.trajectory
    observer = Observer(source, path.intrinsics, path.size, step_directions(path), len(shot), progress)
    looks = [observer.look(pose, frame) for frame, pose in enumerate(path.camera_to_world)]
    length = np.linalg.norm(path.baselines, axis=1)
    felt = np.array([look.felt_per_unit for look in looks[:-1]])
    return dataclasses.replace(
        shot,
        median_depth=np.array([look.depth for look in looks]),
        felt_parallax=np.where(length == 0, 0.0, length * felt),
    )


def resample(shot: Shot, frames: int | None, fps: float | None, step: int = 1) -> Shot:
    """Give a shot in the frames that a generator takes.

    Parameters
    ----------
    shot : Shot
    frames : int or None
        Where given, the whole move is played in as many frames.
    fps : float or None
        Where given alone, the move keeps its speed and ends with the last frame that fits.
    step : int
        The number of frames is n step + 1, where ``frames`` does not say it.
    """
    if frames is not None:
        return keep_path(shot, frames, fps or shot.fps)
    return shot if fps is None else match_rate(shot, fps, multiple_of=step)
