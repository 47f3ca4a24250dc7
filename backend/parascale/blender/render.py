"""Pictures of a scene: stills and clips by Workbench, and the z-depth that Cycles sees, as an independent truth."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from parascale.blender.camera import blender_from_opencv
from parascale.blender.keyframes import key_trajectory
from parascale.blender.render_settings import temporary, temporary_render_settings
from parascale.blender.scene_state import at_frame, require_plain_time, view_layer_of
from parascale.blender.untyped import camera_data, shader_tree, stored_pixels, untyped
from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.number import area_median


def render_still(
    scene: bpy.types.Scene, path: Path, size: tuple[int, int], *, engine: str | None = "BLENDER_WORKBENCH"
) -> Path:
    """Render the scene camera's picture at the current frame as PNG; the scene's settings are left as they are.

    The picture shows the scene's own look, whatever the scene is set up to write: 8 bits of sRGB, in square pixels.

    Parameters
    ----------
    scene : bpy.types.Scene
    path : Path
        Ends in ``.png``.
    size : (int, int)
        Width and height in pixels.
    engine : str or None
        Blender's identifier of the render engine; Workbench gives a plain preview in a shading of its own. None takes
        the scene's own engine, as it is set up.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        Where the scene has no camera.
    """
    with temporary_render_settings(scene, size, engine), _last_slot():
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True, scene=scene.name)
    return path


@contextmanager
def _last_slot() -> Iterator[None]:
    """Render into the last slot of the Render Result: what the user has rendered in another stays, and stays shown."""
    result = next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)
    if result is None or len(result.render_slots) < 2:
        yield
        return
    slots = untyped(result).render_slots
    shown, last = slots.active_index, len(slots) - 1
    slots.active_index = last if shown != last else last - 1
    try:
        yield
    finally:
        slots.active_index = shown


def render_clip(
    scene: bpy.types.Scene,
    path: Path,
    size: tuple[int, int],
    frames: tuple[int, int],
    fps: float,
    antialiasing: str = "FXAA",
) -> Path:
    """Render scene frames ``frames[0] .. frames[1] - 1`` to an h264 movie that plays them at ``fps``.

    Parameters
    ----------
    scene : bpy.types.Scene
        Left at its current frame and settings.
    path : Path
        Ends in ``.mp4``.
    size : (int, int)
        Width and height in pixels, both even.
    frames : (int, int)
        First frame, and the one after the last.
    fps : float
    antialiasing : "OFF", "FXAA", "5", "8", "11", "16" or "32"
        Samples a pixel, each the cost of a picture; features track a fifth better with 5 than with none or FXAA.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        Where the scene has no camera, or the size is odd.
    """
    if size[0] % 2 or size[1] % 2:
        raise InputError(f"a movie of {size[0]}x{size[1]} cannot be encoded: both sides have to be even")
    render = untyped(scene.render)
    with temporary_render_settings(scene, size, "BLENDER_WORKBENCH", antialiasing), at_frame(scene):
        settings = render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "VIDEO"
        settings.file_format = "FFMPEG"
        render.ffmpeg.format = "MPEG4"
        render.ffmpeg.codec = "H264"
        render.ffmpeg.constant_rate_factor = "PERC_LOSSLESS"
        render.ffmpeg.ffmpeg_preset = "REALTIME"
        render.ffmpeg.audio_codec = "NONE"
        render.use_file_extension = False
        render.fps, render.fps_base = _rate(fps)
        scene.frame_start, scene.frame_end, scene.frame_step = frames[0], frames[1] - 1, 1
        render.filepath = str(path)
        bpy.ops.render.render(animation=True, scene=scene.name)
    return path


def render_path(scene: bpy.types.Scene, trajectory: Trajectory, path: Path, size: tuple[int, int], fps: float) -> Path:
    """Render a scene along a path, through the lens of its camera, which stays where it is; see `render_clip`."""
    kept = scene.camera
    if kept is None:
        raise InputError(f"the scene {scene.name!r} has no camera to render from: add one")
    require_plain_time(scene)
    frames = np.arange(1, len(trajectory) + 1)
    with _keyed_camera(scene, trajectory, frames) as camera:
        try:
            scene.camera = camera
            return render_clip(scene, path, size, (1, len(frames) + 1), fps)
        finally:
            scene.camera = kept


def z_pass(scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """z-depth of every pixel as Cycles sees it, through a route that shares nothing with our own rays.

    Every surface is given Blender's own view depth as its light, and one ray goes through each pixel's centre.

    Parameters
    ----------
    scene : bpy.types.Scene
        What is hidden from renders is not seen, unlike in the viewport; left as it is.
    camera : bpy.types.Object
    frame : int
        Scene frame.
    size : (int, int)
        Width and height in pixels.

    Returns
    -------
    (H, W) float32
        World units; NaN where there is no surface.
    """
    with _depth_settings(scene, camera, size), tempfile.TemporaryDirectory() as folder, at_frame(scene) as go_to:
        go_to(frame)
        scene.render.filepath = str(Path(folder) / "depth.exr")
        bpy.ops.render.render(write_still=True, scene=scene.name)
        return _read_depth(Path(scene.render.filepath))


def z_medians(
    scene: bpy.types.Scene, trajectory: Trajectory, frames: Iterable[int], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Median z-depth at some cameras of a path, as `z_pass` sees it through the scene camera's lens.

    Parameters
    ----------
    scene : bpy.types.Scene
        At its current frame.
    trajectory : Trajectory
        T cameras, in world units.
    frames : iterable of int
        Which of them.
    size : (int, int)
        Width and height, in pixels, of the pass.

    Returns
    -------
    (T,) float64
        World units; NaN at the other cameras, and where no surface is in view.
    """
    if scene.camera is None:
        raise InputError(f"the scene {scene.name!r} has no camera to measure with: add one")
    poses = blender_from_opencv(trajectory.camera_to_world)
    medians = np.full(len(trajectory), np.nan)
    camera = bpy.data.objects.new("Depth pass", scene.camera.data)
    scene.collection.objects.link(camera)
    try:
        for frame in frames:
            camera.matrix_world = Matrix(poses[frame].tolist())
            depth = z_pass(scene, camera, scene.frame_current, size)
            medians[frame] = area_median(depth[np.isfinite(depth)].astype(np.float64))
    finally:
        bpy.data.objects.remove(camera)
    return medians


