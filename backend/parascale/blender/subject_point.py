"""Where an object stands that a camera shall hold: the middle of what is seen of it."""

import bpy
import numpy as np

from parascale.blender.scene_state import depsgraph_of
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
