"""A camera of a scene while a move is played: its own lens and clip range at every frame, and what carries it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import bpy
import numpy as np

from parascale.blender.camera import intrinsics_of, rigid, view_of_evaluated
from parascale.blender.keyframes import (
    LENS,
    animated_paths,
    animates_clip,
    curve_of_path,
    driven_paths,
    own_lens_at,
    own_name,
)
from parascale.blender.scene_state import at_frame, depsgraph_of, view_layer_of
from parascale.blender.untyped import camera_data
from parascale.camera import View
from parascale.types import Array


class CameraState(NamedTuple):
    """What a camera does at a frame."""

    # As the scene renders it.
    view: View
    # Of its own lens, (4,), in whose place another may be keyed.
    intrinsics: Array
    # z-depths between which it shows surfaces, (2,).
    clip: Array
    # Rigid pose (4, 4) of what carries it.
    carrier: Array | None


class CameraTrack(NamedTuple):
    """What a camera does over the T frames of a move, beside the move itself."""

    # At the frame that was asked for.
    state: CameraState
    # Of its own lens, (T, 4); None where it does not zoom.
    intrinsics: Array | None
    # z-depths between which it shows surfaces, (T, 2); (1, 2) where they stay.
    clip: Array
    # Rigid transforms (T, 4, 4) by which it is carried from where it is at the first frame; None where it is not.
    carriers: Array | None


def track_camera(
    scene: bpy.types.Scene,
    camera_object: bpy.types.Object,
    frames: Array,
    at: int,
    carrier: bpy.types.Object | None,
    own: Mapping[str, float],
    *,
    stay: bool = False,
) -> CameraTrack:
    """Read what a camera does at frames (T,), in one go through them, as far as it differs from that of number ``at``.

    Parameters
    ----------
    scene : bpy.types.Scene
        Left at its current frame.
    camera_object : bpy.types.Object
    frames : (T,) float64
    at : int
    carrier : bpy.types.Object or None
        What carries the camera.
    own : mapping
        What the camera has of itself, by path, where something else is keyed in its place.
    stay : bool
        Whether nothing differs from frame to frame (see `at_frame`).
    """
    data = camera_data(camera_object)
    has_own = LENS[0] in own
    lens_paths = {own_name(name) for name in LENS} if has_own else {*LENS, "sensor_width"}
    zooms, clips = not lens_paths.isdisjoint(animated_paths(data)), animates_clip(data)
    is_carried = carrier is not None and may_move(carrier)
    read = frames[slice(None) if zooms or clips or is_carried else slice(at, at + 1)].tolist()
    own_lenses = [own_lens_at(data, own, frame) if has_own else None for frame in read]
    states = []
    with at_frame(scene, stay=stay) as go_to:
        for frame, own_lens in zip(read, own_lenses, strict=True):
            go_to(frame)
            evaluated = camera_object.evaluated_get(depsgraph_of(scene))
            view, shown = view_of_evaluated(scene, evaluated), camera_data(evaluated)
            lens = view.intrinsics if own_lens is None else intrinsics_of(scene, data, own_lens)
            pose = None if carrier is None else rigid(np.array(carrier.matrix_world), carrier.name)
            states.append(CameraState(view, lens, np.array([shown.clip_start, shown.clip_end]), pose))
    return CameraTrack(
        states[min(at, len(states) - 1)],
        np.array([state.intrinsics for state in states]) if zooms else None,
        np.array([state.clip for state in states if clips or state is states[0]]),
        _carriers([state.carrier for state in states if state.carrier is not None]),
    )


def _carriers(poses: list[Array]) -> Array | None:
    carriers = np.array(poses) @ np.linalg.inv(poses[0]) if poses else np.eye(4)
    return None if np.allclose(carriers, np.eye(4), atol=1e-6) else carriers


def track_place(scene: bpy.types.Scene, item: bpy.types.Object, frames: Array) -> Array:
    """Read where an object stands in the world at frames (T,), (T, 3)."""
    places = np.empty((len(frames), 3))
    with at_frame(scene, stay=not may_move(item)) as go_to:
        for place, frame in zip(places, frames.tolist(), strict=True):
            go_to(frame)
            place[:] = item.matrix_world.translation
    return places


def track_property(scene: bpy.types.Scene, item: bpy.types.Object, name: str, frames: Array) -> Array:
    """Read a custom property that is a number at frames (T,), (T,): as it is driven, else by its keys."""
    path = f'["{name}"]'
    curve = curve_of_path(item, path)
    if path not in driven_paths(item):
        return np.array([item[name] if curve is None else curve.evaluate(frame) for frame in frames.tolist()])
    values = np.empty(len(frames))
    with at_frame(scene) as go_to, _evaluated(scene, item):
        for index, frame in enumerate(frames.tolist()):
            go_to(frame)
            values[index] = item.evaluated_get(depsgraph_of(scene))[name]
    return values


@contextmanager
def _evaluated(scene: bpy.types.Scene, item: bpy.types.Object) -> Iterator[None]:
    """Have the drivers of an object run that is left out of the view layer, as those of the scene's camera always do.

    Markers bind no camera meanwhile (see `unbound_markers`).
    """
    if item.visible_get(view_layer=view_layer_of(scene)):
        yield
        return
    camera = scene.camera
    scene.camera = item
    try:
        yield
    finally:
        scene.camera = camera


def may_move(item: bpy.types.Object) -> bool:
    """Whether anything may move an object from frame to frame: keys, drivers or constraints, its own or above it."""
    above: bpy.types.Object | None = item
    while above is not None:
        if above.animation_data is not None or len(above.constraints):
            return True
        above = above.parent
    return False


def rests(camera_object: bpy.types.Object) -> bool:
    """Whether a camera's data and what it hangs on are surely the same at every frame."""
    above = camera_object.parent
    if above is not None and (above.parent is not None or len(above.constraints) > 0):
        return False
    return all(item is None or item.animation_data is None for item in (above, camera_data(camera_object)))


def clip_range(
    scene: bpy.types.Scene, camera_object: bpy.types.Object, frames: Sequence[float] | Array | None = None
) -> Array:
    """z-depths between which a camera shows surfaces now, (2,), or at frames (T,) where they are animated, (T, 2)."""
    data = camera_data(camera_object)
    moves = frames is not None and animates_clip(data)
    ranges = []
    with at_frame(scene, stay=not moves) as go_to:
        for frame in np.asarray(frames if moves else [0.0], np.float64).tolist():
            go_to(frame)
            shown = camera_data(camera_object.evaluated_get(depsgraph_of(scene)))
            ranges.append([shown.clip_start, shown.clip_end])
    return np.array(ranges if moves else ranges[0])
