"""Pictures of a scene: stills and clips by Workbench, and the z-depth that Cycles sees, as an independent truth."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from parascale.blender.camera import blender_from_opencv
from parascale.blender.keyframes import key_trajectory
from parascale.blender.scene_state import at_frame
from parascale.blender.untyped import camera_data, shader_tree, stored_pixels, untyped
from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.parallax.number import area_median


def render_still(
    scene: bpy.types.Scene, path: Path, size: tuple[int, int], *, engine: str = "BLENDER_WORKBENCH"
) -> Path:
    """Render the scene camera's picture at the current frame as PNG; the scene's settings are left as they are.

    Parameters
    ----------
    scene : bpy.types.Scene
    path : Path
        Ends in ``.png``.
    size : (int, int)
        Width and height in pixels.
    engine : str
        Blender's identifier of the render engine.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        Where the scene has no camera.
    """
    with _temporary_render_settings(scene, size, engine):
        scene.render.image_settings.file_format = "PNG"
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True, scene=scene.name)
    return path


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
    with _temporary_render_settings(scene, size, "BLENDER_WORKBENCH", antialiasing), at_frame(scene):
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
    camera = bpy.data.objects.new("Path", camera_data(kept).copy())
    scene.collection.objects.link(camera)
    frames = np.arange(1, len(trajectory) + 1)
    try:
        scene.camera = camera
        key_trajectory(camera, trajectory, frames)
        return render_clip(scene, path, size, (1, len(frames) + 1), fps)
    finally:
        scene.camera = kept
        action = camera.animation_data.action if camera.animation_data else None
        bpy.data.cameras.remove(camera_data(camera))  # takes its object along
        if action is not None:
            bpy.data.actions.remove(action)


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
    material = _depth_material()
    layer = scene.view_layers[0]
    kept = scene.camera, layer.material_override
    try:
        scene.camera, layer.material_override = camera, material
        with (
            tempfile.TemporaryDirectory() as folder,
            _temporary_render_settings(scene, size, "CYCLES"),
            at_frame(scene) as go_to,
        ):
            go_to(frame)
            settings = scene.render.image_settings
            settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
            scene.render.film_transparent = True
            scene.render.filepath = str(Path(folder) / "depth.exr")
            bpy.ops.render.render(write_still=True, scene=scene.name)
            image = bpy.data.images.load(scene.render.filepath)
            pixels = stored_pixels(image)
            bpy.data.images.remove(image)
    finally:
        scene.camera, layer.material_override = kept
        bpy.data.materials.remove(material)
    return np.where(pixels[..., 3] > 0.5, pixels[..., 0], np.float32(np.nan))


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


@contextmanager
def _temporary_render_settings(
    scene: bpy.types.Scene, size: tuple[int, int], engine: str, antialiasing: str | None = None
) -> Iterator[None]:
    """Give a scene the settings of a picture, and restore its own afterwards."""
    if scene.camera is None:
        raise InputError(f"the scene {scene.name!r} has no camera to render from: add one")
    render = untyped(scene.render)
    values: dict[object, dict[str, object]] = {
        scene: {"frame_start": None, "frame_end": None, "frame_step": None},
        render: {
            "engine": engine,
            "resolution_x": size[0],
            "resolution_y": size[1],
            "resolution_percentage": 100,
            "use_sequencer": False,
            "use_compositing": False,
            "use_border": False,
            "use_file_extension": None,
            "film_transparent": False,
            "filepath": None,
            "filter_size": None,
            "fps": None,
            "fps_base": None,
        },
        render.ffmpeg: _plain_settings(render.ffmpeg),
    }
    if engine == "BLENDER_WORKBENCH":
        display = untyped(scene.display)
        values[display] = {"render_aa": antialiasing or "5"}
        values[display.shading] = {
            "light": "STUDIO",
            "studio_light": "paint.sl",
            "show_specular_highlight": False,
            "color_type": "TEXTURE",
            # Both cost more than the picture itself: for stills.
            "show_shadows": antialiasing is None,
            "show_cavity": antialiasing is None,
            "cavity_type": "BOTH",
        }
    if engine == "CYCLES":
        values[untyped(scene).cycles] = {
            "samples": 1,
            "use_denoising": False,
            "use_adaptive_sampling": False,
            "pixel_filter_type": "BOX",
            "filter_width": 0.01,
            "max_bounces": 0,
            "device": "CPU",
        }
    with ExitStack() as stack:
        stack.enter_context(temporary_image_settings(render.image_settings))
        for owner, settings in values.items():
            stack.enter_context(temporary(owner, settings))
        yield


def _plain_settings(owner: object) -> dict[str, object]:
    """Every setting of an owner, the container first: choosing it changes the others."""
    names = [p.identifier for p in untyped(owner).bl_rna.properties if not p.is_readonly]
    return dict.fromkeys(sorted(names, key=lambda name: name != "format"))


@contextmanager
def temporary(owner: object, settings: dict[str, object]) -> Iterator[None]:
    """Set attributes of an owner, and restore them afterwards; None leaves a value until then."""
    before = {name: getattr(owner, name) for name in settings}
    try:
        for name, value in settings.items():
            if value is not None:
                setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


@contextmanager
def temporary_image_settings(settings: bpy.types.ImageFormatSettings) -> Iterator[None]:
    """Restore what a picture file is afterwards; it is an image until then."""
    # In this order: each decides what the next may be.
    names = [n for n in ("media_type", "file_format", "color_mode", "color_depth") if hasattr(settings, n)]
    before = {name: getattr(settings, name) for name in names}
    try:
        if "media_type" in names:
            settings.media_type = "IMAGE"
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)
