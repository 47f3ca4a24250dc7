"""Depth of one place of a scene instead of a whole picture: what a camera focuses on, or where an object stands."""

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.camera import opencv_from_blender
from parascale.blender.untyped import camera_data, depth_of_field
from parascale.camera.intrinsics import projection
from parascale.errors import InputError
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.types import Array


@dataclass(frozen=True, eq=False)
class PlaceDepth:
    """Depth source: a place of the scene, or a fixed distance along the axis (see `DepthSource`).

    Parameters
    ----------
    place : (3,) array or None
        World position, seen as far away along the optical axis as it lies; nothing is hit once it is behind.
    distance : float
        What is seen where there is no place.
    carriers : (T, 4, 4) array or None
        What carries the cameras at each step, in whose axes they are given; None where nothing does.
    """

    place: ArrayLike | None
    distance: float
    carriers: Array | None = None

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`: one sample, where the place is seen or in the picture's middle."""
        if self.place is None:
            return DepthSamples(pixel_grid(size, (1, 1)), np.array([self.distance]), np.ones(1, bool))
        pose = camera_to_world if self.carriers is None else self.carriers[frame] @ camera_to_world
        local = (np.asarray(self.place, np.float64) - pose[:3, 3]) @ pose[:3, :3]
        return DepthSamples(projection(local, intrinsics)[None], local[2:], local[2:] > 0)


def focus_of_camera(
    depsgraph: bpy.types.Depsgraph, camera_object: bpy.types.Object, carriers: Array | None = None
) -> PlaceDepth:
    """Return what a camera focuses on: its focus object as it stands now, else its focus distance.

    Raises
    ------
    InputError
        Where the focus object lies behind the camera, or the distance is 0.
    """
    focus = depth_of_field(camera_data(camera_object))
    if focus.focus_object is None:
        if focus.focus_distance <= 0:
            raise InputError(f"{camera_object.name} has no focus distance: set it, or choose a focus object")
        return PlaceDepth(None, focus.focus_distance)
    pose = opencv_from_blender(np.array(camera_object.evaluated_get(depsgraph).matrix_world))
    place = np.array(focus.focus_object.evaluated_get(depsgraph).matrix_world.translation, np.float64)
    if (place - pose[:3, 3]) @ pose[:3, 2] <= 0:
        raise InputError(f"{focus.focus_object.name} lies behind {camera_object.name}: choose another focus object")
    return PlaceDepth(place, 0.0, carriers)


def depth_of_object(
    depsgraph: bpy.types.Depsgraph, item: bpy.types.Object, carriers: Array | None = None
) -> PlaceDepth:
    """Return the place where an object stands now, constraints and parents counted in."""
    return PlaceDepth(np.array(item.evaluated_get(depsgraph).matrix_world.translation, np.float64), 0.0, carriers)
