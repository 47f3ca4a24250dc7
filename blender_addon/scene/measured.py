"""The target's depth by the chosen statistic; Measure Target, and the points that were measured last."""

import bpy
import numpy as np

from parascale.blender.camera import view_of_camera
from parascale.blender.camera_track import clip_range
from parascale.blender.depth import SceneDepth, hit_points
from parascale.blender.focus import depth_of_object, focus_of_camera
from parascale.blender.scene_state import at_frame, depsgraph_of
from parascale.errors import InputError
from parascale.parallax.depth_source import DepthSource
from parascale.types import Array

from ..settings import settings_of_scene
from ..settings.calibration import CalibrationSettings
from .cameras import scene_camera

_points: dict[str, Array] = {}


def target_depth(
    scene: bpy.types.Scene,
    surroundings: SceneDepth,
    settings: CalibrationSettings,
    focus_camera: bpy.types.Object | None,
) -> DepthSource:
    """Return the target's depth by the chosen statistic."""
    if settings.statistic not in ("SURFACE", "FOCUS"):
        return surroundings
    with at_frame(scene) as go_to:
        go_to(settings.frame_start)
        depsgraph = depsgraph_of(scene)
        if settings.statistic == "SURFACE":
            if settings.target_place is None:
                raise InputError("no surface of the target is picked: press Pick, under Target")
            return depth_of_object(depsgraph, settings.target_place, surroundings.carriers)
        if focus_camera is None:
            raise InputError("the viewport has no focus: start from the scene camera, or measure the whole frame")
        return focus_of_camera(depsgraph, focus_camera, surroundings.carriers)


def measure_target(scene: bpy.types.Scene) -> tuple[float, float, float, float]:
    """Measure the target through the scene camera, at the current frame, and note that on the scene.

    Returns depth at 10, 50 and 90 % of what shows a surface, and the share of the picture that does.
    """
    state = settings_of_scene(scene)
    camera = scene_camera(scene)
    view = view_of_camera(scene, camera)
    frames, subject = np.array([state.current.frame_start], np.float64), state.current.measured_objects()
    surroundings = SceneDepth(scene, frames=frames, subject=subject, clip=clip_range(scene, camera))
    depth = target_depth(scene, surroundings, state.current, camera)
    samples = depth(view.camera_to_world, view.intrinsics, view.size, 0)
    seen = samples.depth[samples.hit]
    if not len(seen):
        raise InputError("the scene camera sees no surface: point it at the target")
    _points[scene.name] = hit_points(samples, view.camera_to_world, view.intrinsics)
    near, median, far = np.quantile(seen, [0.1, 0.5, 0.9]).tolist()
    state.measured_near, state.measured_depth, state.measured_far = near, median, far
    state.measured_cover = len(seen) / len(samples.hit)
    return near, median, far, state.measured_cover


def measured_points(scene: bpy.types.Scene) -> Array:
    """Return the points that were measured last, (N, 3); none where nothing was."""
    return _points.get(scene.name, np.empty((0, 3)))
