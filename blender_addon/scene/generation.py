"""The request for a video: the real camera's path as the scene animates it, its first picture and depth."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np

import parascale
from parascale.blender.camera import trajectory_of_camera
from parascale.blender.camera_track import clip_range
from parascale.blender.depth import SceneDepth
from parascale.blender.keyframes import curve_of, keyed_frames
from parascale.blender.scene_state import frame_rate, metres_per_unit, require_plain_time, times_of_frames
from parascale.camera import Trajectory
from parascale.camera.intrinsics import scale_intrinsics
from parascale.errors import InputError
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Scalar, resolve_paths
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import median_depth
from parascale.parallax.shot import Shot
from parascale.retime import generator_times
from parascale.types import Array, Image, Json, to_json_values

from ..settings import TIME, settings_of_object, settings_of_scene
from ..settings.generators import find_generator, parameter_values
from ..steps import Steps
from .cameras import reference_of_camera
from .pictures import cut_to_shape, read_current_image, read_picture, read_render_result, render_frame
from .reference_camera import shot_of_reference
from .render_beside import render_beside


@dataclass(frozen=True)
class GenerationSettings:
    """The settings of a video, as the panel shows them and a strip keeps them.

    Attributes
    ----------
    generator, prompt : str
    seed : int
    fps : float
        Frame rate of the video; 0 takes what the generator was trained at, else the reference's own.
    frames : int
        Frames of the video; 0 takes as many as the move lasts.
    long_side : int
        Pixels.
    picture : "RENDER", "RESULT", "VIEWPORT", "IMAGE" or "FILE"
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
    def from_scene(cls, scene: bpy.types.Scene) -> "GenerationSettings":
        """Read the settings of a scene's panel."""
        state = settings_of_scene(scene)
        own = {item.name: getattr(state, item.name) for item in dataclasses.fields(cls) if item.name != "parameters"}
        return cls(**own, parameters=parameter_values(scene, state.generator))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "GenerationSettings":
        """Read the settings that a strip or a job keeps; unknown ones are left out."""
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def to_json(self) -> dict[str, Json]:
        """Return the settings as JSON values."""
        return {**vars(self), "parameters": dict(self.parameters)}


class FrameTimes(NamedTuple):
    """The frame rate of a video, and when its frames are, in seconds from the start of the move."""

    fps: float
    times: Array


def choose_frame_times(scene: bpy.types.Scene, camera: bpy.types.Object, settings: GenerationSettings) -> FrameTimes:
    """Choose a video's frames: where the settings leave them open, the generator's or the reference's own rate.

    Raises
    ------
    InputError
        If the generator does not make as many.
    """
    calibration = settings_of_object(camera).calibration
    shot = shot_of_reference(reference_of_camera(camera))
    rate = frame_rate(scene)
    keyed = keyed_frames(camera)
    duration = float(keyed[-1] - keyed[0]) / rate if len(keyed) else 0.0
    own_fps = rate
    if calibration.timing == "SECONDS" and calibration.retiming == "NONE" and curve_of(camera, TIME) is None:
        # The keys end with the last whole frame of the scene within the reference.
        own_fps, duration = shot.fps, float(shot.trajectory.times[-1] - shot.trajectory.times[0])
    generator = find_generator(settings.generator)
    trained = generator.trained if generator else Trained()
    fps = settings.fps or trained.fps or own_fps
    step = trained.frame_step
    times = np.arange(settings.frames) / fps if settings.frames else generator_times(duration, fps, step)
    in_one_go = trained.best_frames and not trained.splits
    if in_one_go and len(times) > trained.best_frames and not (settings.frames or settings.fps):
        # All of the move in fewer frames a second, rather than its beginning.
        fps = (trained.best_frames - 1) / duration
        times = np.arange(trained.best_frames) / fps
    if trained.max_frames and len(times) > trained.max_frames:
        raise InputError(
            f"{settings.generator} makes at most {trained.max_frames} frames, and {len(times)} are asked for: "
            "lower Frames or Frame Rate under Parameters"
        )
    return FrameTimes(fps, times)


