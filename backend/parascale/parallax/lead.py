"""Who leads, frame by frame: the subject that the reference shows, and the place it has to have in the target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.parallax.subject import SubjectTrack, places_of, rays_to
from parascale.types import Array

# A track that is lost for so short a time, well inside the picture, is bridged: at its edge it may have left. Inside is
# a share of the picture's width and height.
BRIDGED_SECONDS = 0.25
INSIDE = 0.8

# Seconds within which a new lead is taken over.
EASE_SECONDS = 0.5

# Of an automatic subject: the share of the frames it has to stay in the picture to be called held, and how far it may
# then wander about its mean place, root mean square in frame widths.
MIN_HELD_SHARE = 0.8
MAX_WANDER = 0.15

# The optical axes meet in a point where they turn by this much in all, against each other, and pass it within this
# share of its distance, root mean square.
MIN_CONVERGENCE = math.radians(4.0)
MAX_MISS = 0.1


@dataclass(frozen=True, eq=False)
class Lead:
    """The leading subject of every frame.

    Attributes
    ----------
    subject : (T,) int
        Index of the subject that leads; -1 where none is in frame.
    place : (T, 2) float64
        Its place in the reference's picture, frame widths from the middle; NaN where none leads.
    depth : (T,) float64
        Its z-depth in the reference, in units of Z_t; NaN where none leads or that is unknown.
    ease : (T,) float64
        By how much of what is missing the camera may turn to it, 0 .. 1: rises where a subject takes over, and is 1
        throughout for the one that leads at the anchor's frame.
    """

    subject: NDArray[np.intp]
    place: Array
    depth: Array
    ease: Array

    @property
    def frames(self) -> NDArray[np.intp]:
        """Frames in which some subject leads."""
        return np.flatnonzero(self.subject >= 0)


def find_lead(subjects: Sequence[SubjectTrack], path: Trajectory, median_depth: Array, anchor_frame: int = 0) -> Lead:
    """Find who leads: the first subject of the list that is in frame, with short gaps of each bridged.

    Parameters
    ----------
    subjects : sequence of SubjectTrack
        T frames each.
    path : Trajectory
        The reference's.
    median_depth : (T,) float64
        Z_t.
    anchor_frame : int
        The frame that the anchor stands for.
    """
    count, edge = len(path), INSIDE / 2 * np.array(path.size) / path.width
    leading, place, depth = np.full(count, -1), np.full((count, 2), np.nan), np.full(count, np.nan)
    for index in reversed(range(len(subjects))):
        subject = subjects[index]
        centre = _bridge(subject.centre, path.times, edge)
        known = ~np.isnan(centre[:, 0])
        leading[known], place[known] = index, centre[known]
        depth[known] = np.nan if subject.depth is None else (subject.depth / median_depth)[known]
    return Lead(leading, place, depth, _ease(leading, path.times, anchor_frame))


def _bridge(centre: Array, times: Array, edge: Array) -> Array:
    """Fill short gaps linearly, between places closer to the middle than ``edge`` (2,)."""
    known = np.flatnonzero(~np.isnan(centre[:, 0]))
    filled = np.array(centre)
    for before, after in pairwise(known.tolist()):
        short = after > before + 1 and times[after] - times[before] <= BRIDGED_SECONDS
        if short and np.all(np.abs(centre[[before, after]]) <= edge):
            share = (times[before + 1 : after] - times[before]) / (times[after] - times[before])
            filled[before + 1 : after] = centre[before] + share[:, None] * (centre[after] - centre[before])
    return filled


def _ease(leading: NDArray[np.intp], times: Array, anchor_frame: int) -> Array:
    edges = [0, *(np.flatnonzero(np.diff(leading)) + 1).tolist(), len(leading)]
    ease = np.ones(len(leading))
    for start, end in pairwise(edges):
        if start <= anchor_frame < end:
            continue
        run = times[start:end]
        # Outwards from the anchor: a run before it is entered from its end.
        since = run - times[start - 1] if start > anchor_frame else times[end] - run
        share = np.clip(since / EASE_SECONDS, 0, 1)
        ease[start:end] = share * share * (3 - 2 * share)
    return ease


@dataclass(frozen=True, eq=False)
class Places:
    """Where the leading subjects have to stand in the realised pictures.

    Attributes
    ----------
    rays : (T, 3) float64
        Unit vectors to there, in the realised camera's axes; NaN where none leads.
    intrinsics : (T, 4) float64
        Of the realised cameras, in pixels.
    width : int
        Of their pictures.
    """

    rays: Array
    intrinsics: Array
    width: int


def place_in(lead: Lead, reference: Trajectory, size: tuple[int, int], intrinsics: Array) -> Places:
    """Lay the places of the leading subjects into pictures of another size, taken through another lens (T, 4).

    The place in frame widths is kept; in a picture that is less high for its width, the height in frame heights.
    """
    squeeze = min(1.0, size[1] / size[0] * reference.width / reference.height)
    rays = rays_to(lead.place * np.array([1.0, squeeze]), intrinsics, size)
    return Places(rays / np.linalg.norm(rays, axis=1, keepdims=True), intrinsics, size[0])


def propose_subject(path: Trajectory, depth: Array) -> SubjectTrack | None:
    """Propose what a shot looks at from its path alone; None where it holds nothing in its picture.

    The point that its optical axes come closest to, where they turn towards each other; else the point in the middle of
    the first picture, at its median depth. Either must stay in the picture, and near one place in it.

    Parameters
    ----------
    path : Trajectory
    depth : (T,) float64
        Z_t, NaN where unknown.
    """
    fixation = _fixation_point(path)
    if fixation is not None:
        track = track_point(path, fixation, "fixation point")
        if _is_held(track):
            return track
    if math.isnan(depth[0]):
        return None
    middle = path.centres[0] + depth[0] * path.rotations[0, :, 2]
    track = track_point(path, middle, "middle of the first picture")
    return track if _is_held(track) else None


def track_point(path: Trajectory, points: Array, name: str) -> SubjectTrack:
    """Track of a point (3,) of the world, or of one that moves, (T, 3), in the frames whose picture shows it."""
    local = np.einsum("nji,nj->ni", path.rotations, points - path.centres)
    places = places_of(local, path.intrinsics, path.size)
    with np.errstate(invalid="ignore"):
        inside = np.all(np.abs(places) <= np.array(path.size) / path.width / 2, axis=1)
    return SubjectTrack(
        name,
        np.where(inside[:, None], places, np.nan),
        depth=np.where(inside, np.where(local[:, 2] > 0, local[:, 2], np.nan), np.nan),
    )


def _fixation_point(path: Trajectory) -> Array | None:
    """Point with the least squared distance to all optical axes; None where they do not meet, or behind a camera."""
    axes = path.rotations[:, :, 2]
    mean = axes.mean(axis=0)
    spread = np.arccos(np.clip(axes @ (mean / max(float(np.linalg.norm(mean)), 1e-12)), -1, 1))
    if spread.max() < MIN_CONVERGENCE / 2:
        return None
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    system = across.sum(axis=0)
    if np.linalg.cond(system) > 1e6:
        return None
    point: Array = np.linalg.solve(system, np.einsum("nij,nj->i", across, path.centres))
    towards = point - path.centres
    along = np.sum(towards * axes, axis=1)
    miss = np.linalg.norm(towards - along[:, None] * axes, axis=1)
    if along.min() <= 0 or math.sqrt(float(np.mean((miss / along) ** 2))) > MAX_MISS:
        return None
    # A camera that only turns sees everything in one direction: its axes meet in the camera itself.
    return point if float(np.ptp(path.centres, axis=0).max()) > 1e-3 * float(along.mean()) else None


def _is_held(track: SubjectTrack) -> bool:
    seen = track.centre[track.in_frame]
    if len(seen) < MIN_HELD_SHARE * len(track):
        return False
    wander = seen - seen.mean(axis=0)
    return math.sqrt(float(np.mean(np.sum(wander**2, axis=1)))) <= MAX_WANDER
