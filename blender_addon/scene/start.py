"""Where a calibrated camera starts: at the scene camera, the viewport, or an anchor made earlier."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from parascale.blender.camera import intrinsics_from_lens, opencv_from_blender, render_size
from parascale.blender.camera_track import may_move, rests, track_camera
from parascale.camera import View
from parascale.errors import InputError
from parascale.types import Array

from ..settings import settings_of_object, settings_of_scene
from ..stubs import Context
from .cameras import scene_camera, source_of_camera
from .markers import camera_shown_at


@dataclass(frozen=True, eq=False)
class Start:
    """Where a path starts, and what its camera does besides over the T frames of the move."""

    # The camera on its anchor, in the axes of what carries it.
    view: View
    # z-depths between which it shows surfaces, (2,) or (T, 2).
    clip: Array
    # The camera whose focus counts; None where it starts at the viewport, whose lens is in millimetres.
    source: bpy.types.Object | None = None
    viewport_lens: float = 0.0
    # Its own intrinsics (T, 4), where it zooms.
    lens: Array | None = None
    # What moves it besides, and how far that has since the first frame, (T, 4, 4).
    carrier: bpy.types.Object | None = None
    carriers: Array | None = None


def find_start(context: Context, frames: Array, anchor_frame: int, reference: str) -> Start:
    """Return where a new camera begins that is on its anchor at one of its frames (T,), by the scene's own setting.

    What carries the camera carries the new one too, but for the reference's own source, whose move is the reference
    already.
    """
    scene: bpy.types.Scene = context.scene
    if settings_of_scene(scene).start_from != "CAMERA":
        return _start_at_viewport(context)
    camera = scene_camera(scene)
    if camera == camera_shown_at(scene, scene.frame_current):
        # Markers choose the camera, so the one counts that they show where the move starts.
        camera = camera_shown_at(scene, frames[anchor_frame]) or camera
    own = settings_of_object(camera).own_values
    carrier = camera.parent if reference != source_of_camera(camera) else None
    carrier = carrier if carrier is not None and may_move(carrier) else None
    track = track_camera(scene, camera, frames, anchor_frame, carrier, own)
    view = dataclasses.replace(track.state.view, intrinsics=track.state.intrinsics)
    if track.carriers is not None:
        view = dataclasses.replace(
            view, camera_to_world=np.linalg.inv(track.carriers[anchor_frame]) @ view.camera_to_world
        )
    return Start(view, track.state.clip, camera, 0.0, track.intrinsics, carrier, track.carriers)


def start_of_camera(scene: bpy.types.Scene, camera: bpy.types.Object, frames: Array) -> Start:
    """Return where a calibrated camera starts: at its anchor at the first of its frames (T,), with its own lens."""
    if camera.parent is None:
        raise InputError(f"{camera.name} has lost its anchor: parent it to one, or create a new camera")
    own = settings_of_object(camera).own_values
    track = track_camera(scene, camera, frames, 0, camera.parent, own, stay=rests(camera))
    view, intrinsics, _, pose = track.state
    assert pose is not None  # it has an anchor
    view = View(pose, intrinsics, *view.size)
    return Start(view, track.clip, camera, 0.0, track.intrinsics, camera.parent, track.carriers)


def _start_at_viewport(context: Context) -> Start:
    scene: bpy.types.Scene = context.scene
    pose, space = view_pose(context), next(viewports(context))
    # The viewport shows twice the width that a camera of the same lens does.
    lens, size = space.lens / 2, render_size(scene)
    aspect = scene.render.pixel_aspect_x, scene.render.pixel_aspect_y
    intrinsics = intrinsics_from_lens(lens, (36.0, 24.0), size, aspect=aspect)
    view = View(opencv_from_blender(np.array(pose)), intrinsics, *size)
    return Start(view, np.array([space.clip_start, space.clip_end]), viewport_lens=lens)


def view_pose(context: Context) -> Matrix:
    """Return where the 3D viewport looks from, Blender's axes.

    Raises
    ------
    InputError
        Where none is open, or it has no perspective.
    """
    space = next(viewports(context), None)
    if space is None or space.region_3d is None:
        raise InputError("no 3D viewport is open: start from the scene camera")
    if space.region_3d.view_perspective == "ORTHO":
        raise InputError("the viewport is orthographic, which has no parallax to match: switch it to perspective")
    return space.region_3d.view_matrix.inverted()


def viewports(context: Context) -> Iterator[bpy.types.SpaceView3D]:
    """Yield the open 3D viewports, the one at hand first."""
    areas = ([context.area] if context.area else []) + (list(context.screen.areas) if context.screen else [])
    return (area.spaces.active for area in areas if area.type == "VIEW_3D")
