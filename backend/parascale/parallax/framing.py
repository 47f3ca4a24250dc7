"""Framing: turn the realised camera so that the target's subject stands where the reference's stood on the screen."""

import math
from collections.abc import Sequence

import numpy as np

from parascale.camera.quaternions import conjugate, product, to_rotation_vectors
from parascale.camera.rotations import continuous_quaternions, matrices_from_quaternions, quaternions_from_matrices
from parascale.camera.single import rotation_of, turn_between, vector_of
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.horizon import STEEP, STEEPEST
from parascale.parallax.lead import Lead, Places
from parascale.parallax.number import surface
from parascale.types import Array

# Turns faster than this are the reference's shake, and stay: 1 / (2 pi 0.13 s) is about 1.2 Hz.
SMOOTH_SECONDS = 0.13

# The correction may turn the camera this fast, in radians a second, or at twice the reference's own largest rate.
MAX_CORRECTION_RATE = math.radians(90.0)

# Around the subject's place, in frame widths, in which a surface is looked for.
REACH = 0.06
# A measured depth counts as the one expected from the reference where the surface around it includes that.
# A subject that is proposed from the path alone lies in what it belongs to, and seldom on its surface.
DEPTH_SLACK, PROPOSED_SLACK = 0.02, 0.25
MAX_STEP_IN_SURFACE = 1.3


class Aim:
    """Rotation of the realised camera for where it stands: R'_t = Q_t B_t, B_t without framing.

    Frames are asked outwards from the anchor's.

    Attributes
    ----------
    points : list of (T, 3) float64 or None
        Where each subject stands in the target; None until it has been seen.
    wanted : (T, 3, 3) float64
        Q_t that puts the subject exactly in its place, seen from where the camera was last asked for.
    """

    def __init__(
        self,
        base: Array,
        lead: Lead,
        places: Places,
        points: Sequence[Array | None],
        up: Array | None,
        times: Array,
        strength: float,
        *,
        slack: float = DEPTH_SLACK,
    ) -> None:
        """Take what the aim depends on.

        Parameters
        ----------
        base : (T, 3, 3) float64
            B_t, rotations without framing.
        lead, places
            See `find_lead`, `place_in`.
        points : sequence of (T, 3) float64 or None
            Where each of the subjects stands in the target; None where that is still to be seen.
        up : (3,) float64 or None
            The target's; None lets the roll go as it comes.
        times : (T,) float64
        strength : float
            0 .. 1: which part of the correction is made.
        slack : float
            By how much, as a share, a surface may be off the depth expected of the subject to be the subject's.
        """
        self._base, self._lead, self._places, self._up, self._strength = base, lead, places, up, strength
        self._slack = slack
        self.points = list(points)
        self.wanted = np.tile(np.eye(3), (len(base), 1, 1))
        # Up in the axes of each camera without framing.
        self._level = np.zeros((len(base), 3)) if up is None else up @ base
        self._hurried: set[int] = set()
        self._most = _largest_turns(base, times)

    @property
    def hurried(self) -> tuple[int, ...]:
        """Frames in which the subject would have needed a faster turn than is allowed."""
        return tuple(sorted(self._hurried))

    def rotation(self, frame: int, centre: Array, neighbour: int | None) -> Array:
        """R'_t (3, 3) for a camera at a place (3,); ``neighbour`` is the frame before, seen from the anchor's."""
        return self.corrected(frame, self.correct(frame, centre, neighbour))

    def correct(self, frame: int, centre: Array, neighbour: int | None) -> Array:
        """Find Q_t (3, 3) for a camera at a place (3,), which becomes the wanted one; see `rotation`."""
        held = np.eye(3) if neighbour is None else self.wanted[neighbour]
        correction = self._correct(frame, centre, held, neighbour)
        self.wanted[frame] = correction
        return correction

    def corrected(self, frame: int, correction: Array) -> Array:
        """Rotation of a frame with as much of a correction (3, 3) as is to be made, and the roll that belongs to it."""
        if self._strength < 1:
            correction = power(correction, self._strength)
        return self.keep_roll(frame, correction @ self._base[frame])

    def _correct(self, frame: int, centre: Array, held: Array, neighbour: int | None) -> Array:
        subject = int(self._lead.subject[frame])
        point = self.points[subject] if subject >= 0 else None
        if point is None:
            return held
        towards = point[frame] - centre
        distance = math.sqrt(float(towards @ towards))
        if distance == 0:
            return held
        base, ray = self._base[frame], self._places.rays[frame]
        vector = turn_between(held @ base @ ray, towards / distance)
        angle = math.sqrt(float(vector @ vector))
        share = float(self._lead.ease[frame])
        self._hurried.discard(frame)
        if neighbour is not None and angle * share > (most := self._most[min(frame, neighbour)]):
            share = most / angle
            self._hurried.add(frame)
        turned = rotation_of(share * vector) @ held
        correction: Array = self.keep_roll(frame, turned @ base, ray) @ base.T
        return correction

    def keep_roll(self, frame: int, rotation: Array, ray: Array | None = None) -> Array:
        """Twist a camera about a ray, its own axis by default, until it rolls as it does without framing."""
        if self._up is None:
            return rotation
        axis = _AHEAD if ray is None else ray
        angle = _twist(axis, self._level[frame], self._up @ rotation)
        twisted: Array = rotation @ rotation_of(angle * axis)
        return twisted

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """Find what stands at the subject's place in a picture that was taken, where that is still unknown.

        Parameters
        ----------
        frame : int
        pose : (4, 4) float64
            The camera of the picture.
        samples : DepthSamples
        depth : float
            Z'_t there, which tells at what depth the reference's subject would stand; NaN where unknown.
        """
        subject = int(self._lead.subject[frame])
        if subject < 0 or self.points[subject] is not None:
            return
        ray = self._places.rays[frame] / self._places.rays[frame, 2]
        expected = float(self._lead.depth[frame]) * depth
        stands = depth_along(ray, samples, self._places.intrinsics[frame], self._places.width, expected, self._slack)
        if not math.isnan(stands):
            point = pose[:3, 3] + pose[:3, :3] @ (ray * stands)
            self.points[subject] = np.tile(point, (len(self._base), 1))


