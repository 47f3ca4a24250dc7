"""A trajectory as keyframes of a camera object, on F-curves that stay the same datablocks when refilled."""

from collections.abc import Collection

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.camera import apply_lens, blender_from_opencv
from parascale.blender.untyped import untyped
from parascale.camera import Trajectory
from parascale.camera.rotations import continuous_quaternions, orthonormalise, quaternions_from_matrices
from parascale.errors import InputError
from parascale.types import Array

PARALLAX_NUMBER = "parallax_number"
GAIN = "parascale_gain"
LENS = ("lens", "shift_x", "shift_y")
LENS_TOLERANCE = 1e-5
LINEAR = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value  # type: ignore[attr-defined]


def key_trajectory(
    camera_object: bpy.types.Object,
    trajectory: Trajectory,
    frames: ArrayLike,
    *,
    parallax_number: ArrayLike | None = None,
    gain: ArrayLike | None = None,
    lock: bool = True,
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
    lock : bool
        Whether the curves are locked.

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
    own_action(camera_object)
    camera_object.rotation_mode = "QUATERNION"
    location, quaternion = local_channels(camera_object, trajectory)
    for index in range(3):
        fill_curve(camera_object, "location", index, frames, location[:, index], lock=lock)
    for index in range(4):
        fill_curve(camera_object, "rotation_quaternion", index, frames, quaternion[:, index], lock=lock)
    for name, values in ((PARALLAX_NUMBER, parallax_number), (GAIN, gain)):
        if values is not None:
            _key_property(camera_object, name, frames[:-1], np.asarray(values, np.float64))
    camera_object.update_tag()


def key_lens(
    camera_data: bpy.types.Camera,
    scene: bpy.types.Scene,
    trajectory: Trajectory,
    frames: ArrayLike,
    *,
    lock: bool = True,
) -> None:
    """Give a camera the lens of a trajectory at scene frames: set where it stays the same, keyed where it changes.

    The scene's render size and pixel aspect decide what a lens means.
    """
    values = np.empty((len(trajectory), len(LENS)))
    for row, intrinsics in zip(values, trajectory.intrinsics, strict=True):
        apply_lens(camera_data, scene, intrinsics, trajectory.width, trajectory.height)
        row[:] = [getattr(camera_data, name) for name in LENS]
    apply_lens(camera_data, scene, trajectory.intrinsics[0], trajectory.width, trajectory.height)
    keyed = {curve.data_path for curve in fcurves(camera_data)}
    for name, column in zip(LENS, values.T, strict=True):
        if np.ptp(column) > LENS_TOLERANCE or name in keyed:
            own_action(camera_data)
            fill_curve(camera_data, name, 0, np.asarray(frames, np.float64), column, lock=lock)


def local_channels(camera_object: bpy.types.Object, trajectory: Trajectory) -> tuple[Array, Array]:
    """Location (T, 3) and continuous quaternion wxyz (T, 4) that put an object on a trajectory, under its parent."""
    above = np.eye(4)
    if camera_object.parent is not None:
        above = np.array(camera_object.parent.matrix_world @ camera_object.matrix_parent_inverse, np.float64)
    local = np.linalg.inv(above) @ blender_from_opencv(trajectory.camera_to_world)
    quaternions = quaternions_from_matrices(orthonormalise(local[:, :3, :3]))
    return local[:, :3, 3], continuous_quaternions(quaternions)


def fill_curve(
    datablock: bpy.types.ID, path: str, index: int, frames: Array, values: Array, *, lock: bool = True
) -> bpy.types.FCurve:
    """Refill one F-curve with linear keys, made where it is missing; locked, where asked, against changes by hand.

    The datablock has an action assigned; the index is that of the array element, 0 for a single value.
    """
    action = untyped(datablock).animation_data.action
    curve: bpy.types.FCurve = action.fcurve_ensure_for_datablock(datablock, path, index=index)
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
    curve.update()
    curve.lock = lock
    return curve


def fcurves(datablock: bpy.types.ID) -> list[bpy.types.FCurve]:
    """All F-curves that animate a datablock through its own slot of its action; none where it is not animated."""
    return [curve for bag in _channelbags(datablock) for curve in bag.fcurves]


def _channelbags(datablock: bpy.types.ID) -> list[bpy.types.ActionChannelbag]:
    animation = untyped(datablock).animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return []
    return [
        bag
        for layer in animation.action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        if bag.slot_handle == animation.action_slot.handle
    ]


def remove_curves(datablock: bpy.types.ID, paths: Collection[str]) -> None:
    """Remove a datablock's own F-curves of some data paths."""
    for bag in _channelbags(datablock):
        for curve in [curve for curve in bag.fcurves if curve.data_path in paths]:
            bag.fcurves.remove(curve)


def own_action(datablock: bpy.types.ID) -> None:
    """Give a datablock an action of its own: made where it has none, copied where others use it too."""
    # Asked to create what is there, Blender builds the relations of the whole scene anew: 0.1 s at 2,000 objects.
    animation = untyped(datablock).animation_data or untyped(datablock).animation_data_create()
    action = animation.action
    if action is None:
        animation.action = bpy.data.actions.new(f"{datablock.name} Action")
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
