"""The reference as datablocks: a Text that holds it exactly, and a camera that shows it."""

import dataclasses
import time
from functools import lru_cache
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from parascale.blender.depth import mark_helper
from parascale.blender.keyframes import key_lens, key_trajectory
from parascale.blender.untyped import camera_data, depth_of_field
from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.shot_file import shot_from_json, shot_to_json
from parascale.parallax.lead import track_point
from parascale.parallax.shot import Points, Shot
from parascale.parallax.subject import SubjectTrack, depth_in_box, depth_of_point
from parascale.types import Array

from ..settings import settings_of_object, settings_of_scene
from ..settings.calibration import CalibrationSettings
from .objects import link_object, lock

# The first camera of a solve looks along +z with y down; shown in Blender it looks along +y with z up.
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def adopt_reference(scene: bpy.types.Scene, shot: Shot, clip: Path | None = None) -> None:
    """Put a shot into the file and make it the reference the tab works on, with its clip behind it where there is one.

    The camera plays one frame of the reference a frame of the scene, beside the target and locked.
    """
    text = bpy.data.texts.new(f"{shot.name}.shot.json")
    text.from_string(text_of_shot(shot))
    text.use_fake_user = True
    data = bpy.data.cameras.new(f"{shot.name} Reference")
    camera = bpy.data.objects.new(f"{shot.name} Reference", data)
    settings = settings_of_object(camera)
    settings.role = "REFERENCE"
    settings.text = text
    settings.made = str(time.time())
    link_object(scene, camera)
    world = world_of_shot(shot)
    frames = scene.frame_start + np.arange(len(shot))
    poses, path = world @ shot.trajectory.camera_to_world, shot.trajectory
    path = Trajectory(poses, path.intrinsics, path.times, *path.size)
    key_trajectory(camera, path, frames)
    key_lens(data, scene, path, frames)
    if np.isfinite(shot.median_depth[0]):
        depth_of_field(data).focus_distance = shot.median_depth[0]
        data.display_size = 0.2 * shot.median_depth[0]
    lock(camera, "location", "rotation", "scale")
    mark_helper(camera)
    if shot.points is not None:
        settings.points = _show_points(scene, camera, shot.points, world)
    if clip is not None and clip.is_file():
        settings.film = _show_clip(data, clip, scene.frame_start)
    state = settings_of_scene(scene)
    state.reference = camera
    state.calibration.frame_start = scene.frame_start


def text_of_shot(shot: Shot) -> str:
    """Return what the Text of a shot says: all but its points, which are shown as a mesh."""
    return shot_to_json(dataclasses.replace(shot, points=None))


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


def chosen_shot(camera: bpy.types.Object, settings: CalibrationSettings) -> Shot:
    """Read the reference behind a reference camera, with the subject and the depth that settings choose."""
    shot = shot_of_reference(camera)
    focus = depth_of_field(camera_data(camera))
    shown = settings_of_object(camera).points
    points = read_points(shown) if shown is not None and settings.statistic == "OBJECTS" else None
    place = {"FOCUS": focus.focus_object, "SURFACE": settings.reference_place}.get(settings.statistic)
    marks = (settings.reference_subject, place)
    subject, surface = (None if mark is None else _follow_mark(shot, mark) for mark in marks)
    depth = None if surface is None else surface.depth
    if depth is None and settings.statistic == "FOCUS":
        depth = np.full(len(shot), float(focus.focus_distance))
    elif depth is None and settings.statistic == "SURFACE":
        raise InputError("no point of the reference is picked: press Pick, under Target")
    elif settings.statistic == "OBJECTS":
        if points is None:
            raise InputError(
                f"the reference {shot.name} has no points to take a subject from: solve it from its clip, or measure "
                "the whole frame"
            )
        left, top, right, bottom = settings.reference_box
        depth = depth_in_box(shot.trajectory, points, (left, top, right, bottom))
    if subject is not None:
        shot = dataclasses.replace(shot, subjects=(subject,))
    # The felt parallax it holds is that of the whole frame.
    return shot if depth is None else dataclasses.replace(shot, median_depth=depth, felt_parallax=None)


def _follow_mark(shot: Shot, mark: bpy.types.Object) -> SubjectTrack:
    """Follow an object among the points of a reference through its picture; its depth also outside of that."""
    place = np.append(np.array(mark.matrix_world.translation, np.float64), 1.0)
    point = (np.linalg.inv(world_of_shot(shot)) @ place)[:3]
    track = track_point(shot.trajectory, point, mark.name)
    return dataclasses.replace(track, depth=depth_of_point(shot.trajectory, point))


def whole_shot(camera: bpy.types.Object) -> Shot:
    """Read the reference behind a reference camera with the points that are shown of it."""
    shot, shown = shot_of_reference(camera), settings_of_object(camera).points
    if shown is None:
        return shot
    positions = read_points(shown).astype(np.float32)
    return dataclasses.replace(shot, points=Points(positions, np.full(positions.shape, 128, np.uint8)))


def film_of_reference(camera: bpy.types.Object) -> str | None:
    """Return the path of a reference's film; None where it has none."""
    film = settings_of_object(camera).film
    return None if film is None else bpy.path.abspath(film.filepath)


def reference_names() -> list[str]:
    """Return the names of the file's reference cameras."""
    return [item.name for item in bpy.data.objects if settings_of_object(item).role == "REFERENCE"]


def last_made() -> float:
    """Return when the file's newest reference was made, in seconds since 1970; 0 without one that says so."""
    return max((float(settings_of_object(item).made or 0) for item in bpy.data.objects), default=0.0)


def describe_shot(shot: Shot) -> str:
    """Describe a shot in one line."""
    return f"{shot.name}: {len(shot)} frames at {shot.fps:g} a second, {shot.motion_class} motion"


@lru_cache(maxsize=8)
def _parsed(content: str, name: str) -> Shot:
    # Sliders ask again and again, and nothing can change a shot once it is read.
    return shot_from_json(content, name)


def _show_clip(data: bpy.types.Camera, clip: Path, frame_start: int) -> bpy.types.Image | None:
    """Show the reference's own pictures through its camera, whatever stands there; nothing where they cannot be read.

    Returns them as an image, which can be shown in step with another camera.
    """
    try:
        movie = bpy.data.movieclips.load(str(clip), check_existing=True)
        film = bpy.data.images.load(str(clip), check_existing=True)
    except RuntimeError:
        return None
    movie.frame_start = frame_start
    picture = data.background_images.new()
    picture.source, picture.clip = "MOVIE_CLIP", movie
    # Behind the set it would be hidden; what is solved still shines through.
    picture.display_depth, picture.alpha = "FRONT", 0.7
    data.show_background_images = True
    return film


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
