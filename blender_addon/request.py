"""What is sent for a video: the real camera's path, sampled as it stands in the scene, its first picture and depth."""

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

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
from parascale.link.requests import GenerationRequest, Scalar
from parascale.media.orientation import UPRIGHT, orientation_of, upright
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import median_depth
from parascale.parallax.shot import Shot
from parascale.retime import generator_times
from parascale.types import to_json_values

from . import calibrated, parameters, reference, viewport
from .settings import TIME, settings_of_object, settings_of_scene
from .sides import curve_of
from .steps import Steps


class Trained(NamedTuple):
    """What a model was trained at.

    Attributes
    ----------
    fps : float
        Frames a second; 0 is any.
    step : int
        n of the n k + 1 frames it takes.
    best, most : int
        Frames it makes best, and at most; 0 is any.
    """

    fps: float = 0.0
    step: int = 1
    best: int = 0
    most: int = 0


TRAINED_AT = {
    "wan-fun-camera": Trained(16.0, 4),
    "wan-vace": Trained(16.0, 4),
    "recammaster": Trained(15.0, 4),
    "easyanimate-camera": Trained(8.0, 4),
    "motionmaster": Trained(8.0, best=16, most=32),
}


@dataclass(frozen=True)
class Asked:
    """What is asked of a generator, as the panel shows it and a strip remembers it.

    Attributes
    ----------
    generator, prompt : str
    seed : int
    fps : float
        Of the video; 0 is what the generator was trained at, else the reference's own.
    frames : int
        Of the video; 0 is as many as the move lasts.
    long_side : int
        Pixels.
    picture : "RENDER", "VIEWPORT" or "FILE"
        Where the conditioning image comes from.
    picture_path : str
    workbench : bool
        Whether it is rendered by Workbench.
    parameters : mapping
        The generator's own.
    """

    generator: str = "preview"
    prompt: str = ""
    seed: int = 0
    fps: float = 0.0
    frames: int = 0
    long_side: int = 832
    picture: str = "RENDER"
    picture_path: str = ""
    workbench: bool = False
    parameters: Mapping[str, Scalar] = field(default_factory=dict)

    @classmethod
    def of_scene(cls, scene: bpy.types.Scene) -> "Asked":
        """Read what the panel of a scene asks."""
        state = settings_of_scene(scene)
        own = {item.name: getattr(state, item.name) for item in dataclasses.fields(cls) if item.name != "parameters"}
        return cls(**own, parameters=parameters.values(scene, state.generator))

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> "Asked":
        """Read what a strip or a job remembers; what it does not know stays at its default."""
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {**vars(self), "parameters": dict(self.parameters)}


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


def timing_of(scene: bpy.types.Scene, camera: bpy.types.Object, asked: Asked) -> Timing:
    """Lay out a video's frames: the generator's or reference's own rate, as many as fit, where no others are asked.

    Raises
    ------
    InputError
        Where the generator does not make as many.
    """
    settings = settings_of_object(camera).calibration
    shot = reference.shot_of(calibrated.shown_by(camera))
    rate = frame_rate(scene)
    keyed = calibrated.frames_of(camera)
    lasts = float(keyed[-1] - keyed[0]) / rate if len(keyed) else 0.0
    own_fps = rate
    if settings.timing == "SECONDS" and settings.retiming == "NONE" and curve_of(camera, TIME) is None:
        times = shot.trajectory.times
        # The keys end with the last whole frame of the scene within the reference.
        own_fps, lasts = shot.fps, float(times[-1] - times[0])
    trained = TRAINED_AT.get(asked.generator, Trained())
    fps = asked.fps or trained.fps or own_fps
    times = np.arange(asked.frames) / fps if asked.frames else generator_times(lasts, fps, trained.step)
    if trained.best and len(times) > trained.best and not (asked.frames or asked.fps):
        # All of the move in fewer frames a second, rather than its beginning.
        fps = (trained.best - 1) / lasts
        times = np.arange(trained.best) / fps
    if trained.most and len(times) > trained.most:
        raise InputError(
            f"{asked.generator} makes at most {trained.most} frames, and {len(times)} are asked for: lower Frames or "
            "Frame Rate under Parameters"
        )
    return Timing(fps, times, settings.frame_start)


def build(scene: bpy.types.Scene, camera: bpy.types.Object, timing: Timing, asked: Asked) -> Steps[GenerationRequest]:
    """Sample, measure and render what a generator needs, in the target's unit-depth gauge.

    Raises
    ------
    InputError
        Where no surface is seen at the first frame, or the camera is no perspective one.
    """
    yield 0.0, "Sampling the camera"
    path = _sample(scene, camera, timing, picture_size(scene, asked.long_side))
    frames = timing.frame_start + timing.times * frame_rate(scene)
    depth = SceneDepth(scene, frames=frames)
    median = yield from _measure(depth, path)
    if not np.isfinite(median[0]):
        raise InputError(f"{camera.name} sees no surface at its first frame: nothing could be generated from it")
    yield 0.7, "Taking the first picture"
    image = _picture(scene, camera, timing.frame_start, path.size, asked)
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
        generator=asked.generator,
        image=image,
        depth_map=depth_map,
        prompt=asked.prompt,
        seed=asked.seed,
        parameters=dict(asked.parameters),
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
    scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int], asked: Asked
) -> NDArray[np.uint8]:
    """Give what the camera sees at a frame, (H, W, 3) sRGB: rendered, as the viewport shows it, or from a file."""
    if asked.picture == "FILE":
        return cut_to_shape(read_picture(Path(bpy.path.abspath(asked.picture_path))), size)
    engine = "BLENDER_WORKBENCH" if asked.workbench else scene.render.engine
    before = scene.camera
    with tempfile.TemporaryDirectory() as folder, at_frame(scene) as go_to:
        go_to(frame)
        path = Path(folder) / "first.png"
        scene.camera = camera
        try:
            if asked.picture == "VIEWPORT":
                viewport.picture(scene, path, size)
            else:
                render_still(scene, path, size, engine=engine)
        finally:
            scene.camera = before
        return read_picture(path)


def cut_to_shape(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut a picture (H, W, 3) around its middle to the shape of a size; its resolution is kept."""
    height, width = picture.shape[:2]
    scale = min(width / size[0], height / size[1])
    kept = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    left, top = (width - kept[0]) // 2, (height - kept[1]) // 2
    return np.ascontiguousarray(picture[top : top + kept[1], left : left + kept[0]])


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture file, (H, W, 3) sRGB, upright as its camera marked it, which Blender leaves to us."""
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError:
        raise InputError(f"{path} is no picture that Blender can read: choose a PNG or JPEG file") from None
    try:
        size: Any = image.size
        width, height = size
        if not width or image.channels < 3:
            raise InputError(f"{path} holds no colour picture: choose a PNG or JPEG file")
        pixels = np.empty(width * height * image.channels, np.float32)
        # An 8-bit file's pixels come as they are stored, bottom row first.
        image.pixels.foreach_get(pixels)
        picture = pixels.reshape(height, width, image.channels)[::-1, :, :3]
        stored = np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)
        return upright(stored, orientation_of(path) or UPRIGHT)
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
        "parallax_number": to_json_values(request.shot.parallax_number),
    }
