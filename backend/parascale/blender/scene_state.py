"""What a scene is at a moment: its evaluated state, its frame, its rate, its unit."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.errors import InputError
from parascale.parallax.shot import Unit
from parascale.types import Array


def depsgraph_of(scene: bpy.types.Scene) -> bpy.types.Depsgraph:
    """Return the scene's evaluated state as the viewport shows it, up to date."""
    context = bpy.context
    if context.scene == scene and context.view_layer is not None:
        return context.evaluated_depsgraph_get()
    with context.temp_override(scene=scene, view_layer=view_layer_of(scene)):
        return bpy.context.evaluated_depsgraph_get()


def view_layer_of(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """Return the view layer that is looked at; the first one of a scene that is not open."""
    open_layer = bpy.context.view_layer if bpy.context.scene == scene else None
    return open_layer or scene.view_layers[0]


def frame_rate(scene: bpy.types.Scene) -> float:
    """Frames a second."""
    return scene.render.fps / scene.render.fps_base


def frames_of_times(scene: bpy.types.Scene, times: ArrayLike) -> Array:
    """Turn seconds from the scene's start frame into frames, fractions included."""
    return scene.frame_start + np.asarray(times, np.float64) * frame_rate(scene)


def times_of_frames(scene: bpy.types.Scene, frames: ArrayLike) -> Array:
    """Turn frames into seconds from the scene's start frame."""
    return (np.asarray(frames, np.float64) - scene.frame_start) / frame_rate(scene)


def metres_per_unit(scene: bpy.types.Scene) -> float | None:
    """Metres that one unit of the scene stands for; None where the scene has no units."""
    units = scene.unit_settings
    return None if units.system == "NONE" else units.scale_length


def unit_of(scene: bpy.types.Scene) -> Unit:
    """Return the unit that a shot in world units of the scene is in."""
    return "m" if metres_per_unit(scene) == 1.0 else "arbitrary"


def go_to_frame(scene: bpy.types.Scene, frame: float) -> None:
    """Move the scene to a frame, which may lie between two whole ones."""
    whole = math.floor(frame)
    # A hair under the next frame is that frame: seconds times a rate rarely comes out whole.
    if frame - whole > 1 - 1e-6:
        whole += 1
    scene.frame_set(whole, subframe=max(0.0, frame - whole))


@contextmanager
def at_frame(scene: bpy.types.Scene, *, stay: bool = False) -> Iterator[Callable[[float], None]]:
    """Lend the scene's current frame: yields a function that moves it, and moves it back at the end.

    The scene's camera stays, whatever cameras its markers bind. Where nothing that is read differs from frame to frame
    the frame can stay too: what the animator changed and has not keyed yet is then not lost.
    """
    if stay:
        yield lambda _: None
        return
    frame, subframe = scene.frame_current, scene.frame_subframe
    with unbound_markers(scene):
        try:
            yield lambda target: go_to_frame(scene, target)
        finally:
            scene.frame_set(frame, subframe=subframe)


@contextmanager
def unbound_markers(scene: bpy.types.Scene) -> Iterator[None]:
    """Take the cameras off a scene's markers for a while: Blender goes to them with the frame, and when it renders."""
    bound = [(marker, marker.camera) for marker in scene.timeline_markers if marker.camera is not None]
    # Changing one goes to the camera of another at once.
    with _kept_camera(scene):
        for marker, _ in bound:
            marker.camera = None
    try:
        yield
    finally:
        with _kept_camera(scene):
            for marker, camera in bound:
                marker.camera = camera


@contextmanager
def _kept_camera(scene: bpy.types.Scene) -> Iterator[None]:
    camera = scene.camera
    yield
    if scene.camera != camera:
        scene.camera = camera


def require_plain_time(scene: bpy.types.Scene) -> None:
    """Refuse a scene that plays its keys at another speed than their frames say.

    Raises
    ------
    InputError
        With the sentence to show.
    """
    old, new = scene.render.frame_map_old, scene.render.frame_map_new
    if old != new:
        raise InputError(
            f"the scene stretches time: Time Stretching is {old} to {new}, so keys would play {old / new:.3g} times as "
            "fast as they are made for; set both to 100 under Output > Frame Rate"
        )
