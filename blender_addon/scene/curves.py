"""Keys and custom properties of an object, as arrays."""

import bpy
import numpy as np

from parascale.blender.keyframes import fcurves
from parascale.types import Array


def curve_of(target: bpy.types.Object, name: str) -> bpy.types.FCurve | None:
    """Return the F-curve of a custom property; None where it is not animated."""
    return next((curve for curve in fcurves(target) if curve.data_path == f'["{name}"]'), None)


def key_points(curve: bpy.types.FCurve) -> Array:
    """Read frame and value of every key, (N, 2)."""
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2).astype(np.float64)


def keyed_frames(camera: bpy.types.Object) -> Array:
    """Return the scene frames at which a calibrated camera has its keys; empty where it has none."""
    curve = next((curve for curve in fcurves(camera) if curve.data_path == "location"), None)
    return np.empty(0) if curve is None else key_points(curve)[:, 0]
