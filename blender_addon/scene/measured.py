"""The points that were measured last, for whoever wants to see them."""

import bpy
import numpy as np

from parascale.types import Array

_points: dict[str, Array] = {}


def note_measured(scene: bpy.types.Scene, points: Array) -> None:
    """Keep points of a scene's world (N, 3)."""
    _points[scene.name] = points


def measured_points(scene: bpy.types.Scene) -> Array:
    """Return the points that were measured last, (N, 3); none where nothing was."""
    return _points.get(scene.name, np.empty((0, 3)))
