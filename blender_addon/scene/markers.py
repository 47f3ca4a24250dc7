"""The timeline's markers that bind cameras: which one is shown at a frame, and how ours comes to be shown."""

import bpy
import numpy as np

from parascale.types import Array


def camera_shown_at(scene: bpy.types.Scene, frame: float) -> bpy.types.Object | None:
    """Return the camera that a marker shows at a frame, as Blender chooses it; None where no marker binds one."""
    bound = _bound(scene)
    before = [marker.camera for marker in bound if marker.frame <= frame]
    return before[-1] if before else bound[0].camera if bound else None


def show_from(scene: bpy.types.Scene, camera: bpy.types.Object, first: int, before: Array | None) -> None:
    """Show a camera from a frame on: a new one where markers bind cameras, another where a marker showed it.

    It did so from the first of its frames (T,) before; one that stands elsewhere is a cut of the animator's, and stays.
    """
    there = _marker_at(scene, first)
    if before is None:
        if there is None and _bound(scene):
            there = scene.timeline_markers.new(camera.name, frame=first)
        if there is not None:
            there.camera = camera
        return
    ours = _marker_at(scene, round(before[0])) if len(before) else None
    if ours is None or ours.camera != camera or ours.frame == first:
        return
    if there is not None:
        there.camera = camera
    else:
        ours.frame = first


def _marker_at(scene: bpy.types.Scene, frame: int) -> bpy.types.TimelineMarker | None:
    """Return the marker at a frame that binds a camera."""
    return next((marker for marker in _bound(scene) if marker.frame == frame), None)


def _bound(scene: bpy.types.Scene) -> list[bpy.types.TimelineMarker]:
    """Return the markers that bind a camera, in order of time."""
    bound = (marker for marker in scene.timeline_markers if marker.camera is not None)
    return sorted(bound, key=lambda marker: marker.frame)


def shown_instead(
    scene: bpy.types.Scene, camera: bpy.types.Object, frames: Array
) -> tuple[int, bpy.types.Object] | None:
    """Return the first of a camera's frames (T,) at which a marker shows another camera, and that one; None if none."""
    first, last = round(float(np.min(frames))), round(float(np.max(frames)))
    starts = [first, *(marker.frame for marker in _bound(scene) if first < marker.frame <= last)]
    shown = ((start, camera_shown_at(scene, start)) for start in starts)
    return next(((start, other) for start, other in shown if other is not None and other != camera), None)
