"""How the realised camera moves from one frame to the next, for a given gain of the step between them."""

import math
from typing import Protocol

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.quaternions import arc_of_chord, conjugate, product, to_rotation_vectors
from parascale.camera.rotations import quaternions_from_matrices
from parascale.camera.single import chord_of, rotation_of, vector_of
from parascale.parallax.clearance import Guard
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.framing import Aim, SteadyAim
from parascale.parallax.subject_size import SizeKeeper
from parascale.types import Array

# Where the next camera turns to depends on where it stands, and where it stands on how it turns: repeated so often, or
# until its turn changes by less than this, in radians.
MAX_ROUNDS = 6
SETTLED = 1e-10


class Mover(Protocol):
    """Moves the realised camera along the reference's steps, outwards from the anchor's frame."""

    def first(self) -> Array:
        """Pose (4, 4) of the anchor's frame."""

    def next(self, frame: int, pose: Array, gain: float) -> Array:
        """Pose of frame + 1, from that of ``frame``."""

    def previous(self, frame: int, pose: Array, gain: float) -> Array:
        """Pose of ``frame``, from that of frame + 1."""

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """Take what the camera of a frame saw, and Z'_t there."""


class Replay:
    """The paper's move, verbatim: rotations as they are, steps in the target's axes."""

    def __init__(self, start: Array, steps: Array, anchor_frame: int = 0, aim: Aim | None = None) -> None:
        """Take cameras at the anchor's centre (T, 4, 4), steps for gain 1 (T-1, 3), and what only watches a subject."""
        self._start, self._steps, self._anchor_frame, self._aim = start, steps, anchor_frame, aim

    def first(self) -> Array:
        """See `Mover`."""
        return np.array(self._start[self._anchor_frame])

    def next(self, frame: int, pose: Array, gain: float) -> Array:
        """See `Mover`."""
        result = np.array(self._start[frame + 1])
        result[:3, 3] = pose[:3, 3] + gain * self._steps[frame]
        return result

    def previous(self, frame: int, pose: Array, gain: float) -> Array:
        """See `Mover`."""
        result = np.array(self._start[frame])
        result[:3, 3] = pose[:3, 3] - gain * self._steps[frame]
        return result

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """See `Mover`."""
        if self._aim is not None:
            self._aim.see(frame, pose, samples, depth)


class CameraMove:
    """Steps in the realised camera's own axes, and a rotation that depends on where it stands.

    A step is a piece of an arc, on which the camera travels steadily along its own axes while it turns steadily: where
    the realised camera turns further than the reference's, its chord leans by half of what it turns further, so that an
    orbit about a nearer subject is an orbit. Its length is the reference's times the gain.
    """

    def __init__(
        self,
        reference: Trajectory,
        centre: Array,
        base: Array,
        factor: Array,
        aim: Aim | SteadyAim,
        guard: Guard,
        anchor_frame: int = 0,
        *,
        dolly: SizeKeeper | None = None,
    ) -> None:
        """Take the reference, the anchor's centre, rotations without framing, and factors on the steps."""
        self._dolly = dolly
        self._centre, self._aim, self._guard, self._anchor_frame = centre, aim, guard, anchor_frame
        local = np.einsum("nji,nj->ni", reference.rotations[:-1], reference.baselines)
        self._lengths = np.linalg.norm(local, axis=1) * factor
        self._travel = arc_of_chord(_turns(reference.rotations), local)
        self._turns = _turns(base)
        # By how much the camera turned further than its base in the step before.
        self._excess = np.zeros(3)

    def first(self) -> Array:
        """See `Mover`."""
        return _pose(self._aim.rotation(self._anchor_frame, self._centre, None), self._centre)

    def next(self, frame: int, pose: Array, gain: float) -> Array:
        """See `Mover`."""
        rotation, centre = pose[:3, :3], pose[:3, 3]
        turn, length = self._expect(frame), gain * float(self._lengths[frame])
        for _ in range(MAX_ROUNDS):
            step = rotation @ self._chord(frame, turn, length)
            following = self._aim.rotation(frame + 1, centre + step, frame)
            before, turn = turn, vector_of(rotation.T @ following)
            if _is_settled(before, turn):
                break
        self._excess = turn - self._turns[frame]
        if self._dolly is not None:
            step = self._dolly.adjust(frame, frame + 1, centre, step)
            following = self._aim.rotation(frame + 1, centre + step, frame)
        before_it = frame - 1 if frame > self._anchor_frame else None
        allowed = self._guard.allow(frame, frame, centre, step, len(self._lengths) - frame, before_it)
        if allowed is not step:
            following = self._aim.rotation(frame + 1, centre + allowed, frame)
        return _pose(following, centre + allowed)

    def previous(self, frame: int, pose: Array, gain: float) -> Array:
        """See `Mover`."""
        following, centre = pose[:3, :3], pose[:3, 3]
        turn, length = self._expect(frame), gain * float(self._lengths[frame])
        rotation = following @ rotation_of(-turn)
        for _ in range(MAX_ROUNDS):
            step = -rotation @ self._chord(frame, turn, length)
            rotation = self._aim.rotation(frame, centre + step, frame + 1)
            before, turn = turn, vector_of(rotation.T @ following)
            if _is_settled(before, turn):
                break
        self._excess = turn - self._turns[frame]
        if self._dolly is not None:
            step = self._dolly.adjust(frame + 1, frame, centre, step)
            rotation = self._aim.rotation(frame, centre + step, frame + 1)
        after_it = frame + 1 if frame + 1 < self._anchor_frame else None
        allowed = self._guard.allow(frame, frame + 1, centre, step, frame + 1, after_it)
        if allowed is not step:
            rotation = self._aim.rotation(frame, centre + allowed, frame + 1)
        return _pose(rotation, centre + allowed)

    def see(self, frame: int, pose: Array, samples: DepthSamples, depth: float) -> None:
        """See `Mover`."""
        self._aim.see(frame, pose, samples, depth)
        self._guard.see(frame, pose, samples, depth)

    def _expect(self, frame: int) -> Array:
        """Rotation vector (3,) of a step: the base's, and the excess of the step before."""
        starts = frame in (self._anchor_frame - 1, self._anchor_frame)
        expected: Array = self._turns[frame] + (0.0 if starts else self._excess)
        return expected

    def _chord(self, frame: int, turn: Array, length: float) -> Array:
        """Displacement in the axes of the step's first camera."""
        chord = chord_of(turn, self._travel[frame])
        now = math.sqrt(float(chord @ chord))
        return chord * (length / now) if now > 0 else chord


def _turns(rotations: Array) -> Array:
    """Rotation vectors (T-1, 3) from each camera to the next, in the axes of the first of the two."""
    quaternions = quaternions_from_matrices(rotations)
    return to_rotation_vectors(product(conjugate(quaternions[:-1]), quaternions[1:]))


def _pose(rotation: Array, centre: Array) -> Array:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, centre
    return pose


def _is_settled(before: Array, now: Array) -> bool:
    return math.dist(before.tolist(), now.tolist()) <= SETTLED
