"""What a shot looks at: a subject as a track on the screen, and which way is up in the shot's world."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory
from parascale.camera.intrinsics import projection
from parascale.errors import InputError
from parascale.types import Array, Mask

UNIT_TOLERANCE = 1e-6
# A handful of points says little of a subject.
MIN_SUBJECT_POINTS = 5


@dataclass(frozen=True, eq=False)
class SubjectTrack:
    """Where something stands in the picture, frame by frame; it may move in the world.

    Attributes
    ----------
    name : str
        What people call it.
    centre : (T, 2) float64
        x right and y down from the middle of the picture, in frame widths: both divided by the picture's width. NaN in
        the frames where the subject is out of frame or its place is not known.
    size : (T,) float64 or None
        Height of the subject in frame widths; NaN where unknown.
    depth : (T,) float64 or None
        z-depth of the subject in the shot's unit; NaN where unknown.

    Raises
    ------
    InputError
        Where a length does not fit, a number is infinite, or a size or depth is not positive.
    """

    name: str
    centre: Array
    size: Array | None = None
    depth: Array | None = None

    def __post_init__(self) -> None:
        centre = np.array(self.centre, np.float64)
        if centre.ndim != 2 or centre.shape[1] != 2 or len(centre) == 0:
            raise InputError(f"the centres of the subject {self.name!r} have shape {centre.shape}, expected (T, 2)")
        if np.isinf(centre).any() or np.any(np.isnan(centre[:, 0]) != np.isnan(centre[:, 1])):
            raise InputError(f"a centre of the subject {self.name!r} is not two finite numbers")
        self._freeze("centre", centre)
        for name in ("size", "depth"):
            if getattr(self, name) is None:
                continue
            values = np.array(getattr(self, name), np.float64)
            if values.shape != (len(centre),):
                raise InputError(f"the {name} of the subject {self.name!r} has shape {values.shape}, not {len(centre)}")
            if np.any(np.isinf(values) | (values <= 0)):
                raise InputError(f"the {name} of the subject {self.name!r} is not positive in every frame")
            self._freeze(name, values)

    def _freeze(self, name: str, values: Array) -> None:
        values.flags.writeable = False
        object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.centre)

    def __getitem__(self, frames: slice) -> "SubjectTrack":
        size, depth = (None if values is None else values[frames] for values in (self.size, self.depth))
        return replace(self, centre=self.centre[frames], size=size, depth=depth)

    @property
    def in_frame(self) -> Mask:
        """Frames in which the subject's place is known, (T,)."""
        known: Mask = ~np.isnan(self.centre[:, 0])
        return known

    def at(self, times: Array, wanted: Array) -> "SubjectTrack":
        """Interpolate to other times: linearly between two frames that know the subject, else unknown.

        Parameters
        ----------
        times : (T,) float64
            Those of the track, increasing.
        wanted : (N,) float64
            Within them, in any order.
        """
        before = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, len(times) - 1)
        after = np.minimum(before + 1, len(times) - 1)
        span = np.where(after > before, times[after] - times[before], 1.0)
        share = (wanted - times[before]) / span

        def between(values: Array) -> Array:
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            mixed: Array = (1 - weight) * values[before] + weight * values[after]
            return np.where(weight == 0, values[before], np.where(weight == 1, values[after], mixed))

        size, depth = (None if values is None else between(values) for values in (self.size, self.depth))
        return replace(self, centre=between(self.centre), size=size, depth=depth)


@dataclass(frozen=True, eq=False)
class Up:
    """Which way is up in a shot's world.

    Attributes
    ----------
    direction : (3,) float64
        Unit vector in the shot's world.
    confidence : float
        From 0, a guess, to 1, known.
    source : str
        Where it comes from, in a few words.
    """

    direction: Array
    confidence: float
    source: str

    def __post_init__(self) -> None:
        direction = np.array(self.direction, np.float64)
        if direction.shape != (3,) or not abs(float(np.linalg.norm(direction)) - 1) <= UNIT_TOLERANCE:
            raise InputError("the up direction is not a unit vector of three numbers")
        if not 0 <= self.confidence <= 1:
            raise InputError(f"the confidence of the up direction is {self.confidence}, expected 0 to 1")
        direction.flags.writeable = False
        object.__setattr__(self, "direction", direction)