def build_request(
    scene: bpy.types.Scene, camera: bpy.types.Object, settings: GenerationSettings, *, beside: bool = False
) -> Steps[GenerationRequest]:
    """Sample, measure and render what a generator needs, in the target's unit-depth gauge.

    Beside the user, a Blender of its own renders the first picture.

    Raises
    ------
    InputError
        If the generator does not make as many frames, the camera sees no surface in the first one or is not a
        perspective camera, or the scene stretches time.
    """
    require_plain_time(scene)
    fps, times = choose_frame_times(scene, camera, settings)
    start = settings_of_object(camera).calibration.frame_start
    size = picture_size(scene, settings.long_side)
    # Now, before the user goes on and another picture is rendered or shown.
    image = read_given_picture(scene, size, settings)
    yield 0.0, "Sampling the camera"
    path = trajectory_of_camera(scene, camera, times_of_frames(scene, start) + times)
    path = Trajectory(path.camera_to_world, scale_intrinsics(path.intrinsics, path.size, size), times, *size)
    frames = start + times * frame_rate(scene)
    depth = SceneDepth(scene, frames=frames, clip=clip_range(scene, camera, frames))
    median = np.empty(len(path))
    for frame in range(len(path)):
        median[frame] = median_depth(depth(path.camera_to_world[frame], path.intrinsics[frame], path.size, frame))
        yield 0.7 * (frame + 1) / len(path), "Measuring the path"
    if not np.isfinite(median[0]):
        raise InputError(f"{camera.name} sees no surface at its first frame: nothing could be generated from it")
    yield 0.7, "Taking the first picture"
    if image is None and beside and settings.picture == "RENDER" and not settings.workbench:
        image = yield from render_beside(scene, camera, start, path.size, 0.7)
    elif image is None:
        image = take_picture(scene, camera, start, path.size, settings)
    yield 0.9, "Measuring the first frame"
    depth_map = depth.dense(path.view(0), 0) / np.float32(median[0])
    shot = Shot(
        name=camera.name,
        fps=fps,
        trajectory=path,
        median_depth=median,
        metres_per_unit=metres_per_unit(scene),
        provenance={"made_by": f"parascale {parascale.__version__}", "source": f"Blender camera {camera.name}"},
    )
    generator = find_generator(settings.generator)
    named = {name: _from_file(value) for name, value in settings.parameters.items()}
    parameters, files = resolve_paths(generator.parameters if generator else (), named)
    return GenerationRequest(
        shot=to_unit_depth(shot),
        generator=settings.generator,
        image=image,
        depth_map=depth_map,
        prompt=settings.prompt,
        seed=settings.seed,
        parameters=parameters,
        files=files,
    )


def _from_file(value: Scalar) -> Scalar:
    """Return a path that Blender wrote relative to the open file as it is on the disk; other values as they are."""
    return bpy.path.abspath(value) if isinstance(value, str) and value.startswith("//") else value


def describe_request(request: GenerationRequest) -> dict[str, Json]:
    """Describe a request without its arrays, as the journal and the strip keep it."""
    return {
        "parascale": parascale.__version__,
        "blender": bpy.app.version_string,
        "generator": request.generator,
        "prompt": request.prompt,
        "seed": request.seed,
        "parameters": {**request.parameters, **{name: str(path) for name, path in request.files.items()}},
        "camera": request.shot.name,
        "frames": len(request.shot),
        "fps": request.shot.fps,
        "parallax_number": to_json_values(request.shot.parallax_number),
    }


def picture_size(scene: bpy.types.Scene, long_side: int) -> tuple[int, int]:
    """Return the width and height of a video of the scene's shape; both even, as video codecs need."""
    render = scene.render
    wide = render.resolution_x * render.pixel_aspect_x
    high = render.resolution_y * render.pixel_aspect_y
    scale = long_side / max(wide, high)
    return max(2, 2 * round(wide * scale / 2)), max(2, 2 * round(high * scale / 2))


def read_given_picture(scene: bpy.types.Scene, size: tuple[int, int], settings: GenerationSettings) -> Image | None:
    """Return the conditioning image, (H, W, 3) sRGB, where it is there already; None where it is to be taken."""
    if settings.picture == "FILE":
        return cut_to_shape(read_picture(Path(bpy.path.abspath(settings.picture_path))), size)
    if settings.picture == "RESULT":
        return cut_to_shape(read_render_result(scene), size)
    if settings.picture == "IMAGE":
        return cut_to_shape(read_current_image(scene), size)
    return None


def take_picture(
    scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, size: tuple[int, int], settings: GenerationSettings
) -> Image:
    """Take the conditioning image, (H, W, 3) sRGB, of what a camera sees at a frame."""
    if settings.picture == "VIEWPORT":
        return render_frame(scene, camera, frame, size, "VIEWPORT")
    return render_frame(scene, camera, frame, size, "BLENDER_WORKBENCH" if settings.workbench else None)
