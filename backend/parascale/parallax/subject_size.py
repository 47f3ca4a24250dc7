"""The subject's size in the picture: kept by a dolly within a budget of P, or by the lens."""

import math
from collections.abc import Sequence

import numpy as np

from parascale.camera import Trajectory
from parascale.parallax.lead import Lead, Places
from parascale.parallax.subject import SubjectTrack
from parascale.types import Array

# By how much the lens may zoom at most to keep a size, either way.
MAX_ZOOM = 4.0


def relative_sizes(subjects: Sequence[SubjectTrack], lead: Lead, reference: Trajectory, median_depth: Array) -> Array:
    """Size of the leading subject in the reference's picture, (T,), in units of its own; NaN where that is unknown.

    The height of its track where that has one, else F_t / z_t, F the focal length in frame widths.
    """
    focal = reference.intrinsics[:, 0] / reference.width
    sizes = focal / (lead.depth * median_depth)
    for index, subject in enumerate(subjects):
        if subject.size is not None and not np.isnan(subject.size).all():
            leads = lead.subject == index
            sizes[leads] = subject.size[leads]
    return np.where(lead.subject >= 0, sizes, np.nan)


def first_frames(lead: Lead, known: Array, anchor_frame: int) -> dict[int, int]:
    """Frame nearest to the anchor's in which each leading subject is known (T,): its size there is its own."""
    found: dict[int, int] = {}
    for frame in sorted(np.flatnonzero(known).tolist(), key=lambda each: (abs(each - anchor_frame), each)):
        found.setdefault(int(lead.subject[frame]), frame)
    return found


def log_size_errors(sizes: Array, lead: Lead, depths: Array, focal: Array, anchor_frame: int) -> Array:
    """Give ln of the subject's size in the target over the reference's, (T,), each counted from its first frame.

    Parameters
    ----------
    sizes : (T,) float64
        See `relative_sizes`.
    lead : Lead
    depths : (T,) float64
        z-depth of the target's subject; NaN where unknown.
    focal : (T,) float64
        Of the realised cameras, frame widths.
    anchor_frame : int
    """
    ratio = np.log(focal / depths) - np.log(sizes)
    errors = np.full(len(ratio), np.nan)
    for subject, first in first_frames(lead, ~np.isnan(ratio), anchor_frame).items():
        leads = lead.subject == subject
        errors[leads] = ratio[leads] - ratio[first]
    return errors


def zoom_for_size(errors: Array, before: Array) -> Array:
    """Factor (T,) on the focal length that takes errors of `log_size_errors` away; held where they are unknown.

    The errors are those that the factor ``before`` (T,) left.
    """
    known = ~np.isnan(errors)
    if not known.any():
        return before
    frames = np.arange(len(errors))
    most = math.log(MAX_ZOOM)
    zoom: Array = np.exp(np.clip(np.log(before) - np.interp(frames, frames[known], errors[known]), -most, most))
    return zoom


class SizeKeeper:
    """Adds to each step a dolly towards the subject or away from it, within a budget of ln P."""

    def __init__(self, sizes: Array, lead: Lead, places: Places, points: Sequence[Array | None], budget: float) -> None:
        """Take the reference's sizes (T,), where the subjects belong, where they stand, and the budget.

        The list of points may be filled in later.
        """
        self._lead, self._points, self._budget = lead, points, budget
        # Distance along the ray per unit of size, (T,): z = F / size, and z is the ray's share of the distance.
        self._reach = places.intrinsics[:, 0] / sizes / places.rays[:, 2]
        self._own: dict[int, float] = {}

    def adjust(self, start: int, end: int, centre: Array, step: Array) -> Array:
        """Give a step (3,) from where the camera of a frame stands, (3,), with its dolly."""
        subject = int(self._lead.subject[end])
        point = self._points[subject] if subject >= 0 and self._lead.subject[start] == subject else None
        if point is None or not step.any() or math.isnan(self._reach[start] + self._reach[end]):
            return step
        if subject not in self._own:
            self._own[subject] = float(np.linalg.norm(point[start] - centre)) / float(self._reach[start])
        towards = point[end] - centre - step
        distance = math.sqrt(float(towards @ towards))
        if distance == 0:
            return step
        ahead = towards / distance
        asked = distance - self._own[subject] * float(self._reach[end])
        low, high = dolly_range(step, ahead, self._budget)
        adjusted: Array = step + min(max(asked, low), high) * ahead
        return adjusted


def dolly_range(step: Array, ahead: Array, budget: float) -> tuple[float, float]:
    """How far a step (3,) may be lengthened along a unit vector, back and forth, for |ln of its length| <= budget."""
    squared, along = float(step @ step), float(step @ ahead)
    half = math.sqrt(along**2 + squared * math.expm1(2 * budget))
    low, high = -along - half, -along + half
    rest = along**2 - squared * -math.expm1(-2 * budget)
    if rest > 0:
        # The steps that are too short lie between two roots, on one side of 0.
        if along > 0:
            low = max(low, -along + math.sqrt(rest))
        else:
            high = min(high, -along - math.sqrt(rest))
    return low, high