def rays_to(centre: ArrayLike, intrinsics: ArrayLike, size: tuple[int, int]) -> Array:
    """Directions (T, 3) in camera axes, z = 1, through places (T, 2) in frame widths from the picture's middle.

    Intrinsics (T, 4) are in pixels of a picture of ``size``.
    """
    lens = np.asarray(intrinsics, np.float64)
    pixels = np.asarray(centre, np.float64) * size[0] + np.array(size) / 2
    return np.concatenate([(pixels - lens[..., 2:]) / lens[..., :2], np.ones((*pixels.shape[:-1], 1))], axis=-1)


def places_of(points: ArrayLike, intrinsics: ArrayLike, size: tuple[int, int]) -> Array:
    """Places (T, 2), in frame widths from the picture's middle, of points (T, 3) in camera axes; NaN behind it."""
    camera, lens = np.asarray(points, np.float64), np.asarray(intrinsics, np.float64)
    depth = np.where(camera[..., 2:] > 0, camera[..., 2:], np.nan)
    places: Array = (camera[..., :2] / depth * lens[..., :2] + lens[..., 2:] - np.array(size) / 2) / size[0]
    return places


def depth_of_point(path: Trajectory, point: Array) -> Array:
    """z-depth (T,) of a point of the world, (3,), or of one that moves, (T, 3); NaN behind the camera."""
    depth = np.einsum("ti,ti->t", point - path.centres, path.rotations[:, :, 2])
    return np.where(depth > 0, depth, np.nan)


def depth_in_box(path: Trajectory, points: Array, box: tuple[float, float, float, float]) -> Array:
    """Median z-depth (T,) of the world points (N, 3) that the first frame sees in a box, followed through all frames.

    The box is left, top, right and bottom in shares of the picture, y down. NaN where fewer than 5 of the points are
    in front of the camera.

    Raises
    ------
    InputError
        Where the box is empty or holds fewer than 5 points.
    """
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise InputError("the box around the reference's subject is empty: its right and bottom lie before its start")
    local = (points - path.centres[0]) @ path.rotations[0]
    share = projection(local, path.intrinsics[0]) / path.size
    inside = (local[:, 2] > 0) & np.all((share >= [left, top]) & (share <= [right, bottom]), axis=1)
    if inside.sum() < MIN_SUBJECT_POINTS:
        raise InputError(
            f"the box around the reference's subject holds {inside.sum()} of its points where {MIN_SUBJECT_POINTS} are "
            "needed: make it larger, or measure the whole frame"
        )
    result = np.full(len(path), np.nan)
    for frame, (centre, axis) in enumerate(zip(path.centres, path.rotations[:, :, 2], strict=True)):
        depth = (points[inside] - centre) @ axis
        if (depth > 0).sum() >= MIN_SUBJECT_POINTS:
            result[frame] = np.median(depth[depth > 0])
    return result


def seen_through(tracks: Sequence[SubjectTrack], before: Trajectory, after: Trajectory) -> tuple[SubjectTrack, ...]:
    """Tracks in the pictures of cameras that were only turned, or given another lens: each in the same direction.

    Parameters
    ----------
    tracks : sequence of SubjectTrack
        T frames, in the pictures of ``before``.
    before, after : Trajectory
        T cameras each.
    """
    turn = np.swapaxes(after.rotations, 1, 2) @ before.rotations
    zoom = after.intrinsics[:, 1] / after.width / (before.intrinsics[:, 1] / before.width)
    seen = []
    for track in tracks:
        rays = np.einsum("nij,nj->ni", turn, rays_to(track.centre, before.intrinsics, before.size))
        depth = None
        if track.depth is not None:
            depth = np.where(rays[:, 2] > 0, track.depth * rays[:, 2], np.nan)
        size = None if track.size is None else track.size * zoom
        centre = places_of(rays, after.intrinsics, after.size)
        seen.append(SubjectTrack(track.name, centre, size, depth))
    return tuple(seen)
