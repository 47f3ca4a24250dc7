"""Blender's cameras as views and trajectories, and back.

The one place where Blender's camera axes (x right, y up, looking along -z) and OpenCV's (x right, y down, z forward)
meet: ``camera_to_world = matrix_world diag(1, -1, -1, 1)``.
"""

from collections.abc import Sequence
from typing import Literal

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.scene_state import at_frame, depsgraph_of, frames_of_times
from parascale.camera import Trajectory, View
from parascale.camera.rotations import orthonormalise
from parascale.errors import InputError
from parascale.types import Array

Fit = Literal["AUTO", "HORIZONTAL", "VERTICAL"]
# Focal length in millimetres, and shift as Blender has it.
Lens = tuple[float, float, float]

FLIP_YZ = np.diag([1.0, -1.0, -1.0, 1.0])

# matrix_world is single precision; a shear above this shows in the picture.
SHEAR_TOLERANCE = 1e-4


def opencv_from_blender(matrices: ArrayLike) -> Array:
    """Turn Blender's camera matrices into OpenCV's camera-to-world.

    Parameters
    ----------
    matrices : (..., 4, 4) array
        ``matrix_world`` of cameras: x right, y up, looking along -z.

    Returns
    -------
    (..., 4, 4) float64
        The same cameras, x right, y down, z forward.
    """
    return np.asarray(np.asarray(matrices, np.float64) @ FLIP_YZ)


def blender_from_opencv(camera_to_world: ArrayLike) -> Array:
    """Turn OpenCV's camera-to-world matrices into Blender's; the inverse of `opencv_from_blender`."""
    return opencv_from_blender(camera_to_world)


def sensor_in_pixels(width: int, height: int, aspect: tuple[float, float], fit: Fit) -> float:
    """Length of the fitted side of the sensor, in widths of a pixel.

    The four cases: AUTO takes the longer side of the picture *as displayed* (pixel aspect counted in); where the
    vertical side is fitted, its pixels are counted at their displayed height.
    """
    stretch = aspect[1] / aspect[0]
    if fit == "HORIZONTAL" or (fit == "AUTO" and width * aspect[0] >= height * aspect[1]):
        return float(width)
    return height * stretch


