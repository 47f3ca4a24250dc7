"""What is sent for a video: the real camera's path, sampled as it stands in the scene, its first picture and depth."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

import parascale
from parascale.blender.camera import trajectory_of_camera
from parascale.blender.depth import SceneDepth
from parascale.blender.render import render_still
from parascale.blender.scene_state import at_frame, frame_rate, metres_per_unit, times_of_frames
from parascale.camera import Trajectory
from parascale.camera.intrinsics import scale_intrinsics
from parascale.errors import InputError
from parascale.link.requests import GenerationRequest
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import median_depth
from parascale.parallax.shot import Shot

from . import calibrated, properties
from .steps import Steps


@dataclass(frozen=True)
class Timing:
    """When the frames of a video lie in the scene.

    Attributes
    ----------
    fps : float
        Of the video.
    times : (T,) float64
        Seconds from the start of the move.
    frame_start : int
        Frame of the scene at which the move begins.
    """

    fps: float
    times: NDArray[np.float64]
    frame_start: int


def timing_of(scene: bpy.types.Scene, camera: bpy.types.Object) -> Timing:
    """Lay out a video's frames: the reference's own rate and count where the scene's settings name no others."""
    settings = properties.of_object(camera)
    state = properties.of_scene(scene)
    shot = calibrated.shot_behind(camera)
    times = shot.trajectory.times
    in_seconds = settings.calibration.timing == "SECONDS"
    own_fps = shot.fps if in_seconds else frame_rate(scene)
    lasts = times[-1] - times[0] if in_seconds else (len(shot) - 1) / own_fps
    fps = state.fps or own_fps
    count = state.frames or int(np.floor(lasts * fps + 1e-6)) + 1
    return Timing(fps, np.arange(count) / fps, settings.calibration.frame_start)


def build(scene: bpy.types.Scene, camera: bpy.types.Object, timing: Timing) -> Steps[GenerationRequest]:
    """Sample, measure and render what a generator needs, in the target's unit-depth gauge.

    Raises
    ------
    InputError
        Where no surface is seen at the first frame, or the camera is no perspective one.
    """
    state = properties.of_scene(scene)
    yield 0.0, "Sampling the camera"
    path = _sample(scene, camera, timing, picture_size(scene, state.long_side))
    frames = timing.frame_start + timing.times * frame_rate(scene)
    depth = SceneDepth(scene, frames=frames)
    median = yield from _measure(depth, path)
    if not np.isfinite(median[0]):
        raise InputError(f"{camera.name} sees no surface at its first frame: nothing could be generated from it")
    yield 0.7, "Rendering the first frame"
    image = _picture(scene, camera, timing.frame_start, path.size, workbench=state.workbench)
    yield 0.9, "Measuring the first frame"
    depth_map = depth.dense(path.view(0), 0) / np.float32(median[0])
    shot = Shot(
        name=camera.name,
        fps=timing.fps,
        trajectory=path,
        median_depth=median,
        metres_per_unit=metres_per_unit(scene),
        provenance={"made_by": f"parascale {parascale.__version__}", "source": f"Blender camera {camera.name}"},
    )
    return GenerationRequest(
        shot=to_unit_depth(shot),
        generator=state.generator,
        image=image,
        depth_map=depth_map,
        prompt=state.prompt,
        seed=state.seed,
    )


def _sample(scene: bpy.types.Scene, camera: bpy.types.Object, timing: Timing, size: tuple[int, int]) -> Trajectory:
    start = times_of_frames(scene, timing.frame_start)
    path = trajectory_of_camera(scene, camera, start + timing.times)
    intrinsics = scale_intrinsics(path.intrinsics, path.size, size)
    return Trajectory(path.camera_to_world, intrinsics, timing.times, *size)


def _measure(depth: SceneDepth, path: Trajectory) -> Steps[NDArray[np.float64]]:
    median = np.empty(len(path))
    for frame in range(len(path)):
        median[frame] = median_depth(depth(path.camera_to_world[frame], path.intrinsics[frame], path.size, frame))
        yield 0.7 * (frame + 1) / len(path), "Measuring the path"
    return median


def _picture(
    scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int], *, workbench: bool
) -> NDArray[np.uint8]:
    """Render what the camera sees at a frame, (H, W, 3) sRGB."""
    engine = "BLENDER_WORKBENCH" if workbench else scene.render.engine
    before = scene.camera
    with tempfile.TemporaryDirectory() as folder, at_frame(scene) as go_to:
        go_to(frame)
        scene.camera = camera
        try:
            path = render_still(scene, Path(folder) / "first.png", size, engine=engine)
        finally:
            scene.camera = before
        return _read_picture(path)


def _read_picture(path: Path) -> NDArray[np.uint8]:
    image = bpy.data.images.load(str(path))
    try:
        size: Any = image.size
        width, height = size
        pixels = np.empty(width * height * image.channels, np.float32)
        # An 8-bit file's pixels come as they are stored, bottom row first.
        image.pixels.foreach_get(pixels)
        picture = pixels.reshape(height, width, image.channels)[::-1, :, :3]
        return np.asarray(np.rint(picture * 255), np.uint8)
    finally:
        bpy.data.images.remove(image)


def picture_size(scene: bpy.types.Scene, long_side: int) -> tuple[int, int]:
    """Width and height of a video of the scene's shape; both even, as video wants them."""
    render = scene.render
    wide = render.resolution_x * render.pixel_aspect_x
    high = render.resolution_y * render.pixel_aspect_y
    scale = long_side / max(wide, high)
    return max(2, 2 * round(wide * scale / 2)), max(2, 2 * round(high * scale / 2))


def as_json(request: GenerationRequest) -> dict[str, Any]:
    """Describe a request without its arrays, as it is kept in the journal and on the strip."""
    return {
        "parascale": parascale.__version__,
        "blender": bpy.app.version_string,
        "generator": request.generator,
        "prompt": request.prompt,
        "seed": request.seed,
        "parameters": dict(request.parameters),
        "camera": request.shot.name,
        "frames": len(request.shot),
        "fps": request.shot.fps,
        "parallax_number": [float(p) if np.isfinite(p) else None for p in request.shot.parallax_number],
    }
