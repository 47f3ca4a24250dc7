"""Clearance: a step that would pass too close to a surface, or through it, is bent, or held back where that fails."""

import math
from itertools import pairwise
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parascale.camera.single import cross, rotation_of, turn_between
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.number import surface
from parascale.types import Array

# Without a clearance of the user's, surfaces are kept as far away as this share of the median depth.
CLEARANCE_SHARE = 0.1

# A step is bent by one of these, in degrees, around what stands in its way: at most until it runs along the surface.
# Bending leaves P as it is.
BENDS = (2.0, 4.0, 7.0, 11.0, 16.0, 22.0, 28.0, 35.0, 43.0, 51.0, 60.0, 69.0, 78.0, 84.0, 90.0)
AZIMUTHS = 16

_BENT = np.radians(BENDS)[:, None, None]
_ALONG, _ASIDE = np.cos(_BENT), np.sin(_BENT)
_AROUND = np.arange(AZIMUTHS)[:, None] * (math.tau / AZIMUTHS)
_ONE_SIDE, _OTHER_SIDE = np.cos(_AROUND), np.sin(_AROUND)

# By how much the bend may differ from that of the step before, in degrees: the first of these with a way that is free.
# Where there is none the camera turns by the most that is smooth, and slows down.
TURNS = (6.0, 12.0, 24.0)

# A step is bent, or shortened, in time: for what the camera would meet in so many steps.
LOOK_AHEAD_STEPS = 6

# A camera that is too close to a surface already may come closer by this share of the distance, or of its own place's
# largest coordinate: surfaces are known to seven digits.
MAX_APPROACH_SHARE = 1e-6

# Of the points that are near enough to matter so many, the nearest, are looked at.
MOST_POINTS = 1500

# Surfaces seen in so many of the last frames are remembered: those beside and behind the camera.
REMEMBERED_FRAMES = 16
# Of each but the last one point in so many is kept.
THINNED = 4
# Of every picture about so many points are kept for good.
KEPT_POINTS = 150


@runtime_checkable
class Surroundings(Protocol):
    """The target's surfaces, seen by a camera or not: what a camera must not pass through."""

    def nearest_hit(self, origin: ArrayLike, direction: ArrayLike, distance: float, frame: int = 0) -> float | None:
        """Distance to the first surface along a ray, at most ``distance``; None where there is none."""

    def nearest_point(self, centre: ArrayLike, frame: int) -> Array:
        """Closest point (3,) of the surfaces to a camera centre at a frame; infinite where none is."""

    def nearest_points(self, centres: ArrayLike) -> Array:
        """Closest point of the surfaces to the camera centre of each frame, (T, 3) both; infinite where none is."""

    def clip_at(self, frame: int) -> Array:
        """Return the z-depths (2,) between which surfaces show at a step."""


class _Near(NamedTuple):
    """Remembered points around a place, and the surface closest to it."""

    # From the place, (N, 3).
    away: Array
    # Distance that a step from there has to keep: who is too close already may come no closer.
    least: float
    # Steps that are looked ahead.
    ahead: int
    # The closest point of the surfaces, seen or not, from the place, (1, 3), and its distance: none while unknown.
    point: Array = np.empty((0, 3))
    closest: float = 0.0


