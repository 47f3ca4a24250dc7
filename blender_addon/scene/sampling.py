"""Any animated camera of the scene as a shot: its path as it is evaluated, and the depth it looks at."""

import math

import bpy
import numpy as np

import parascale
from parascale.blender.animation import recording_of, span_of_move
from parascale.blender.camera import trajectory_of_camera
from parascale.blender.camera_track import clip_range
from parascale.blender.depth import SceneDepth
from parascale.blender.keyframes import keyed_frames
from parascale.blender.scene_state import frame_rate, metres_per_unit, times_of_frames, unit_of
from parascale.blender.tracking import MarkerDepth, tracking_of
from parascale.camera import Trajectory
from parascale.files.raw_trajectory import classify_motion
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.lens import step_directions
from parascale.parallax.observer import Observer
from parascale.parallax.shot import Shot
from parascale.parallax.subject import Up
from parascale.types import Array

from ..settings import settings_of_object
from ..steps import Steps
from .calibration_inputs import WORLD_UP
from .cameras import source_of_camera

# Keys of files in other rates lie between frames; a key this near to a frame is on it.
ON_FRAME = 1e-3


def frames_of_move(scene: bpy.types.Scene, camera: bpy.types.Object) -> Array:
    """Return the frames a camera's move spans, from where it starts to where it comes to rest.

    A calibrated camera's are those of its keys. Where the scene's range is a piece of the move, or nobody knows where
    the move ends, it is the scene's. A file that is played by its seconds is taken at its own samples, which may lie
    between frames.
    """
    if settings_of_object(camera).role == "CAMERA":
        keyed = keyed_frames(camera)
        if len(keyed):
            return np.arange(keyed[0], keyed[-1] + 1)
    first, last = scene.frame_start, scene.frame_end
    span, own = span_of_move(scene, camera), _samples_between_frames(scene, camera)
    if span is not None:
        start, end = math.ceil(span[0] - ON_FRAME), math.floor(span[1] + ON_FRAME)
        if start < end and not start <= first <= last <= end:
            if own is not None:
                return own
            first, last = start, end
    if own is not None:
        own = own[(own >= first - ON_FRAME) & (own <= last + ON_FRAME)]
        if len(own) > 1:
            return own
    return np.arange(first, last + 1, dtype=np.float64)


def _samples_between_frames(scene: bpy.types.Scene, camera: bpy.types.Object) -> Array | None:
    """Return the frames of a file's samples where they are not the scene's; None of a file that is played by frames."""
    recording = recording_of(scene, camera)
    if recording is None or recording.span is None or abs(recording.step - 1) < ON_FRAME:
        return None
    return np.arange(recording.span[0], recording.span[1] + ON_FRAME, recording.step)


# Cosine of the angle to z, either way, from which a camera's first look says nothing of which way is up.
ALONG_Z = math.cos(math.radians(10))


def up_of_world(first: Array) -> Up | None:
    """Return the up of Blender's world, into which importers of FBX, USD, Alembic and glTF turn other worlds.

    None where a camera's first pose (4, 4) looks along z: so does the world of a tracked clip that nobody has levelled,
    whose constraint may have been made keys since, and is turned as its first camera is.
    """
    if abs(first[2, 2]) > ALONG_Z:
        return None
    return Up(np.array(WORLD_UP), 0.9, "Blender's world")


def sample_shot(
    scene: bpy.types.Scene, camera: bpy.types.Object, frames: Array, rate: float | None = None
) -> Steps[Shot]:
    """Sample a camera at increasing scene frames (T,), which may be fractions, and measure what it sees.

    The shot is in world units of the scene; its depth is NaN where no surface is seen. The rate is that at which these
    frames were recorded, the scene's where None is given.
    """
    yield 0.0, "Sampling the camera"
    rate = rate or frame_rate(scene)
    path = trajectory_of_camera(scene, camera, times_of_frames(scene, frames))
    path = Trajectory(path.camera_to_world, path.intrinsics, (frames - frames[0]) / rate, *path.size)
    yield 0.1, "Gathering the scene"
    clip = tracking_of(camera)
    source: DepthSource
    if clip is None:
        source = SceneDepth(scene, frames=frames, clip=clip_range(scene, camera, frames))
    else:
        source = MarkerDepth(scene, camera, clip, frames)
    observer = Observer(source, path.intrinsics, path.size, step_directions(path), len(path))
    depth, felt = np.empty(len(path)), np.empty(len(path))
    for frame, pose in enumerate(path.camera_to_world):
        look = observer.look(pose, frame)
        depth[frame], felt[frame] = look.depth, look.felt_per_unit
        yield 0.2 + 0.8 * (frame + 1) / len(path), "Measuring the scene"
    length = np.linalg.norm(path.baselines, axis=1)
    step = float(np.median(np.diff(frames))) if len(frames) > 1 else 1.0
    return Shot(
        name=camera.name,
        fps=rate / step,
        trajectory=path,
        median_depth=depth,
        unit=unit_of(scene),
        metres_per_unit=metres_per_unit(scene),
        motion_class=classify_motion(path.camera_to_world),
        felt_parallax=np.where(length == 0, 0.0, length * felt[:-1]),
        # A tracked clip's world is turned as its first camera is, unless somebody has levelled it.
        up=up_of_world(path.camera_to_world[0]) if clip is None else None,
        provenance={"made_by": f"parascale {parascale.__version__}", "source": source_of_camera(camera)},
    )
