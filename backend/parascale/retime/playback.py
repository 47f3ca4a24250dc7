"""The shot's own frames in another order: backwards, there and back, held."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.retime.move import with_path
from parascale.retime.resample import check_frames
from parascale.types import Array


def reverse(shot: Shot) -> Shot:
    """Play a shot backwards: the same frames and duration, starting when the shot does.

    Its steps start from other frames now, so that P is not the old P backwards where the depth changes.
    """
    times = shot.trajectory.times
    backwards = np.arange(len(shot))[::-1]
    return _pick_frames(shot, backwards, (times[0] + times[-1]) - times[::-1], {"operation": "reverse"})


def ping_pong(shot: Shot) -> Shot:
    """Play a shot there and back again, 2 T - 1 frames of T: the frame it turns at is seen once."""
    times, count = shot.trajectory.times, len(shot)
    there_and_back = np.concatenate([np.arange(count), np.arange(count - 1)[::-1]])
    again = times[-1] + (times[-1] - times[:-1][::-1])
    return _pick_frames(shot, there_and_back, np.concatenate([times, again]), {"operation": "ping-pong"})


def hold(shot: Shot, at: float, seconds: float) -> Shot:
    """Let the camera rest for a while, then go on.

    Parameters
    ----------
    shot : Shot
    at : float
        Seconds from the shot's first frame; the nearest frame is held.
    seconds : float
        How much longer it is seen, to the nearest whole frame of the shot's rate.

    Raises
    ------
    InputError
        Where ``at`` lies outside the shot, or ``seconds`` is no time to hold.
    """
    times = shot.trajectory.times
    length = float(times[-1] - times[0])
    if not 0 <= at <= length + 0.5 / shot.fps:
        raise InputError(f"{at:g} s lies outside the shot, which lasts {length:.6g} s: it cannot be held there")
    if not 0 <= seconds < math.inf:
        raise InputError(f"a hold of {seconds} s is not a time")
    more = round(min(seconds * shot.fps, 1e9))
    check_frames(len(shot) + more)
    frame = int(np.argmin(np.abs(times - times[0] - at)))
    order = np.concatenate([np.arange(frame + 1), np.full(more, frame), np.arange(frame + 1, len(shot))])
    waiting = np.arange(1, more + 1) / shot.fps
    held = np.concatenate([times[: frame + 1], times[frame] + waiting, times[frame + 1 :] + more / shot.fps])
    record = {"operation": "hold", "at": float(times[frame] - times[0]), "seconds": more / shot.fps}
    return _pick_frames(shot, order, held, record)


def _pick_frames(shot: Shot, order: NDArray[np.intp], times: Array, record: Mapping[str, object]) -> Shot:
    path = shot.trajectory
    trajectory = Trajectory(path.camera_to_world[order], path.intrinsics[order], times, path.width, path.height)
    return with_path(shot, path.times[order], trajectory, shot.median_depth[order], fps=shot.fps, record=record)