def static_z_medians(
    scene: bpy.types.Scene, trajectory: Trajectory, frames: Sequence[int], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Give what `z_medians` gives, of a scene in which nothing but cameras moves, ten times as fast.

    The cameras are rendered as one animation, for which Cycles reads the scene once.
    """
    if scene.camera is None:
        raise InputError(f"the scene {scene.name!r} has no camera to measure with: add one")
    chosen = list(frames)
    numbers = np.arange(1, len(chosen) + 1)
    path = Trajectory(
        trajectory.camera_to_world[chosen], trajectory.intrinsics[chosen], trajectory.times[chosen], *trajectory.size
    )
    medians = np.full(len(trajectory), np.nan)
    with (
        _keyed_camera(scene, path, numbers) as camera,
        _depth_settings(scene, camera, size),
        temporary(scene.render, {"use_persistent_data": True}),
        tempfile.TemporaryDirectory() as folder,
        at_frame(scene),
    ):
        scene.frame_start, scene.frame_end, scene.frame_step = 1, len(chosen), 1
        scene.render.filepath = str(Path(folder) / "depth-####.exr")
        bpy.ops.render.render(animation=True, scene=scene.name)
        for number, frame in zip(numbers, chosen, strict=True):
            depth = _read_depth(Path(folder) / f"depth-{number:04d}.exr")
            medians[frame] = area_median(depth[np.isfinite(depth)].astype(np.float64))
    return medians


@contextmanager
def _keyed_camera(
    scene: bpy.types.Scene, trajectory: Trajectory, frames: NDArray[np.int64]
) -> Iterator[bpy.types.Object]:
    """Yield a camera that moves along a trajectory, with the lens of the scene's; it is gone afterwards."""
    assert scene.camera is not None
    camera = bpy.data.objects.new("Path", camera_data(scene.camera).copy())
    scene.collection.objects.link(camera)
    try:
        key_trajectory(camera, trajectory, frames)
        yield camera
    finally:
        action = camera.animation_data.action if camera.animation_data else None
        bpy.data.cameras.remove(camera_data(camera))  # takes its object along
        if action is not None:
            bpy.data.actions.remove(action)


@contextmanager
def _depth_settings(scene: bpy.types.Scene, camera: bpy.types.Object, size: tuple[int, int]) -> Iterator[None]:
    """Have renders of a scene show z-depth through a camera, as EXR files; all is as before afterwards."""
    material = _depth_material()
    layer = view_layer_of(scene)
    kept = scene.camera, layer.material_override
    try:
        scene.camera, layer.material_override = camera, material
        with (
            temporary_render_settings(scene, size, "CYCLES"),
            temporary(scene.render, {"use_motion_blur": False, "use_freestyle": False}),
            temporary(camera_data(camera).dof, {"use_dof": False}),
        ):
            settings = scene.render.image_settings
            settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
            scene.render.film_transparent = True
            yield
    finally:
        scene.camera, layer.material_override = kept
        bpy.data.materials.remove(material)


def _read_depth(path: Path) -> NDArray[np.float32]:
    image = bpy.data.images.load(str(path))
    pixels = stored_pixels(image)
    bpy.data.images.remove(image)
    return np.where(pixels[..., 3] > 0.5, pixels[..., 0], np.float32(np.nan))


def _depth_material() -> bpy.types.Material:
    material = bpy.data.materials.new("z-depth")
    tree = shader_tree(material)
    tree.nodes.clear()
    view = tree.nodes.new("ShaderNodeCameraData")
    emission = tree.nodes.new("ShaderNodeEmission")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(view.outputs["View Z Depth"], emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material


def _rate(fps: float) -> tuple[int, float]:
    whole = max(1, round(fps))
    return whole, whole / fps
