"""A trajectory as keyframes of a camera object, on F-curves that stay the same datablocks when refilled."""

from typing import Any

import bpy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from parascale.blender.camera import blender_from_opencv
from parascale.camera import Trajectory
from parascale.camera.rotations import continuous_quaternions, orthonormalise, quaternions_from_matrices
from parascale.errors import InputError

Array = NDArray[np.float64]

PARALLAX_NUMBER = "parallax_number"
GAIN = "parascale_gain"
LINEAR = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value  # type: ignore[attr-defined]


def key_trajectory(
    camera_object: bpy.types.Object,
    trajectory: Trajectory,
    frames: ArrayLike,
    *,
    parallax_number: ArrayLike | None = None,
    gain: ArrayLike | None = None,
) -> None:
    """Key a camera along a trajectory: one linear key a frame on locked curves.

    Curves that exist are refilled in place, their modifiers kept. Delta transforms and constraints are the animator's
    and come on top. An action that others use too is copied first.

    Parameters
    ----------
    camera_object : bpy.types.Object
        With a parent, the keys are such that the camera stands on the trajectory where the parent is now.
    trajectory : Trajectory
        T cameras in world units of the scene.
    frames : (T,) array
        Scene frames, strictly increasing.
    parallax_number, gain : (T-1,) array or None
        P_t and s_t of each step, keyed as the custom properties ``parallax_number`` and ``parascale_gain`` at the
        frame the step starts from; a value that is not finite gets no key.

    Raises
    ------
    InputError
        Where the number of frames is not that of the trajectory, or the frames do not increase.
    """
    frames = np.asarray(frames, np.float64)
    if frames.shape != (len(trajectory),):
        raise InputError(f"{frames.size} frames are given for a trajectory of {len(trajectory)}")
    if np.any(np.diff(frames) <= 0):
        raise InputError("the frames to key do not increase")
    _own_action(camera_object)
    camera_object.rotation_mode = "QUATERNION"
    location, quaternion = local_channels(camera_object, trajectory)
    for index in range(3):
        fill_curve(camera_object, "location", index, frames, location[:, index])
    for index in range(4):
        fill_curve(camera_object, "rotation_quaternion", index, frames, quaternion[:, index])
    for name, values in ((PARALLAX_NUMBER, parallax_number), (GAIN, gain)):
        if values is not None:
            _key_property(camera_object, name, frames[:-1], np.asarray(values, np.float64))
    camera_object.update_tag()


def local_channels(camera_object: bpy.types.Object, trajectory: Trajectory) -> tuple[Array, Array]:
    """Location (T, 3) and continuous quaternion wxyz (T, 4) that put an object on a trajectory, under its parent."""
    above = np.eye(4)
    if camera_object.parent is not None:
        above = np.array(camera_object.parent.matrix_world @ camera_object.matrix_parent_inverse, np.float64)
    local = np.linalg.inv(above) @ blender_from_opencv(trajectory.camera_to_world)
    quaternions = quaternions_from_matrices(orthonormalise(local[:, :3, :3]))
    return local[:, :3, 3], continuous_quaternions(quaternions)


def fill_curve(datablock: bpy.types.ID, path: str, index: int, frames: Array, values: Array) -> bpy.types.FCurve:
    """Refill one F-curve with linear keys, made where it is missing, and lock it.

    Parameters
    ----------
    datablock : bpy.types.ID
        With an action assigned.
    path : str
        Data path of the property.
    index : int
        Of the array element; 0 for a single value.
    frames, values : (K,) float64
    """
    action = datablock.animation_data.action  # type: ignore[attr-defined]  # every animatable ID has it
    curve: bpy.types.FCurve = action.fcurve_ensure_for_datablock(datablock, path, index=index)
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
    curve.update()
    curve.lock = True
    return curve


def fcurves(datablock: bpy.types.ID) -> list[bpy.types.FCurve]:
    """All F-curves that animate a datablock through its own slot of its action; none where it is not animated."""
    animation = datablock.animation_data  # type: ignore[attr-defined]  # every animatable ID has it
    if animation is None or animation.action is None or animation.action_slot is None:
        return []
    return [
        curve
        for layer in animation.action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        if bag.slot_handle == animation.action_slot.handle
        for curve in bag.fcurves
    ]


def _own_action(camera_object: bpy.types.Object) -> None:
    animation: Any = camera_object.animation_data_create()
    action = animation.action
    if action is None:
        animation.action = bpy.data.actions.new(f"{camera_object.name} Action")
    elif action.users - action.use_fake_user > 1:
        slot = animation.action_slot
        animation.action = action.copy()
        if slot is not None:
            animation.action_slot = animation.action.slots[slot.identifier]


def _key_property(camera_object: bpy.types.Object, name: str, frames: Array, values: Array) -> None:
    if values.shape != frames.shape:
        raise InputError(f"{name} has {values.size} values for {frames.size} steps")
    finite = np.isfinite(values)
    camera_object[name] = float(values[finite][0]) if finite.any() else 0.0
    fill_curve(camera_object, f'["{name}"]', 0, frames[finite], values[finite])