class Guard:
    """Keeps the camera clear of what it has seen, and of what a ray along the step meets."""

    def __init__(self, clearance: float | None, intrinsics: Array, surroundings: Surroundings | None = None) -> None:
        """Take a distance in the target's unit, 0 to switch it off, None for the larger of near clip and 0.1 Z'.

        Intrinsics (T, 4) are in pixels of the pictures that are taken.
        """
        self._clearance, self._intrinsics, self._surroundings = clearance, intrinsics, surroundings
        self._clouds: list[Array] = []
        self._cloud = np.empty((0, 3))
        # What the anchor's camera saw, which is seen first, and its frame; and the distance kept at each frame.
        self._first: tuple[int, Array] | None = None
        self._limits: dict[int, float] = {}
        self._kept: dict[int, Array] = {}
        self._limit = clearance or 0.0
        # Rotation vectors (3,) from the steps that were asked for to those that were made instead.
        self._bends: dict[int, Array] = {}
        self.held_back: dict[int, float] = {}

    @property
    def bent(self) -> dict[int, float]:
        """By how many degrees each of the bent steps was bent."""
        return {frame: math.degrees(math.sqrt(float(bend @ bend))) for frame, bend in sorted(self._bends.items())}

    @property
    def limit(self) -> float:
        """Distance to be kept now."""
        return self._limit

    def nearest_planes(self, centres: Array) -> tuple[Array, Array]:
        """Distance (T,) from camera centres (T, 3) to the nearest surface, and the unit vector (T, 3) away from it.

        Infinite and zero where there is none. Where nothing but pictures tells of surfaces, of what they showed.
        """
        if self._surroundings is None or self._clearance == 0:
            return self._nearest_seen(centres)
        points = np.asarray(self._surroundings.nearest_points(centres), np.float64)
        return _planes(centres, points)

    def _nearest_seen(self, centres: Array) -> tuple[Array, Array]:
        points = np.concatenate([np.full((1, 3), np.inf), *self._kept.values()])
        squared = np.sum(points**2, axis=1) - 2 * centres @ np.where(np.isfinite(points), points, 0.0).T
        return _planes(centres, points[np.argmin(squared, axis=1)])

    def limit_at(self, frame: int, depth: float) -> float:
        """Distance to be kept where Z' is ``depth``; that of now where it is unknown."""
        if self._clearance is not None or not depth > 0:
            return self._limit
        near = 0.0 if self._surroundings is None else float(self._surroundings.clip_at(frame)[0])
        return max(near, CLEARANCE_SHARE * depth)

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """Remember the surfaces of a picture (its camera, and Z' in it)."""
        if self._clearance == 0:
            return
        x, y, z = surface(samples, self._intrinsics[frame])
        local = np.column_stack([x * z, y * z, z])
        self._clouds = [*self._clouds[1 - REMEMBERED_FRAMES :], local @ pose[:3, :3].T + pose[:3, 3]]
        self._first = self._first or (frame, self._clouds[-1])
        if len(self._clouds) > 1:
            self._clouds[-2] = self._clouds[-2][::THINNED]
        self._kept[frame] = self._clouds[-1][:: max(len(local) // KEPT_POINTS, 1)]
        self._cloud = np.concatenate(self._clouds)
        self._limit = self._limits[frame] = self.limit_at(frame, depth)

    def _restore_anchor_view(self, frame: int) -> None:
        """Take up what counts for the camera of a frame: at the anchor's, where a march starts over, what that saw."""
        self._limit = self._limits.get(frame, self._limit)
        if self._first is not None and frame == self._first[0]:
            self._cloud = self._first[1]
            self._clouds = [self._cloud]

    def allow(
        self, frame: int, start: int, centre: Array, step: Array, left: int, neighbour: int | None = None
    ) -> Array:
        """Give the step (3,) from the camera of frame ``start``, at a place (3,), that may be made.

        That is itself, bent, or shortened.

        What is in the way of the next steps counts, of which ``left`` are left: the step is bent in time to pass it,
        little by little from the bend of the step before, ``neighbour``, and back again; or, where no way is free,
        shortened to the share of the asked one that is, so that the camera slows down.
        """
        self._restore_anchor_view(start)
        self._bends.pop(frame, None)
        self.held_back.pop(frame, None)
        length = math.sqrt(float(step @ step))
        if self._limit == 0 or length == 0:
            return step
        ahead = min(LOOK_AHEAD_STEPS, left)
        near = self._near(centre, length, ahead)
        held = None if neighbour is None else self._bends.get(neighbour)
        if held is None and self._fits(frame, centre, ahead * step, near, step):
            return step
        near = self._with_unseen(frame, centre, near)
        if held is None and self._fits(frame, centre, ahead * step, near, step):
            return step
        expected = ahead * (step if held is None else rotation_of(held) @ step)
        way = self._find_way(frame, centre, ahead * step, near, expected)
        if way is None:
            way = self._turn_in_place(frame, centre, ahead * step, near, expected)
            self.held_back[frame] = self._largest_share(frame, centre, way, near)
        # Kept even of a step of no length: from one step to the next the camera turns until there is room.
        bend = turn_between(step / length, way / np.linalg.norm(way))
        if bend.any():
            self._bends[frame] = bend
        elif frame not in self.held_back:
            return step
        return self.held_back.get(frame, 1.0) / ahead * way

    def _find_way(self, frame: int, centre: Array, step: Array, near: _Near, expected: Array) -> Array | None:
        """Find the least bent of the ways (3,) that are free and turn least from the one that is expected."""
        ways = _ways(step, expected)
        turns = _angles(ways, expected)
        for least, most in pairwise((-1.0, *TURNS)):
            chosen = np.flatnonzero((turns > least) & (turns <= most))
            # Of several ways around, bent alike, the one that stays farthest from everything.
            for equal in np.split(chosen, np.flatnonzero(np.diff(_bend_of(chosen))) + 1):
                distances = _distances(near.away, ways[equal])
                order = np.argsort(-distances, kind="stable")
                clear = np.minimum(distances, _distances(near.point, ways[equal])) >= near.least
                for index in equal[order[clear[order]]].tolist():
                    if self._is_open(frame, centre, ways[index], step, near):
                        way: Array = ways[index]
                        return way
        return None

    def _turn_in_place(self, frame: int, centre: Array, step: Array, near: _Near, expected: Array) -> Array:
        """Turn from the expected way (3,) towards the nearest that is free; the asked one where none is."""
        ways = _ways(step, expected)
        turns = _angles(ways, expected)
        order = np.argsort(turns, kind="stable").tolist()
        free = next((index for index in order if self._fits(frame, centre, ways[index], near, step)), None)
        way = step
        if free is not None:
            turn = turn_between(expected / np.linalg.norm(expected), ways[free] / np.linalg.norm(step))
            way = rotation_of(turn * (TURNS[-1] / max(turns[free], TURNS[-1]))) @ expected
        return way

    def _near(self, centre: Array, length: float, ahead: int) -> _Near:
        """Remembered points within reach of so many steps from a place, the nearest ones only."""
        squared = np.sum((self._cloud - centre) ** 2, axis=1)
        chosen = np.flatnonzero(squared < (ahead * length + self._limit) ** 2)
        if len(chosen) > MOST_POINTS:
            chosen = chosen[np.argpartition(squared[chosen], MOST_POINTS)[:MOST_POINTS]]
        away = self._cloud[chosen] - centre
        closest = math.sqrt(float(np.min(np.einsum("ni,ni->n", away, away), initial=math.inf)))
        return _Near(away, min(self._limit, closest * (1 - MAX_APPROACH_SHARE)), ahead)

    def _with_unseen(self, frame: int, centre: Array, near: _Near) -> _Near:
        """Count what is not in any picture, such as the ground below the camera, among what is close."""
        if self._surroundings is None:
            return near
        point = self._surroundings.nearest_point(centre, frame) - centre
        closest = math.sqrt(float(point @ point))
        if closest == math.inf:
            return near._replace(closest=closest)
        least = min(near.least, closest * (1 - MAX_APPROACH_SHARE))
        return near._replace(least=least, point=point[None], closest=closest)

    def _distance_to_surface(self, frame: int, place: Array) -> float:
        """Distance from a place (3,) to the nearest surface, seen or not; infinite where nothing tells of any."""
        if self._surroundings is None:
            return math.inf
        return math.dist(self._surroundings.nearest_point(place, frame), place)

    def _fits(self, frame: int, centre: Array, step: Array, near: _Near, asked: Array) -> bool:
        is_clear = min(_distance(near.away, step), _distance(near.point, step)) >= near.least
        return is_clear and self._is_open(frame, centre, step, asked, near)

    def _is_open(self, frame: int, centre: Array, step: Array, asked: Array, near: _Near) -> bool:
        """Tell whether no surface, seen or not, is in the way of a step, or too close to where it leads."""
        return self._meets_nothing(frame, centre, step, asked, near.least) and self._keeps_away(
            frame, centre, step, near
        )

    def _meets_nothing(self, frame: int, centre: Array, step: Array, asked: Array, least: float) -> bool:
        """Tell whether no surface, seen or not, is in the way of a step, nor from its end in that of the asked one."""
        if self._surroundings is None:
            return True
        reach = float(np.linalg.norm(step)) + least
        if self._surroundings.nearest_hit(centre, step, reach, frame) is not None:
            return False
        return self._surroundings.nearest_hit(centre + step, asked, least, frame) is None

    def _keeps_away(self, frame: int, centre: Array, steps: Array, near: _Near) -> bool:
        """Tell whether the camera is far enough from every surface after the next step, and after all that it looks to.

        So what it may keep where it is too close already does not shrink from one step to the next.
        """
        least = near.least - MAX_APPROACH_SHARE * float(np.max(np.abs(centre)))
        length = math.sqrt(float(steps @ steps))
        return all(
            near.closest - share * length >= least or self._distance_to_surface(frame, centre + share * steps) >= least
            for share in {1.0, 1 / near.ahead}
        )

    def _largest_share(self, frame: int, centre: Array, step: Array, near: _Near) -> float:
        low, high = 0.0, 1.0
        for _ in range(10):
            middle = (low + high) / 2
            if self._fits(frame, centre, middle * step, near, step):
                low = middle
            else:
                high = middle
        return low


def _planes(centres: Array, points: Array) -> tuple[Array, Array]:
    """Distance (T,) from centres to points, (T, 3) both, and the unit vectors away from them; 0 from infinite ones."""
    known = np.isfinite(points).all(axis=1)
    beside = np.where(known[:, None], centres - points, 0.0)
    away = np.linalg.norm(beside, axis=1)
    return np.where(known, away, np.inf), beside / np.maximum(away, 1e-300)[:, None]


def crossings(surroundings: Surroundings, centres: Array) -> tuple[int, ...]:
    """Find the steps at which a path, centres (T, 3), passes through a surface."""
    steps = np.diff(centres, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    return tuple(
        frame
        for frame in np.flatnonzero(lengths > 0).tolist()
        if surroundings.nearest_hit(centres[frame], steps[frame], float(lengths[frame]), frame) is not None
    )


def _distance(away: Array, step: Array) -> float:
    """Distance from points (N, 3), seen from the start of a step, to its segment; infinite where there are none."""
    return float(_distances(away, step[None])[0])


def _distances(away: Array, steps: Array) -> Array:
    """Distances (M,) from points (N, 3) to the segments of steps (M, 3) from where they are seen, see `_distance`."""
    if not len(away):
        return np.full(len(steps), math.inf)
    squared = np.einsum("mi,mi->m", steps, steps)
    along = away @ steps.T
    share = np.clip(along / np.where(squared > 0, squared, 1.0), 0.0, 1.0)
    # |away - share step|^2, multiplied out.
    rest = np.einsum("ni,ni->n", away, away)[:, None] + share * (share * squared - 2 * along)
    distances: Array = np.sqrt(np.maximum(np.min(rest, axis=0), 0.0))
    return distances


def _ways(step: Array, expected: Array) -> Array:
    """Give a step (3,) and, after it, each of its bends to all sides (N, 3), one side being that of the expected."""
    length = math.sqrt(float(step @ step))
    axis = step / length
    side = expected - (expected @ axis) * axis
    if float(side @ side) < (1e-6 * length) ** 2:
        side = cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    side = side / math.sqrt(float(side @ side))
    ways = _ALONG * axis + _ASIDE * (_ONE_SIDE * side + _OTHER_SIDE * cross(axis, side))
    return np.concatenate([step[None], length * ways.reshape(-1, 3)])


def _bend_of(ways: NDArray[np.intp]) -> NDArray[np.intp]:
    """Index of each way's bend, -1 for the step itself."""
    return (ways - 1) // AZIMUTHS


def _angles(ways: Array, expected: Array) -> Array:
    """Angles in degrees (N,) between ways (N, 3) of one length and the one that is expected."""
    cosine = ways @ expected / (np.linalg.norm(ways[0]) * np.linalg.norm(expected))
    angles: Array = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angles
