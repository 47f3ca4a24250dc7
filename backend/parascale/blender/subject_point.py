"""Where an object stands that a camera shall hold: the middle of what is seen of it."""

from collections.abc import Sequence

import bpy
import numpy as np

from parascale.blender.scene_state import at_frame, depsgraph_of
from parascale.blender.untyped import untyped
from parascale.types import Array


def subject_point(scene: bpy.types.Scene, item: bpy.types.Object) -> Array:
    """Give the middle (3,) of an object's bounding box in the world, as it stands now; its origin where it has none."""
    evaluated = untyped(item.evaluated_get(depsgraph_of(scene)))
    world = np.array(evaluated.matrix_world, np.float64)
    corners = np.array([list(corner) for corner in evaluated.bound_box], np.float64).reshape(-1, 3)
    local = (corners.min(axis=0) + corners.max(axis=0)) / 2 if len(corners) else np.zeros(3)
    point: Array = world[:3, :3] @ local + world[:3, 3]
    return point


def subject_points(scene: bpy.types.Scene, item: bpy.types.Object, frames: Sequence[float] | Array) -> Array:
    """Give the same at frames of the scene, (T, 3); the scene is left at its current frame."""
    points = []
    with at_frame(scene) as go_to:
        for frame in np.asarray(frames, np.float64).tolist():
            go_to(frame)
            points.append(subject_point(scene, item))
    return np.array(points).reshape(-1, 3)
