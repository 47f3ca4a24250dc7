"""Where a calibrated camera starts: the scene camera, the viewport, or an anchor made earlier."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from parascale.blender.camera import intrinsics_from_lens, opencv_from_blender, render_size, rigid, view_of_camera
from parascale.blender.depth import clip_range
from parascale.blender.scene_state import at_frame
from parascale.blender.untyped import camera_data
from parascale.camera import View
from parascale.errors import InputError
from parascale.types import Array

from ..settings import settings_of_object, settings_of_scene
from ..stubs import Context
from .objects import scene_camera


@dataclass(frozen=True)
class Start:
    """Where a new calibrated camera begins: at a scene camera, or at the viewport, whose lens is in millimetres.

    Surfaces show between the two z-depths of ``clip``.
    """

    view: View
    source: bpy.types.Object | None
    clip: Array
    lens: float = 0.0


def find_start(context: Context, frame: int) -> Start:
    """Return where a new calibrated camera begins, by the scene's own setting."""
    scene: bpy.types.Scene = context.scene
    if settings_of_scene(scene).start_from == "CAMERA":
        camera = scene_camera(scene)
        with at_frame(scene) as go_to:
            go_to(frame)
            return Start(view_of_camera(scene, camera), camera, clip_range(scene, camera))
    space = next(viewports(context), None)
    if space is None or space.region_3d is None:
        raise InputError("no 3D viewport is open: start from the scene camera")
    if space.region_3d.view_perspective == "ORTHO":
        raise InputError("the viewport is orthographic, which has no parallax to match: switch it to perspective")
    pose = opencv_from_blender(np.array(space.region_3d.view_matrix.inverted()))
    # The viewport shows twice the width that a camera of the same lens does.
    lens = space.lens / 2
    intrinsics = intrinsics_from_lens(lens, (36.0, 24.0), render_size(scene), aspect=_aspect(scene))
    return Start(View(pose, intrinsics, *render_size(scene)), None, np.array([space.clip_start, space.clip_end]), lens)


def viewports(context: Context) -> Iterator[bpy.types.SpaceView3D]:
    """Yield the open 3D viewports, the one at hand first."""
    areas = ([context.area] if context.area else []) + (list(context.screen.areas) if context.screen else [])
    return (area.spaces.active for area in areas if area.type == "VIEW_3D")


def anchor_view(scene: bpy.types.Scene, camera: bpy.types.Object) -> View:
    """Return where a calibrated camera starts: its anchor at the start frame, with the lens it would have."""
    if camera.parent is None:
        raise InputError(f"{camera.name} has lost its anchor: parent it to one, or create a new camera")
    own_lens = settings_of_object(camera).own_lens
    with at_start_frame(scene, camera):
        own = view_of_camera(scene, camera)
        pose = rigid(np.array(camera.parent.matrix_world), camera.parent.name)
    intrinsics = own.intrinsics
    if own_lens[0] > 0:
        data = camera_data(camera)
        intrinsics = intrinsics_from_lens(
            own_lens[0],
            (data.sensor_width, data.sensor_height),
            render_size(scene),
            fit=data.sensor_fit,
            shift=(own_lens[1], own_lens[2]),
            aspect=_aspect(scene),
        )
    return View(pose, intrinsics, own.width, own.height)


@contextmanager
def at_start_frame(scene: bpy.types.Scene, camera: bpy.types.Object) -> Iterator[None]:
    """Go to a camera's start frame for a while, where its anchor or lens is another there."""
    anchor = camera.parent
    moves = anchor is not None and (anchor.parent is not None or len(anchor.constraints) > 0)
    if not moves and not any(
        item is not None and item.animation_data is not None for item in (anchor, camera_data(camera))
    ):
        yield
        return
    with at_frame(scene) as go_to:
        go_to(settings_of_object(camera).calibration.frame_start)
        yield


def _aspect(scene: bpy.types.Scene) -> tuple[float, float]:
    return scene.render.pixel_aspect_x, scene.render.pixel_aspect_y
