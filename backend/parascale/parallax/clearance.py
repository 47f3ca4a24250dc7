"""Clearance: a step that would pass too close to a surface, or through it, is bent, or held back where that fails."""

import math
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.number import surface
from parascale.types import Array

# Without a clearance of the user's, surfaces are kept as far away as this share of the median depth.
CLEARANCE_SHARE = 0.1

# A step is bent by at most this much, in degrees, around what stands in its way; bending leaves P as it is.
BENDS = (2.0, 4.0, 7.0, 11.0, 16.0, 22.0, 28.0, 35.0)
AZIMUTHS = 16

# A step is bent, or shortened, in time: for what the camera would meet in so many steps.
LOOK_AHEAD_STEPS = 6

# Of the points that are near enough to matter so many, the nearest, are looked at.
MOST_POINTS = 1500

# Surfaces seen in so many of the last frames are remembered: those beside and behind the camera.
REMEMBERED_FRAMES = 16
# Of each but the last one point in so many is kept.
THINNED = 4


@runtime_checkable
class Surroundings(Protocol):
    """The target's surfaces, seen by a camera or not: what a camera must not pass through."""

    def nearest_hit(self, origin: ArrayLike, direction: ArrayLike, distance: float, frame: int = 0) -> float | None:
        """Distance to the first surface along a ray, at most ``distance``; None where there is none."""

    def nearest_surface(self, centres: ArrayLike) -> Array:
        """Distance from each camera centre (T, 3) to the nearest surface, (T,); infinite where there is none."""

    def clip_at(self, frame: int) -> Array:
        """Return the z-depths (2,) between which surfaces show at a step."""


class Guard:
    """Keeps the camera clear of what it has seen, and of what a ray along the step meets."""

    def __init__(self, clearance: float | None, intrinsics: Array, surroundings: Surroundings | None = None) -> None:
        """Take a distance in the target's unit, 0 to switch it off, None for the larger of near clip and 0.1 Z'.

        Intrinsics (T, 4) are in pixels of the pictures that are taken.
        """
        self._clearance, self._intrinsics, self._surroundings = clearance, intrinsics, surroundings
        self._clouds: list[Array] = []
        self._cloud = np.empty((0, 3))
        self._limit = clearance or 0.0
        self.bent: dict[int, float] = {}
        self.held_back: dict[int, float] = {}

    @property
    def limit(self) -> float:
        """Distance to be kept now."""
        return self._limit

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """Remember the surfaces of a picture (its camera, and Z' in it)."""
        if self._clearance == 0:
            return
        x, y, z = surface(samples, self._intrinsics[frame])
        local = np.column_stack([x * z, y * z, z])
        self._clouds = [*self._clouds[1 - REMEMBERED_FRAMES :], local @ pose[:3, :3].T + pose[:3, 3]]
        if len(self._clouds) > 1:
            self._clouds[-2] = self._clouds[-2][::THINNED]
        self._cloud = np.concatenate(self._clouds)
        if self._clearance is None and depth > 0:
            near = 0.0 if self._surroundings is None else float(self._surroundings.clip_at(frame)[0])
            self._limit = max(near, CLEARANCE_SHARE * depth)

    def allow(self, frame: int, centre: Array, step: Array, left: int) -> Array:
        """Give the step (3,) from a place (3,) that may be made: itself, bent, or shortened.

        What is in the way of the next steps counts, of which ``left`` are left: the step is bent in time to pass it or,
        where that fails, shortened to the share of the way that is free, so that the camera slows down.
        """
        self.bent.pop(frame, None)
        self.held_back.pop(frame, None)
        length = math.sqrt(float(step @ step))
        if self._limit == 0 or length == 0:
            return step
        ahead = min(LOOK_AHEAD_STEPS, left)
        near = self._near(centre, ahead * length + self._limit)
        if self._fits(frame, centre, ahead * step, near, step):
            return step
        for bend in BENDS:
            ways = [
                way for way in _cone(step, math.radians(bend)) if self._fits(frame, centre, ahead * way, near, step)
            ]
            if ways:
                self.bent[frame] = bend
                # Of several ways around, the one that stays farthest from everything.
                return max(ways, key=lambda way: _distance(near, centre, ahead * way))
        share = self._largest_share(frame, centre, ahead * step, near)
        self.held_back[frame] = share
        return share * step

    def _near(self, centre: Array, reach: float) -> Array:
        """Remembered points (N, 3) within reach, the nearest ones only."""
        squared = np.sum((self._cloud - centre) ** 2, axis=1)
        chosen = np.flatnonzero(squared < reach**2)
        if len(chosen) > MOST_POINTS:
            chosen = chosen[np.argpartition(squared[chosen], MOST_POINTS)[:MOST_POINTS]]
        return self._cloud[chosen]

    def _fits(self, frame: int, centre: Array, step: Array, near: Array, asked: Array) -> bool:
        return self._is_clear(centre, step, near) and self._meets_nothing(frame, centre, step, asked)

    def _is_clear(self, centre: Array, step: Array, near: Array) -> bool:
        """Tell whether a step keeps its distance to what was seen; who is too close already may come no closer."""
        away = near - centre
        start = math.sqrt(float(np.min(np.einsum("ni,ni->n", away, away), initial=math.inf)))
        return _distance(near, centre, step) >= min(self._limit, start * (1 - 1e-9))

    def _meets_nothing(self, frame: int, centre: Array, step: Array, asked: Array) -> bool:
        """Tell whether no surface, seen or not, is in the way of a step, nor from its end in that of the asked one."""
        if self._surroundings is None:
            return True
        reach = float(np.linalg.norm(step)) + self._limit
        if self._surroundings.nearest_hit(centre, step, reach, frame) is not None:
            return False
        return self._surroundings.nearest_hit(centre + step, asked, self._limit, frame) is None

    def _largest_share(self, frame: int, centre: Array, step: Array, near: Array) -> float:
        low, high = 0.0, 1.0
        for _ in range(10):
            middle = (low + high) / 2
            if self._fits(frame, centre, middle * step, near, step):
                low = middle
            else:
                high = middle
        return low


def crossings(surroundings: Surroundings, centres: Array) -> tuple[int, ...]:
    """Find the steps at which a path, centres (T, 3), passes through a surface."""
    steps = np.diff(centres, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    return tuple(
        frame
        for frame in np.flatnonzero(lengths > 0).tolist()
        if surroundings.nearest_hit(centres[frame], steps[frame], float(lengths[frame]), frame) is not None
    )


def _distance(points: Array, start: Array, step: Array) -> float:
    """Distance from points (N, 3) to the segment of a step; infinite where there are none."""
    if not len(points):
        return math.inf
    away = points - start
    squared = float(step @ step)
    along = np.clip(away @ step / squared, 0.0, 1.0) if squared > 0 else np.zeros(len(away))
    rest = away - along[:, None] * step
    return math.sqrt(float(np.min(np.einsum("ni,ni->n", rest, rest))))


def _cone(step: Array, angle: float) -> list[Array]:
    """Turn a step by an angle, to all sides."""
    axis = step / np.linalg.norm(step)
    side = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    around = np.arange(AZIMUTHS) * (math.tau / AZIMUTHS)
    ways = math.cos(angle) * axis + math.sin(angle) * (np.cos(around)[:, None] * side + np.sin(around)[:, None] * other)
    return list(np.linalg.norm(step) * ways)
