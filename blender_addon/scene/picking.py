"""A click on a surface of the scene or on a point of the reference, whose depth then counts."""

import math

import bpy
import numpy as np
from mathutils import Vector

from parascale.blender.depth import mark_helper
from parascale.blender.surfaces import HELPER
from parascale.blender.untyped import camera_data, depth_of_field, untyped
from parascale.errors import InputError

from ..settings import settings_of_object, settings_of_scene
from ..settings.calibration import CalibrationSettings
from ..settings.changes import as_one_change
from ..stubs import Context
from .cameras import reference_at_hand, scene_camera
from .objects import link_object
from .reference_camera import read_points


def point_on_ray(
    scene: bpy.types.Scene, side: str, origin: Vector, direction: Vector, clip: tuple[float, float] = (0.0, math.inf)
) -> Vector:
    """Return the point of a click: on a surface of the scene, or the reference's point nearest to the ray.

    Surfaces count at distances between the two of ``clip``, as the view shows them.
    """
    if side == "TARGET":
        towards, (near, far) = direction.normalized(), clip
        reach = {} if math.isinf(far) else {"distance": far - near}
        depsgraph = bpy.context.evaluated_depsgraph_get()
        hit, point, *_ = scene.ray_cast(depsgraph, origin + near * towards, towards, **reach)
        if not hit:
            raise InputError("there is no surface under the cursor")
        return point
    points = settings_of_object(reference_at_hand(scene)).points
    if points is None:
        raise InputError("the reference has no points: solve it from its clip")
    world = np.array(points.matrix_world)
    positions = read_points(points) @ world[:3, :3].T + world[:3, 3]
    away, axis = positions - np.array(origin), np.array(direction.normalized())
    along = away @ axis
    tangent = np.linalg.norm(np.cross(away, axis), axis=1) / np.maximum(along, 1e-9)
    tangent[along <= 0] = np.inf
    return Vector(positions[int(np.argmin(tangent))].tolist())


def clip_along(space: bpy.types.SpaceView3D, direction: Vector) -> tuple[float, float]:
    """Distances along a ray between which a viewport shows surfaces; through a camera, between which that does."""
    view = untyped(space.region_3d)
    if view.view_perspective == "ORTHO":
        return 0.0, math.inf
    source: bpy.types.SpaceView3D | bpy.types.Camera = space
    if view.view_perspective == "CAMERA" and space.camera is not None and space.camera.type == "CAMERA":
        source = camera_data(space.camera)
    along = direction.normalized().dot(view.view_rotation @ Vector((0, 0, -1)))
    return source.clip_start / along, source.clip_end / along


def focus_on(context: Context, side: str, point: Vector) -> None:
    """Put an empty at a point, focus the camera of that side on it, and measure by focus."""
    scene: bpy.types.Scene = context.scene
    state = settings_of_scene(scene)
    camera = reference_at_hand(scene) if side == "REFERENCE" else state.camera or scene_camera(scene)
    focus = depth_of_field(camera_data(camera))
    focus.focus_object = _mark(context, f"{camera.name} Focus", point, focus.focus_object)
    with as_one_change(state.current):
        state.current.statistic = "FOCUS"


def measure_by(context: Context, side: str, point: Vector) -> None:
    """Put an empty at a point, and measure that side by it."""
    settings = settings_of_scene(context.scene).current
    with as_one_change(settings):
        _mark_side(context, settings, f"{side.lower()}_place", f"{side.title()} Surface", point)
        settings.statistic = "SURFACE"


def hold(context: Context, side: str, point: Vector) -> None:
    """Put an empty at a point, and hold it in the picture as that side's subject."""
    settings = settings_of_scene(context.scene).current
    with as_one_change(settings):
        _mark_side(context, settings, f"{side.lower()}_subject", f"{side.title()} Subject", point)
        settings.framing = settings.framing or 1.0


def _mark_side(context: Context, settings: CalibrationSettings, setting: str, name: str, point: Vector) -> None:
    setattr(settings, setting, _mark(context, name, point, getattr(settings, setting)))


def _mark(context: Context, name: str, point: Vector, before: bpy.types.Object | None) -> bpy.types.Object:
    """Return an empty at a point: the earlier one, where that is ours."""
    if before is not None and before.type == "EMPTY" and before.get(HELPER) is not None:
        mark = before
    else:
        mark = bpy.data.objects.new(name, None)
        mark_helper(mark)
        link_object(context.scene, mark)
    mark.location = point
    context.view_layer.update()
    return mark