class SteadyAim:
    """An aim whose corrections are smoothed, by as much as smoothing changed those of an earlier march."""

    def __init__(self, aim: Aim, corrections: Array) -> None:
        """Take the aim as an earlier march left it, and its corrections Q_t (T, 3, 3), smoothed."""
        self._aim = aim
        # Not the corrections themselves: a step that is bent otherwise than before ends elsewhere.
        self._changes = corrections @ np.swapaxes(aim.wanted, 1, 2)

    def rotation(self, frame: int, centre: Array, neighbour: int | None) -> Array:
        """See `Aim.rotation`."""
        return self._aim.corrected(frame, self._changes[frame] @ self._aim.correct(frame, centre, neighbour))

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """See `Aim.see`."""
        self._aim.see(frame, pose, samples, depth)


_AHEAD = np.array([0.0, 0.0, 1.0])


def depth_along(
    ray: Array, samples: DepthSamples, intrinsics: Array, width: int, expected: float, slack: float
) -> float:
    """z-depth of what stands along a ray (3,), z = 1, of a picture that was sampled; NaN where nothing stands there.

    The nearest sample's, or ``expected`` itself where a surface around the ray has that depth, within a share of
    ``slack``: the grid is coarser than what a reference tells, and what stands before the subject may hide its middle.
    Where no surface is near, ``expected``.
    """
    x, y, depth = surface(samples, intrinsics)
    away = np.hypot(x - ray[0], y - ray[1]) * (intrinsics[0] / width)
    if not len(away) or away.min() > REACH:
        return expected
    around = depth[np.argsort(away, kind="stable")[:4]]
    nearest, farthest = float(around.min()), float(around.max())
    if farthest < MAX_STEP_IN_SURFACE * nearest:
        is_there = nearest / (1 + slack) <= expected <= farthest * (1 + slack)
    else:
        is_there = float(np.abs(np.log(around / expected)).min()) <= math.log1p(slack)
    return expected if is_there else float(around[0])


