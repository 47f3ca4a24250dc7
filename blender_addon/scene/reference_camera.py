"""The reference as datablocks: a Text that holds it exactly, and a camera that shows it."""

import dataclasses
from functools import lru_cache
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from parascale.blender.depth import mark_helper
from parascale.blender.keyframes import key_lens, key_trajectory
from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.shot_file import shot_from_json, shot_to_json
from parascale.parallax.shot import Points, Shot
from parascale.types import Array

from ..settings import settings_of_object, settings_of_scene
from .objects import depth_of_field, link_object, lock

# The first camera of a solve looks along +z with y down; shown in Blender it looks along +y with z up.
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def adopt_reference(scene: bpy.types.Scene, shot: Shot, clip: Path | None = None) -> None:
    """Put a shot into the file and make it the reference the tab works on, with its clip behind it where there is one.

    The camera plays one frame of the reference a frame of the scene, beside the target and locked.
    """
    # The points are shown as a mesh; a Text holds no arrays.
    bare = dataclasses.replace(shot, points=None)
    text = bpy.data.texts.new(f"{shot.name}.shot.json")
    text.from_string(shot_to_json(bare))
    text.use_fake_user = True
    data = bpy.data.cameras.new(f"{shot.name} Reference")
    camera = bpy.data.objects.new(f"{shot.name} Reference", data)
    settings = settings_of_object(camera)
    settings.role = "REFERENCE"
    settings.text = text
    link_object(scene, camera)
    world = world_of_shot(shot)
    frames = scene.frame_start + np.arange(len(shot))
    poses, path = world @ shot.trajectory.camera_to_world, shot.trajectory
    path = Trajectory(poses, path.intrinsics, path.times, *path.size)
    key_trajectory(camera, path, frames)
    key_lens(data, scene, path, frames)
    if np.isfinite(shot.median_depth[0]):
        depth_of_field(camera).focus_distance = shot.median_depth[0]
        data.display_size = 0.2 * shot.median_depth[0]
    lock(camera, "location", "rotation", "scale")
    mark_helper(camera)
    if shot.points is not None:
        settings.points = _show_points(scene, camera, shot.points, world)
    if clip is not None and clip.is_file():
        _show_clip(data, clip, scene.frame_start)
    state = settings_of_scene(scene)
    state.reference = camera
    state.calibration.frame_start = scene.frame_start


def world_of_shot(shot: Shot) -> Array:
    """Give the rigid transform (4, 4) by which a shot is shown in Blender."""
    return np.asarray(UPRIGHT @ np.linalg.inv(shot.trajectory.camera_to_world[0]), np.float64)


def read_points(points: bpy.types.Object) -> Array:
    """Read the shot's points (N, 3), in its own world, from the mesh that shows them."""
    mesh = points.data
    assert isinstance(mesh, bpy.types.Mesh)
    positions = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", positions)
    return positions.reshape(-1, 3).astype(np.float64)


def shot_of_reference(camera: bpy.types.Object) -> Shot:
    """Read the exact reference behind a reference camera."""
    text = settings_of_object(camera).text
    if text is None:
        raise InputError(f"the reference camera {camera.name} has lost its shot: import the shot again")
    return _parsed(text.as_string(), text.name)


def whole_shot(camera: bpy.types.Object) -> Shot:
    """Read the reference behind a reference camera with the points that are shown of it."""
    shot, shown = shot_of_reference(camera), settings_of_object(camera).points
    if shown is None:
        return shot
    positions = read_points(shown).astype(np.float32)
    return dataclasses.replace(shot, points=Points(positions, np.full(positions.shape, 128, np.uint8)))


def reference_names() -> list[str]:
    """Return the names of the file's reference cameras."""
    return [item.name for item in bpy.data.objects if settings_of_object(item).role == "REFERENCE"]


def describe_shot(shot: Shot) -> str:
    """Describe a shot in one line."""
    return f"{shot.name}: {len(shot)} frames at {shot.fps:g} a second, {shot.motion_class} motion"


@lru_cache(maxsize=8)
def _parsed(content: str, name: str) -> Shot:
    # Sliders ask again and again, and nothing can change a shot once it is read.
    return shot_from_json(content, name)


def _show_clip(data: bpy.types.Camera, clip: Path, frame_start: int) -> None:
    """Show the reference's own pictures behind its camera; nothing where Blender cannot read them."""
    try:
        movie = bpy.data.movieclips.load(str(clip), check_existing=True)
    except RuntimeError:
        return
    movie.frame_start = frame_start
    picture = data.background_images.new()
    picture.source, picture.clip = "MOVIE_CLIP", movie
    data.show_background_images = True


def _show_points(scene: bpy.types.Scene, camera: bpy.types.Object, points: Points, world: Array) -> bpy.types.Object:
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
    link_object(scene, shown)
    return shown
