"""Depth of one place instead of a whole picture: the target's focus, and the subject of a reference."""

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.camera import opencv_from_blender
from parascale.blender.scene_state import depsgraph_of
from parascale.blender.untyped import camera_data, untyped
from parascale.camera import Trajectory
from parascale.camera.intrinsics import projection
from parascale.errors import InputError
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.types import Array

# A handful of points says little of a subject.
MIN_SUBJECT_POINTS = 5


class PlaceDepth:
    """Depth source: a place of the scene, or a fixed distance along the axis (see `DepthSource`).

    Parameters
    ----------
    place : (3,) array or None
        World position, seen as far away along the optical axis as it lies; nothing is hit once it is behind.
    distance : float
        What is seen where there is no place.
    """

    def __init__(self, place: ArrayLike | None, distance: float) -> None:
        self._place = None if place is None else np.asarray(place, np.float64)
        self._distance = distance

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`: one sample, where the place is seen or in the picture's middle."""
        if self._place is None:
            return DepthSamples(pixel_grid(size, (1, 1)), np.array([self._distance]), np.ones(1, bool))
        local = (self._place - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
        return DepthSamples(projection(local, intrinsics)[None], local[2:], local[2:] > 0)


def focus_of_camera(scene: bpy.types.Scene, camera_object: bpy.types.Object) -> PlaceDepth:
    """Return what a camera focuses on: its focus object as it stands now, else its focus distance.

    Raises
    ------
    InputError
        Where the focus object lies behind the camera, or the distance is 0.
    """
    focus = untyped(camera_data(camera_object).dof)
    depsgraph = depsgraph_of(scene)
    if focus.focus_object is None:
        if focus.focus_distance <= 0:
            raise InputError(f"{camera_object.name} has no focus distance: set it, or choose a focus object")
        return PlaceDepth(None, focus.focus_distance)
    found = depth_of_object(scene, focus.focus_object)
    pose = opencv_from_blender(np.array(camera_object.evaluated_get(depsgraph).matrix_world))
    if not found(pose, np.ones(4), (1, 1), 0).hit.any():
        raise InputError(f"{focus.focus_object.name} lies behind {camera_object.name}: choose another focus object")
    return found


def depth_of_object(scene: bpy.types.Scene, item: bpy.types.Object) -> PlaceDepth:
    """Return the place where an object stands now, constraints and parents counted in."""
    world = item.evaluated_get(depsgraph_of(scene)).matrix_world
    return PlaceDepth(np.array(world.translation, np.float64), 0.0)


def subject_depth(trajectory: Trajectory, positions: ArrayLike, box: tuple[float, float, float, float]) -> Array:
    """Median z-depth (T,) of the world points that the first frame sees within a box, followed through all frames.

    The box is left, top, right and bottom in shares of the picture, y down. NaN where fewer than 5 of the points are
    in front of the camera.

    Raises
    ------
    InputError
        Where the box is empty or holds fewer than 5 points.
    """
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise InputError("the box around the reference's subject is empty: its right and bottom lie before its start")
    points = np.asarray(positions, np.float64)
    pixels, depth = _project(trajectory, points, 0)
    share = pixels / trajectory.size
    inside = (depth > 0) & np.all((share >= [left, top]) & (share <= [right, bottom]), axis=1)
    if inside.sum() < MIN_SUBJECT_POINTS:
        raise InputError(
            f"the box around the reference's subject holds {inside.sum()} of its points where {MIN_SUBJECT_POINTS} are "
            "needed: make it larger, or measure the whole frame"
        )
    result = np.full(len(trajectory), np.nan)
    for frame in range(len(trajectory)):
        depth = _project(trajectory, points[inside], frame)[1]
        if (depth > 0).sum() >= MIN_SUBJECT_POINTS:
            result[frame] = np.median(depth[depth > 0])
    return result


def place_depth(trajectory: Trajectory, place: ArrayLike) -> Array:
    """z-depth of one world point in every frame, (T,); NaN where it is behind the camera."""
    point = np.asarray(place, np.float64)[None]
    depth = np.array([_project(trajectory, point, frame)[1][0] for frame in range(len(trajectory))])
    return np.where(depth > 0, depth, np.nan)


def _project(trajectory: Trajectory, points: Array, frame: int) -> tuple[Array, Array]:
    """Pixels and z-depth of points in a frame."""
    pose = trajectory.camera_to_world[frame]
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    return projection(local, trajectory.intrinsics[frame]), local[:, 2]