def intrinsics_from_lens(
    focal_length: float,
    sensor: tuple[float, float],
    size: tuple[int, int],
    *,
    fit: Fit = "AUTO",
    shift: tuple[float, float] = (0.0, 0.0),
    aspect: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """Intrinsics of a perspective camera as Blender renders it.

    Parameters
    ----------
    focal_length : float
        Millimetres.
    sensor : (float, float)
        Width and height in millimetres; the height counts for the vertical fit only.
    size : (int, int)
        Width and height of the picture in pixels.
    fit : "AUTO", "HORIZONTAL" or "VERTICAL"
    shift : (float, float)
        Of the lens, in lengths of the fitted side; positive x looks right, positive y up.
    aspect : (float, float)
        Of a pixel.

    Returns
    -------
    (4,) float64
        fx, fy, cx, cy in pixels, y down.
    """
    width, height = size
    stretch = aspect[1] / aspect[0]
    fitted = sensor_in_pixels(width, height, aspect, fit)
    focal = focal_length / (sensor[1] if fit == "VERTICAL" else sensor[0]) * fitted
    return np.array(
        [focal, focal / stretch, width / 2 - shift[0] * fitted, height / 2 + shift[1] * fitted / stretch], np.float64
    )


def intrinsics_of(scene: bpy.types.Scene, data: bpy.types.Camera, lens: Lens | None = None) -> Array:
    """Intrinsics (4,) of a camera as the scene renders it, or as it would with another lens."""
    focal_length, *shift = lens or (data.lens, data.shift_x, data.shift_y)
    return intrinsics_from_lens(
        focal_length,
        (data.sensor_width, data.sensor_height),
        render_size(scene),
        fit=data.sensor_fit,
        shift=(shift[0], shift[1]),
        aspect=(scene.render.pixel_aspect_x, scene.render.pixel_aspect_y),
    )


def render_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """Width and height in pixels of what the scene renders, resolution percentage counted in."""
    render = scene.render
    percentage = render.resolution_percentage
    return render.resolution_x * percentage // 100, render.resolution_y * percentage // 100


def view_of_camera(scene: bpy.types.Scene, camera_object: bpy.types.Object) -> View:
    """Return the camera as the scene renders it at the current frame.

    Parameters
    ----------
    scene : bpy.types.Scene
        Its render size and pixel aspect are used.
    camera_object : bpy.types.Object
        Parents, constraints, drivers and delta transforms are counted in; scale is not, as in Blender.

    Returns
    -------
    View
        In world units of the scene.

    Raises
    ------
    InputError
        Where the object is no perspective camera, or is sheared or mirrored.
    """
    return view_of_evaluated(scene, camera_object.evaluated_get(depsgraph_of(scene)))


def view_of_evaluated(scene: bpy.types.Scene, evaluated: bpy.types.Object) -> View:
    """Do as `view_of_camera`, for a camera object that is evaluated already."""
    intrinsics = intrinsics_of(scene, perspective_camera(evaluated))
    return View(rigid(np.array(evaluated.matrix_world), evaluated.name), intrinsics, *render_size(scene))


def trajectory_of_camera(
    scene: bpy.types.Scene, camera_object: bpy.types.Object, times: Sequence[float] | Array
) -> Trajectory:
    """Sample an animated camera.

    Parameters
    ----------
    scene : bpy.types.Scene
        Left at its current frame.
    camera_object : bpy.types.Object
    times : (T,) array
        Seconds from the scene's start frame, strictly increasing; they may fall between frames.

    Returns
    -------
    Trajectory
        In world units of the scene.

    Raises
    ------
    InputError
        See `view_of_camera`.
    """
    seconds = np.asarray(times, np.float64)
    views = []
    with at_frame(scene) as go_to:
        for frame in frames_of_times(scene, seconds):
            go_to(frame)
            views.append(view_of_camera(scene, camera_object))
    return Trajectory(
        np.array([view.camera_to_world for view in views]).reshape(-1, 4, 4),
        np.array([view.intrinsics for view in views]).reshape(-1, 4),
        seconds,
        *render_size(scene),
    )


def apply_lens(
    camera_data: bpy.types.Camera, scene: bpy.types.Scene, intrinsics: ArrayLike, width: int, height: int
) -> None:
    """Give a camera the lens of a picture: focal length and shift, the sensor kept.

    The horizontal angle of view and the place of the principal point are kept where the scene's picture has another
    size or shape; a pixel aspect of the picture that differs from the scene's is not carried over.

    Parameters
    ----------
    camera_data : bpy.types.Camera
        Becomes a perspective camera.
    scene : bpy.types.Scene
        Its render size and pixel aspect decide what a lens means.
    intrinsics : (4,) array
        fx, fy, cx, cy in pixels of the picture.
    width, height : int
        Size of the picture in pixels.
    """
    fx, _, cx, cy = (float(value) for value in np.asarray(intrinsics, np.float64))
    size = render_size(scene)
    aspect = scene.render.pixel_aspect_x, scene.render.pixel_aspect_y
    fitted = sensor_in_pixels(*size, aspect, camera_data.sensor_fit)
    scale = size[0] / width
    sensor = camera_data.sensor_height if camera_data.sensor_fit == "VERTICAL" else camera_data.sensor_width
    camera_data.type = "PERSP"
    camera_data.lens_unit = "MILLIMETERS"
    camera_data.lens = fx * scale / fitted * sensor
    camera_data.shift_x = (width / 2 - cx) * scale / fitted
    camera_data.shift_y = (cy - height / 2) * scale * aspect[1] / aspect[0] / fitted


def perspective_camera(camera_object: bpy.types.Object) -> bpy.types.Camera:
    """Return the camera that an object shows, a perspective one.

    Raises
    ------
    InputError
        With the sentence to show.
    """
    camera = camera_object.data
    if not isinstance(camera, bpy.types.Camera):
        raise InputError(f"{camera_object.name!r} is not a camera: choose a camera object")
    if camera.type != "PERSP":
        kind = {"ORTHO": "an orthographic", "PANO": "a panoramic"}.get(camera.type, "a custom")
        raise InputError(
            f"{camera_object.name!r} is {kind} camera, which has no parallax to match: set its type to Perspective"
        )
    return camera


def rigid(matrix_world: ArrayLike, name: str) -> Array:
    """Turn a camera's world matrix into a rigid OpenCV pose: scale removed, as Blender does when it renders.

    Raises
    ------
    InputError
        Where the matrix is sheared or mirrored, or has no extent.
    """
    pose = opencv_from_blender(matrix_world)
    lengths = np.linalg.norm(pose[:3, :3], axis=0)
    if not np.isfinite(pose).all() or lengths.min() <= 0:
        raise InputError(f"the camera {name!r} has a scale of zero somewhere above it: apply the scale of its parents")
    axes = pose[:3, :3] / lengths
    if np.linalg.det(axes) < 0 or np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise InputError(f"the camera {name!r} is mirrored or sheared: apply the scale of its parents")
    pose[:3, :3] = orthonormalise(axes)
    return pose
