"""Twelve moves that people film, written by formula at unit depth: each can be a reference without a clip."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import parascale
from parascale.camera import Trajectory
from parascale.camera.rotations import poses_of
from parascale.files.raw_trajectory import classify_motion
from parascale.parallax.shot import Shot
from parascale.types import Array, Choice

FPS = 24.0
SIZE = (1920, 1080)
FOCAL = 1600.0


@dataclass(frozen=True)
class ExampleMove(Choice):
    """A move.

    Attributes
    ----------
    seconds : float
    path : callable
        Share of the move (T,) -> centres (T, 3), what the camera looks at (T, 3), focal lengths over the first (T,).
        World axes of OpenCV: x right, y down, z ahead; what is looked at lies about 1 ahead.
    """

    seconds: float
    path: Callable[[Array], tuple[Array, Array, Array]]


def example_shot(name: str) -> Shot:
    """Make the shot of an example move; its median depth is the distance of what it looks at."""
    move = MOVES[name]
    count = round(move.seconds * FPS) + 1
    centres, targets, zoom = move.path(np.linspace(0.0, 1.0, count))
    rotations = _looking_at(targets - centres)
    intrinsics = np.tile([FOCAL, FOCAL, SIZE[0] / 2, SIZE[1] / 2], (count, 1))
    intrinsics[:, :2] *= zoom[:, None]
    poses = poses_of(rotations, centres)
    depth = np.linalg.norm(targets - centres, axis=1)
    return Shot(
        name=move.label,
        fps=FPS,
        trajectory=Trajectory(poses, intrinsics, np.arange(count) / FPS, *SIZE),
        median_depth=depth,
        unit="unit-depth",
        motion_class=classify_motion(poses),
        provenance={"made_by": f"parascale {parascale.__version__}", "source": f"example move {name}"},
    )


def _ease(t: Array) -> Array:
    """Start and stop softly."""
    return np.asarray(t * t * t * (t * (6 * t - 15) + 10))


def _looking_at(forward: Array) -> Array:
    """Upright rotations (T, 3, 3) that look along directions (T, 3); y points down."""
    ahead = forward / np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross([0.0, 1.0, 0.0], ahead)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(ahead, right), ahead], axis=-1)


def _places(x: Array | float, y: Array | float, z: Array | float, count: int) -> Array:
    return np.stack([np.broadcast_to(np.asarray(each, float), count) for each in (x, y, z)], axis=1)


def _towards(x: Array | float, y: Array | float, z: Array | float, t: Array) -> tuple[Array, Array, Array]:
    """Move without turning."""
    centres = _places(x, y, z, len(t))
    return centres, centres + np.array([0.0, 0.0, 1.0]), np.ones(len(t))


def _at_subject(x: Array | float, y: Array | float, z: Array | float, t: Array) -> tuple[Array, Array, Array]:
    """Move while looking at what lies 1 ahead of the origin."""
    return _places(x, y, z, len(t)), np.tile([0.0, 0.0, 1.0], (len(t), 1)), np.ones(len(t))


def _dolly(t: Array) -> tuple[Array, Array, Array]:
    return _at_subject(0.0, 0.0, 0.45 * _ease(t), t)


def _orbit(t: Array, angle: float) -> tuple[Array, Array, Array]:
    turned = angle * _ease(t)
    return _at_subject(np.sin(turned), 0.0, 1 - np.cos(turned), t)


def _handheld(t: Array) -> tuple[Array, Array, Array]:
    # Steps at 1.9 a second, and slower sways that do not repeat.
    seconds = 5.0 * t
    step = 2 * np.pi * 1.9 * seconds
    sway = 0.008 * np.sin(2.1 * seconds + 0.4) + 0.005 * np.sin(3.7 * seconds)
    centres = _places(sway + 0.003 * np.sin(step / 2), 0.005 * np.abs(np.sin(step / 2)), 0.5 * t, len(t))
    look = _places(0.02 * np.sin(1.3 * seconds), 0.01 * np.sin(1.7 * seconds + 1), 1.0, len(t))
    return centres, centres + look, np.ones(len(t))


def _vertigo(t: Array) -> tuple[Array, Array, Array]:
    forward = 0.5 * _ease(t)
    return _places(0.0, 0.0, forward, len(t)), np.tile([0.0, 0.0, 1.0], (len(t), 1)), 1 - forward


def _push_and_tilt(t: Array) -> tuple[Array, Array, Array]:
    centres = _places(0.0, 0.0, 0.35 * _ease(t), len(t))
    return centres, centres + _places(0.0, 0.25 - 0.5 * _ease(t), 1.0, len(t)), np.ones(len(t))


def _whip(t: Array) -> tuple[Array, Array, Array]:
    angle = np.radians(70) * _ease(np.clip((t - 0.3) / 0.4, 0, 1))
    centres = _places(0.15 * t, 0.0, 0.05 * t, len(t))
    return centres, centres + _places(np.sin(angle), 0.0, np.cos(angle), len(t)), np.ones(len(t))


def _reveal(t: Array) -> tuple[Array, Array, Array]:
    rise = _ease(t)
    return _at_subject(0.0, -0.7 * rise, -0.6 * rise, t)


MOVES = {
    move.name: move
    for move in (
        ExampleMove("dolly-in", "Dolly In", "Straight towards the subject, to half its distance", 4.0, _dolly),
        ExampleMove(
            "pull-back", "Pull Back", "Straight away from it", 4.0, lambda t: _towards(0, 0, -0.6 * _ease(t), t)
        ),
        ExampleMove("truck", "Truck", "Sideways, without turning", 4.0, lambda t: _towards(0.4 * _ease(t), 0, 0, t)),
        ExampleMove(
            "crane-up", "Crane Up", "Up, while looking at it", 4.0, lambda t: _at_subject(0, -0.5 * _ease(t), 0, t)
        ),
        ExampleMove("orbit", "Orbit", "A quarter of the way around it", 6.0, lambda t: _orbit(t, np.pi / 2)),
        ExampleMove("arc", "Arc", "A little way around it", 4.0, lambda t: _orbit(t, np.pi / 6)),
        ExampleMove("handheld-walk", "Handheld Walk", "Forward on foot, the camera in the hand", 5.0, _handheld),
        ExampleMove("drone-reveal", "Drone Reveal", "Up and back, while looking at it", 6.0, _reveal),
        ExampleMove("vertigo", "Vertigo", "Towards it while zooming out: it keeps its size", 4.0, _vertigo),
        ExampleMove("push-and-tilt", "Push and Tilt", "Forward, while the view tilts up", 4.0, _push_and_tilt),
        ExampleMove("whip", "Whip", "A quick pan in the middle of a slow move", 2.0, _whip),
        ExampleMove(
            "slow-drift", "Slow Drift", "Hardly moving, sideways", 8.0, lambda t: _towards(0.08 * t, 0, 0.02 * t, t)
        ),
    )
}
