"""A video longer than a model makes at once: the pieces it is made in."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory, View
from parascale.generators.picture import fit_trajectory
from parascale.link.messages import Trained
from parascale.parallax.shot import Shot


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive frames of a shot that a model makes at once.

    Attributes
    ----------
    path : Trajectory
        The cameras as the model takes them: its size, its number of frames, of which the last may be held.
    frames : int
        How many of them belong to the shot.
    first : View
        The camera of the shot's first frame, in the path's size: the one that the request's picture and depth map are
        of.
    depth : float
        Median depth of the piece's first frame, in those of the shot's first.
    number, count : int
        Which piece of how many.
    lead : (H, W, 3) uint8 or None
        The last frame of the piece before, with which this one begins; None for the first.
    """

    path: Trajectory
    frames: int
    first: View
    depth: float
    number: int = 0
    count: int = 1
    lead: NDArray[np.uint8] | None = None

    def after(self, lead: NDArray[np.uint8]) -> "Piece":
        """Return the same piece, beginning with a frame."""
        return dataclasses.replace(self, lead=lead)


def split_shot(shot: Shot, trained: Trained, multiple: int, long_side: int) -> Iterator[Piece]:
    """Split a shot into pieces that a model makes at once; neighbours share a frame.

    Parameters
    ----------
    shot : Shot
        In the unit-depth gauge.
    trained : Trained
        Where it makes longer videos in pieces, none has more than ``best_frames``.
    multiple, long_side : int
        See `fit_trajectory`.
    """
    whole, step = shot.trajectory, trained.frame_step
    first = fit_trajectory(_part(whole, 0, 1), multiple, long_side, step).view(0)
    spans = list(_spans(len(shot), trained))
    for number, (start, stop) in enumerate(spans):
        path = fit_trajectory(_part(whole, start, stop), multiple, long_side, step)
        yield Piece(path, stop - start, first, _depth_at(shot, start), number, len(spans))


def _spans(frames: int, trained: Trained) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of pieces about equally long."""
    intervals = frames - 1
    if not (trained.splits and trained.best_frames and frames > trained.best_frames):
        yield 0, frames
        return
    count = math.ceil(intervals / (trained.best_frames - 1))
    length = math.ceil(intervals / count / trained.frame_step) * trained.frame_step
    for start in range(0, intervals, length):
        yield start, min(start + length, intervals) + 1


def _part(path: Trajectory, start: int, stop: int) -> Trajectory:
    chosen = slice(start, stop)
    return Trajectory(
        path.camera_to_world[chosen], path.intrinsics[chosen], path.times[chosen], path.width, path.height
    )


def _depth_at(shot: Shot, frame: int) -> float:
    """Return the median depth of a frame, or of the last one before it that shows a surface."""
    known = shot.median_depth[: frame + 1]
    known = known[np.isfinite(known)]
    return float(known[-1]) if len(known) else 1.0


def beyond_training(name: str, shot: Shot, trained: Trained, longest: int, long_side: int) -> list[str]:
    """Say what of a video lies beyond what a model was trained on, one sentence each.

    Parameters
    ----------
    name : str
        Of the generator.
    shot : Shot
    trained : Trained
    longest, long_side : int
        Frames of the longest piece, pixels along the longer side.
    """
    said = []
    if trained.fps and abs(shot.fps / trained.fps - 1) > _RATE_TOLERANCE:
        said.append(
            f"{name} was trained at {trained.fps:g} frames a second and this video has {shot.fps:.3g}: what moves by "
            "itself may be too fast or too slow"
        )
    if trained.best_frames and longest > trained.best_frames:
        said.append(f"{name} was trained on {trained.best_frames} frames and makes {longest} here: it may drift")
    if trained.long_side and long_side > trained.long_side:
        said.append(
            f"{name} was trained on pictures of up to {trained.long_side} pixels and makes {long_side} here: things "
            "may appear twice"
        )
    return said


# Rates closer than this are the same to a viewer: 24 and 23.976, 30 and 29.97.
_RATE_TOLERANCE = 0.01
