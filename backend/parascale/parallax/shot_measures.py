"""Measures of a shot beside its Parallax Number: the subject's place, the horizon, where the camera stands still."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.parallax.horizon import roll_angles
from parascale.parallax.lead import Lead
from parascale.parallax.observer import Look
from parascale.parallax.subject import places_of
from parascale.types import Array

# How far from its place in the reference, in frame widths, a subject may stand to count as held.
HELD_WITHIN = 0.15

# A step whose gain is less than this share of the largest stands still; the reference's own rests, less than this share
# of its median step, do not count.
STANDING_SHARE = 0.02

# Where the camera looks more steeply, as the cosine of its pitch, its roll means nothing.
MIN_LEVEL = 0.3


@dataclass(frozen=True, eq=False)
class SubjectPlace:
    """Where the target's subject stands in the realised pictures, against the reference's.

    Attributes
    ----------
    frames : (N,) int
        Frames in which the reference shows a subject that is known in the target.
    distance : (N,) float64
        From its place, in frame widths; infinite where it is behind the camera.
    held : (N,) bool
        Whether it is in the picture, and near its place.
    """

    frames: NDArray[np.intp]
    distance: Array
    held: NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Share of the frames in which the subject is held; NaN where the reference shows none."""
        return float(np.mean(self.held)) if len(self.held) else math.nan

    @property
    def largest(self) -> float:
        """Largest distance, over the frames in which the subject is in front of the camera; NaN where there is none."""
        finite = self.distance[np.isfinite(self.distance)]
        return float(finite.max()) if len(finite) else math.nan


def place_subject(realised: Trajectory, rays: Array, lead: Lead, points: list[Array | None]) -> SubjectPlace:
    """Compare the places of the leading subjects.

    Parameters
    ----------
    realised : Trajectory
        T cameras.
    rays : (T, 3) float64
        Where the subject should stand, see `parascale.parallax.lead.place_in`.
    lead : Lead
    points : list of (T, 3) float64 or None
        Where each subject stands in the target's world.
    """
    frames, local = _seen_from(realised, lead, points)
    if not len(frames):
        return SubjectPlace(frames, np.empty(0), np.empty(0, bool))
    lens = realised.intrinsics[frames]
    places = places_of(local, lens, realised.size)
    wanted = places_of(rays[frames], lens, realised.size)
    distance = np.nan_to_num(np.linalg.norm(places - wanted, axis=1), nan=math.inf)
    with np.errstate(invalid="ignore"):
        inside = np.all(np.abs(places) <= np.array(realised.size) / realised.width / 2, axis=1)
    return SubjectPlace(frames, distance, inside & (distance <= HELD_WITHIN))


def _seen_from(realised: Trajectory, lead: Lead, points: Sequence[Array | None]) -> tuple[NDArray[np.intp], Array]:
    """Frames whose leading subject is known in the target, (N,), and where it is in the camera's axes, (N, 3)."""
    known = [(frame, points[lead.subject[frame]]) for frame in lead.frames.tolist()]
    world = [(frame, point[frame]) for frame, point in known if point is not None]
    frames = np.array([frame for frame, _ in world], np.intp)
    if not world:
        return frames, np.empty((0, 3))
    away = np.array([point for _, point in world]) - realised.centres[frames]
    return frames, np.einsum("nji,nj->ni", realised.rotations[frames], away)


def lead_depths(realised: Trajectory, lead: Lead, points: Sequence[Array | None]) -> Array:
    """z-depth of the target's leading subject, (T,); NaN where it is behind the camera or unknown."""
    frames, local = _seen_from(realised, lead, points)
    depths = np.full(len(realised), np.nan)
    depths[frames] = np.where(local[:, 2] > 0, local[:, 2], np.nan)
    return depths


def largest_roll_error(
    reference: Trajectory, up: Array, realised: Trajectory, target_up: Array, anchor_frame: int
) -> float:
    """Largest difference in degrees between the two rolls against the horizon, each counted from the anchor's frame."""
    rolls = []
    level = np.ones(len(reference), bool)
    for path, vertical in ((reference, up), (realised, target_up)):
        roll = roll_angles(path.rotations, vertical)
        rolls.append(roll - roll[anchor_frame])
        in_camera = np.swapaxes(path.rotations, 1, 2) @ vertical
        level &= np.hypot(in_camera[:, 0], in_camera[:, 1]) >= MIN_LEVEL
    difference = np.remainder(rolls[1] - rolls[0] + math.pi, math.tau) - math.pi
    return math.degrees(float(np.max(np.abs(difference[level])))) if level.any() and level[anchor_frame] else math.nan


def focal_in_widths(path: Trajectory) -> Array:
    """Focal length in frame widths, (T,)."""
    focal: Array = path.intrinsics[:, 0] / path.width
    return focal


def screen_motion(path: Trajectory, looks: Sequence[Look]) -> tuple[float, float, float]:
    """Motion on the screen by travel alone, in frame widths a frame: its 10th, 50th and 90th percentiles.

    Each is the median over the steps of ``path`` (T cameras that saw ``looks``) that move; NaN where none does.
    """
    scale = np.linalg.norm(path.baselines, axis=1) * focal_in_widths(path)[:-1]
    per_unit = np.array([(look.spread[0], look.felt_per_unit, look.spread[1]) for look in looks[:-1]]).reshape(-1, 3)
    motion = per_unit * scale[:, None]
    motion = motion[(scale > 0) & ~np.isnan(motion[:, 1])]
    low, middle, high = np.median(motion, axis=0).tolist() if len(motion) else (math.nan,) * 3
    return low, middle, high


def standing_frames(reference: Trajectory, realised: Trajectory) -> tuple[int, ...]:
    """Find the steps that the realised camera does not walk although the reference's does."""
    ours, theirs = (np.linalg.norm(path.baselines, axis=1) for path in (realised, reference))
    if not len(ours) or ours.max() == 0 or theirs.max() == 0:
        return ()
    walks = theirs > STANDING_SHARE * np.median(theirs[theirs > 0])
    gain = np.divide(ours, theirs, out=np.zeros_like(ours), where=walks)
    return tuple(np.flatnonzero(walks & (gain < STANDING_SHARE * gain.max())).tolist())
