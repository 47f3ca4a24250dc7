"""A generated video compared with the shot it was asked to follow."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.intrinsics import scale_intrinsics
from parascale.errors import InputError
from parascale.generators.picture import scale_path
from parascale.link.kinds.generate import GenerationRequest
from parascale.parallax.metrics import Metrics, compare
from parascale.parallax.shot import Shot
from parascale.retime import fit_to_training
from parascale.retime.move import with_path
from parascale.types import CancelCheck, Progress

# A video whose Parallax Number is further from what was asked than this factor is worth a second pass.
SECOND_PASS_ABOVE_FACTOR = 1.15
# With less than this share of its steps above the noise floor, a video's scale is not known.
MIN_SHARE_ABOVE_FLOOR = 0.5


@dataclass(frozen=True)
class Verification:
    """What a video turned out to do: the video, solved, and it held against what was asked."""

    shot: Shot
    metrics: Metrics


def verify(
    video: Path | str,
    shot: Shot,
    *,
    masks: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Verification:
    """Solve a video with the intrinsics of a shot, never its poses, and compare what it does with what was asked.

    Parameters
    ----------
    video : Path
        A video file or a folder of images.
    shot : Shot
        What was asked for. Its intrinsics, scaled to the video's size, are given to the solver.
    masks : Path or None
        A video or a folder of masks, white where the picture shows nothing of the scene: a preview's ``hole_mask``.
    threads : int or None
        See `parascale.solve.pipeline.solve`.

    Raises
    ------
    InputError
        Where the video cannot be solved, or the shot zooms.
    Cancelled
    """
    from parascale.media.frames import open_frames
    from parascale.solve import solve

    asked = shot.trajectory
    if not (asked.intrinsics == asked.intrinsics[0]).all():
        raise InputError(f"the shot {shot.name!r} zooms, which a video cannot be verified against")
    video = Path(video)
    info = open_frames(video).info
    if video.is_file() and info.frames != len(shot):
        # `generate` made it at the rate its model was trained at.
        shot = fit_to_training(shot, info.fps)
    intrinsics = scale_intrinsics(asked.intrinsics[0], asked.size, (info.width, info.height))
    solved = solve(video, intrinsics=intrinsics, masks=masks, threads=threads, progress=progress, cancelled=cancelled)
    realised = with_repeats(solved)
    return Verification(realised, compare(realised, shot))


def with_repeats(shot: Shot) -> Shot:
    """Put back the pictures that a solve left out because they repeat the ones before: as frames at which it rests.

    Of a reference they are no motion to carry over. Of a video that was asked to move they are what a viewer sees.
    """
    repeated = shot.quality.get("repeated_frames")
    if not isinstance(repeated, list) or not repeated:
        return shot
    assert shot.frames is not None
    path, kept = shot.trajectory, shot.frames
    frames = np.union1d(kept, np.array(repeated, np.int64))
    shown = np.searchsorted(kept, frames, side="right") - 1
    # Frame numbers give the times of what was left out; beyond the last frame they go on at the film's own rate.
    interval = float(np.median(np.diff(path.times) / np.diff(kept)))
    times = np.interp(frames, kept, path.times) + interval * np.maximum(frames - kept[-1], 0)

    trajectory = Trajectory(path.camera_to_world[shown], path.intrinsics[shown], times, *path.size)
    record = {"operation": "put back repeated pictures", "frames": repeated}
    resting = with_path(shot, path.times[shown], trajectory, shot.median_depth[shown], fps=1 / interval, record=record)
    return dataclasses.replace(resting, frames=frames)


def correction(metrics: Metrics) -> float | None:
    """Return the gain of the path that would bring a video's Parallax Number to what was asked: exp(-scale gap).

    None within `SECOND_PASS_ABOVE_FACTOR`, or where too little could be measured.
    """
    gap = metrics.pce_scale_gap
    if not metrics.above_floor >= MIN_SHARE_ABOVE_FLOOR or abs(gap) <= math.log(SECOND_PASS_ABOVE_FACTOR):
        return None
    return math.exp(-gap)


def second_pass(request: GenerationRequest, gain: float) -> GenerationRequest:
    """Return a request whose path is multiplied by a gain: the loop closed through the generator itself."""
    shot = request.shot
    path = scale_path(shot.trajectory, gain)
    return dataclasses.replace(request, shot=dataclasses.replace(shot, trajectory=path))
