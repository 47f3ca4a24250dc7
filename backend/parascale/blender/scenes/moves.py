"""Reference moves that every scene's camera can make: what people film, by the names they use."""

from collections.abc import Callable

import bpy
import numpy as np

from parascale.blender.camera import render_size, view_of_camera
from parascale.blender.keyframes import key_trajectory
from parascale.blender.untyped import camera_data, untyped
from parascale.camera import Trajectory, View
from parascale.camera.rotations import poses_of
from parascale.types import Array

FRAMES = 81
FPS = 16


def animate(scene: bpy.types.Scene, move: str, frames: int = FRAMES, fps: int = FPS) -> Trajectory:
    """Key the scene's camera along a move that starts where it stands; give what was keyed, in world units.

    The scene's frame range and rate become those of the move, a key of `MOVES`. Its size follows the camera's focus
    distance, so that it fits any scene.
    """
    camera = scene.camera
    assert camera is not None
    scene.render.fps, scene.render.fps_base = fps, 1.0
    scene.frame_start, scene.frame_end = 1, frames
    start = view_of_camera(scene, camera)
    poses = MOVES[move](start, untyped(camera_data(camera).dof).focus_distance, np.linspace(0, 1, frames))
    trajectory = Trajectory(poses, start.intrinsics, np.arange(frames) / fps, *render_size(scene))
    key_trajectory(camera, trajectory, np.arange(1, frames + 1))
    scene.frame_set(1)
    return trajectory


def looking_at(places: Array, targets: Array) -> Array:
    """Upright OpenCV cameras at places (T, 3) that look at targets (T, 3), (T, 4, 4); z is up."""
    forward = targets - places
    forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return poses_of(np.stack([right, np.cross(forward, right), forward], axis=-1), places)


def _frame(start: View, distance: float) -> tuple[Array, Array, Array, Array]:
    """Place, subject, and the level directions right and ahead of a camera."""
    place, forward, right = (start.camera_to_world[:3, i] for i in (3, 2, 0))
    ahead = np.cross([0.0, 0.0, 1.0], right)
    return np.array(place), place + distance * forward, right, ahead


def _around(start: View, distance: float, angle: Array, lift: Array) -> Array:
    place, subject, _, _ = _frame(start, distance)
    radius = place - subject
    turned = np.stack(
        [
            radius[0] * np.cos(angle) - radius[1] * np.sin(angle),
            radius[0] * np.sin(angle) + radius[1] * np.cos(angle),
            radius[2] + lift,
        ],
        axis=1,
    )
    return looking_at(subject + turned, np.broadcast_to(subject, turned.shape))


def _swell(s: Array) -> Array:
    """Time with a gentle swell: the speed varies by a third and never rests."""
    return np.asarray(s - 0.33 * np.sin(2 * np.pi * s) / (2 * np.pi))


def _dolly(start: View, distance: float, travel: Array) -> Array:
    poses = np.tile(start.camera_to_world, (len(travel), 1, 1))
    poses[:, :3, 3] += travel[:, None] * distance * start.camera_to_world[:3, 2]
    return poses


def _truck(start: View, distance: float, s: Array) -> Array:
    poses = np.tile(start.camera_to_world, (len(s), 1, 1))
    poses[:, :3, 3] -= 0.5 * distance * _swell(s)[:, None] * start.camera_to_world[:3, 0]
    return poses


def _crane(start: View, distance: float, s: Array) -> Array:
    place, subject, _, ahead = _frame(start, distance)
    places = place + np.outer(0.4 * distance * _swell(s), [0, 0, 1]) + np.outer(0.12 * distance * s, ahead)
    return looking_at(places, np.broadcast_to(subject, places.shape))


def _handheld(start: View, distance: float, s: Array) -> Array:
    place, subject, right, ahead = _frame(start, distance)
    up = np.array([0.0, 0.0, 1.0])
    rng = np.random.default_rng(7)

    def sway(size: float, direction: Array) -> Array:
        waves = [rng.normal() / k * np.sin(2 * np.pi * (k * s + rng.random())) for k in range(1, 9)]
        total = np.sum(waves, axis=0)
        return size * distance * np.outer(total - total[0], direction)

    walk = distance * np.outer(0.3 * s, ahead)
    places = place + walk + sway(0.01, ahead) + sway(0.012, right) + sway(0.008, up)
    return looking_at(places, subject + sway(0.012, right) + sway(0.01, up))


def _compound(start: View, distance: float, s: Array) -> Array:
    """Walk ahead and aside, rise, and let the look drift from the subject: all at once, as an operator does."""
    place, subject, right, ahead = _frame(start, distance)
    up = np.array([0.0, 0.0, 1.0])
    places = (
        place
        + distance * np.outer(0.22 * _swell(s), ahead)
        + distance * np.outer(0.14 * np.sin(0.75 * np.pi * s), right)
        + distance * np.outer(0.1 * s**2, up)
    )
    return looking_at(places, subject + distance * np.outer(0.12 * s, right))


MOVES: dict[str, Callable[[View, float, Array], Array]] = {
    "arc": lambda start, distance, s: _around(start, distance, np.radians(-35) * _swell(s), 0.12 * distance * s),
    "dolly in": lambda start, distance, s: _dolly(start, distance, 0.5 * _swell(s)),
    "dolly out": lambda start, distance, s: _dolly(start, distance, -0.4 * _swell(s)),
    "truck": _truck,
    "crane": _crane,
    "orbit": lambda start, distance, s: _around(start, distance, np.radians(-60) * s, 0 * s),
    "handheld": _handheld,
    "compound": _compound,
}
