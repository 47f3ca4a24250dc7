"""The reference as datablocks: a Text that holds it exactly, and a camera that shows it."""

import dataclasses
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from parascale.blender.depth import mark_helper
from parascale.blender.keyframes import key_lens, key_trajectory
from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.shot_file import shot_from_json, shot_to_json
from parascale.parallax.shot import Points, Shot

from .settings import settings_of_object

COLLECTION = "ParaScale"

# The first camera of a solve looks along +z with y down; shown in Blender it looks along +y with z up.
UPRIGHT: NDArray[np.float64] = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def create(scene: bpy.types.Scene, shot: Shot) -> bpy.types.Object:
    """Put a reference into the file and return its camera.

    The camera plays one frame of the reference a frame of the scene, beside the target and locked.
    """
    # The points are shown as a mesh; a Text holds no arrays.
    bare = dataclasses.replace(shot, points=None)
    text = bpy.data.texts.new(f"{shot.name}.shot.json")
    text.from_string(shot_to_json(bare))
    text.use_fake_user = True
    camera = bpy.data.objects.new(f"{shot.name} Reference", bpy.data.cameras.new(f"{shot.name} Reference"))
    settings = settings_of_object(camera)
    settings.role = "REFERENCE"
    settings.text = text
    collection(scene).objects.link(camera)
    start = scene.frame_start
    world = world_of(shot)
    frames = start + np.arange(len(shot))
    path = moved(shot.trajectory, world)
    key_trajectory(camera, path, frames)
    data: Any = camera.data
    key_lens(data, scene, path, frames)
    if np.isfinite(shot.median_depth[0]):
        data.dof.focus_distance = shot.median_depth[0]
        data.display_size = 0.2 * shot.median_depth[0]
    lock(camera, "location", "rotation", "scale")
    mark_helper(camera)
    if shot.points is not None:
        settings.points = _show_points(scene, camera, shot.points, world)
    return camera


@lru_cache(maxsize=8)
def _parsed(content: str, name: str) -> Shot:
    # Sliders ask again and again, and nothing can change a shot once it is read.
    return shot_from_json(content, name)


def show_clip(camera: bpy.types.Object, clip: Path) -> None:
    """Show the reference's own pictures behind its camera; nothing where Blender cannot read them."""
    data: Any = camera.data
    try:
        movie: Any = bpy.data.movieclips.load(str(clip), check_existing=True)
    except RuntimeError:
        return
    movie.frame_start = round(camera.animation_data.action.frame_range[0])  # type: ignore[union-attr]  # just keyed
    picture = data.background_images.new()
    picture.source, picture.clip = "MOVIE_CLIP", movie
    data.show_background_images = True


def world_of(shot: Shot) -> NDArray[np.float64]:
    """Give the rigid transform (4, 4) by which a shot is shown in Blender."""
    return np.asarray(UPRIGHT @ np.linalg.inv(shot.trajectory.camera_to_world[0]), np.float64)


def positions_of(points: bpy.types.Object) -> NDArray[np.float64]:
    """Read the shot's points (N, 3), in its own world, from what shows them."""
    mesh: Any = points.data
    positions = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", positions)
    return positions.reshape(-1, 3).astype(np.float64)


def shot_of(camera: bpy.types.Object) -> Shot:
    """Read the exact reference behind a reference camera.

    Raises
    ------
    InputError
        Where its Text is gone or broken.
    """
    text = settings_of_object(camera).text
    if text is None:
        raise InputError(f"the reference camera {camera.name} has lost its shot: import the shot again")
    return _parsed(text.as_string(), text.name)


def lock(target: bpy.types.Object, *channels: str) -> None:
    """Keep "location", "rotation" or "scale" of an object from being changed by hand."""
    for channel in channels:
        setattr(target, f"lock_{channel}", (True, True, True))
    target.lock_rotation_w = "rotation" in channels


def collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """Return the scene's collection for the add-on's objects, made where there is none."""
    for child in scene.collection.children:
        if child.name.split(".")[0] == COLLECTION:
            return child
    made = bpy.data.collections.new(COLLECTION)
    scene.collection.children.link(made)
    return made


def moved(trajectory: Trajectory, world: NDArray[np.float64]) -> Trajectory:
    """Carry a trajectory into another world by a rigid transform (4, 4)."""
    poses = world @ trajectory.camera_to_world
    return Trajectory(poses, trajectory.intrinsics, trajectory.times, trajectory.width, trajectory.height)


def _show_points(
    scene: bpy.types.Scene, camera: bpy.types.Object, points: Points, world: NDArray[np.float64]
) -> bpy.types.Object:
    # Vertices without faces: a ray never hits them, so nothing measures them.
    mesh = bpy.data.meshes.new(camera.name.replace("Reference", "Points"))
    mesh.vertices.add(len(points.positions))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(points.positions, np.float32).ravel())
    mesh.update()
    shown = bpy.data.objects.new(mesh.name, mesh)
    shown.matrix_world = Matrix(world.tolist())
    shown.hide_render = True
    shown.hide_select = True
    mark_helper(shown)
    collection(scene).objects.link(shown)
    return shown