def power(rotation: Array, exponent: float) -> Array:
    """Turn by a part of a rotation (3, 3), about its own axis."""
    return rotation_of(exponent * vector_of(rotation))


def smooth_corrections(corrections: Array, times: Array, anchor_frame: int = 0) -> Array:
    """Low-pass rotations (T, 3, 3) by a Gaussian over time; a steady turn comes through, ends and anchor stay."""
    before = _smooth_run(corrections[: anchor_frame + 1], times[: anchor_frame + 1])
    return np.concatenate([before[:-1], _smooth_run(corrections[anchor_frame:], times[anchor_frame:])])


def _smooth_run(corrections: Array, times: Array) -> Array:
    """Smooth a run of rotations, which beyond each end goes on as its reflection through the end."""
    count = len(corrections)
    if count < 3:
        return corrections
    sigma = SMOOTH_SECONDS * (count - 1) / float(times[-1] - times[0])
    reach = min(math.ceil(3 * sigma), count - 1)
    turns = continuous_quaternions(quaternions_from_matrices(corrections))

    def reflect(end: Array, inside: Array) -> Array:
        mirrored: Array = product(product(end[None], conjugate(inside)), end[None])
        return mirrored

    before = reflect(turns[0], turns[reach:0:-1])
    after = reflect(turns[-1], turns[-2 : -reach - 2 : -1])
    extended = continuous_quaternions(np.concatenate([before, turns, after]))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    kernel /= kernel.sum()
    filtered = np.stack([np.convolve(column, kernel, mode="valid") for column in extended.T], axis=1)
    return matrices_from_quaternions(filtered)


def _largest_turns(base: Array, times: Array) -> Array:
    """Largest turn of the correction from each frame to the next, (T-1,) radians."""
    span = np.diff(times)
    quaternions = quaternions_from_matrices(base)
    rates = np.linalg.norm(to_rotation_vectors(product(conjugate(quaternions[:-1]), quaternions[1:])), axis=1) / span
    return np.asarray(max(MAX_CORRECTION_RATE, 2 * float(rates.max(initial=0.0))) * span)


def _twist(axis: Array, level: Array, now: Array) -> float:
    """Angle to turn a camera about an axis so that up, ``now`` in its axes, leans in the picture as ``level`` does.

    Turned by psi about the axis, up becomes Rot(axis, -psi) now; across the direction that ``level`` has in the
    picture, its component a cos psi + b sin psi + c must vanish. Faded out where either looks steeply up or down.
    """
    (ax, ay, az), (lx, ly, _), (nx, ny, nz) = axis.tolist(), level.tolist(), now.tolist()
    flat = math.hypot(lx, ly)
    steepness = min(flat, math.hypot(nx, ny))
    share = min(max((steepness - STEEPEST) / (STEEP - STEEPEST), 0.0), 1.0)
    if share == 0:
        return 0.0
    x, y = ly / flat, -lx / flat
    along, lean = ax * nx + ay * ny + az * nz, x * ax + y * ay
    a = x * nx + y * ny - along * lean
    b = -(x * (ay * nz - az * ny) + y * (az * nx - ax * nz))
    c = along * lean
    radius = math.hypot(a, b)
    if radius == 0:
        return 0.0
    middle, half = math.atan2(b, a), math.acos(min(max(-c / radius, -1.0), 1.0))
    candidates = (math.remainder(middle + half, math.tau), math.remainder(middle - half, math.tau))
    return share * min(candidates, key=abs)
