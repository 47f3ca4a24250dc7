"""Plain copies of animated cameras: unparented, unlocked, keyed in the world, playing without any add-on."""

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.camera import perspective_camera, rigid
from parascale.blender.keyframes import LENS_TOLERANCE, fill_curve, key_lens, key_trajectory, own_action
from parascale.blender.scene_state import at_frame, depsgraph_of, require_plain_time, times_of_frames
from parascale.blender.untyped import camera_data, untyped
from parascale.camera import Trajectory

# What of a camera's data may be animated and shows in its picture.
CHANNELS = ("lens", "shift_x", "shift_y", "dof.focus_distance", "dof.aperture_fstop")


def baked_copy(
    scene: bpy.types.Scene, camera_object: bpy.types.Object, frames: ArrayLike, name: str
) -> bpy.types.Object:
    """Copy a camera as it is evaluated: parents, constraints, drivers and delta transforms become plain keys.

    One a scene frame; the copy is in no collection yet, the camera and the scene's current frame are left as they are.

    Raises
    ------
    InputError
        Where it is no perspective camera, is sheared or mirrored, or the scene stretches time.
    """
    perspective_camera(camera_object)
    require_plain_time(scene)
    numbers = np.asarray(frames, np.float64)
    poses, values = np.empty((len(numbers), 4, 4)), np.empty((len(numbers), len(CHANNELS)))
    with at_frame(scene) as go_to:
        for index, frame in enumerate(numbers):
            go_to(float(frame))
            evaluated = camera_object.evaluated_get(depsgraph_of(scene))
            poses[index] = rigid(np.array(evaluated.matrix_world), camera_object.name)
            values[index] = [camera_data(evaluated).path_resolve(channel) for channel in CHANNELS]
    copy = _plain_copy(camera_object, name)
    data = camera_data(copy)
    trajectory = Trajectory(poses, np.array([1.0, 1.0, 0.5, 0.5]), times_of_frames(scene, numbers), 1, 1)
    key_trajectory(copy, trajectory, numbers, lock=False)
    for channel, column in zip(CHANNELS, values.T, strict=True):
        owner, _, attribute = channel.rpartition(".")
        setattr(data.dof if owner else data, attribute, column[0])
        if np.ptp(column) > LENS_TOLERANCE:
            own_action(data)
            fill_curve(data, channel, 0, numbers, column, lock=False)
    return copy


def keyed_copy(
    scene: bpy.types.Scene, camera_object: bpy.types.Object, trajectory: Trajectory, frames: ArrayLike, name: str
) -> bpy.types.Object:
    """Copy a camera onto another path, in world units of the scene, lens included; the copy is in no collection yet."""
    require_plain_time(scene)
    copy = _plain_copy(camera_object, name)
    key_trajectory(copy, trajectory, frames, lock=False)
    key_lens(camera_data(copy), scene, trajectory, frames, lock=False)
    return copy


def _plain_copy(camera_object: bpy.types.Object, name: str) -> bpy.types.Object:
    data = untyped(camera_data(camera_object).copy())
    data.animation_data_clear()
    data.name = name
    return bpy.data.objects.new(name, data)
