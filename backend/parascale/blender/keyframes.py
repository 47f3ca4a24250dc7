"""A trajectory as keyframes of a camera object, on F-curves that stay the same datablocks when refilled."""

from collections.abc import Collection, Iterable, Mapping

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.camera import Lens, apply_lens, blender_from_opencv
from parascale.blender.untyped import untyped
from parascale.camera import Trajectory
from parascale.camera.rotations import continuous_quaternions, orthonormalise, quaternions_from_matrices
from parascale.errors import InputError
from parascale.types import Array

PARALLAX_NUMBER = "parallax_number"
GAIN = "parascale_gain"
LENS = ("lens", "shift_x", "shift_y")
FOCUS_DISTANCE = "dof.focus_distance"
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
    # Tagged without saying what for, all that is in the scene is looked at again: 20 ms at 2,000 objects, instead of 3.
    camera_object.update_tag(refresh={"OBJECT", "TIME"})


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


def curve_of_path(datablock: bpy.types.ID, path: str, index: int = 0) -> bpy.types.FCurve | None:
    """Return the F-curve of a property's data path, for an array of one of its elements; None where it has no keys."""
    return next((curve for curve in fcurves(datablock) if (curve.data_path, curve.array_index) == (path, index)), None)


def curve_of(datablock: bpy.types.ID, name: str) -> bpy.types.FCurve | None:
    """Return the F-curve of a custom property; None where it has no keys."""
    return curve_of_path(datablock, f'["{name}"]')


def driven_paths(datablock: bpy.types.ID) -> set[str]:
    """Return the paths of a datablock's properties whose driver runs, which hides keys of them."""
    animation = untyped(datablock).animation_data
    return set() if animation is None else {curve.data_path for curve in animation.drivers if not curve.mute}


def animated_paths(datablock: bpy.types.ID) -> set[str]:
    """Return the paths of a datablock's properties that change by themselves: keyed or driven."""
    return {curve.data_path for curve in fcurves(datablock)} | driven_paths(datablock)


def animates_clip(data: bpy.types.Camera) -> bool:
    """Whether a camera's clip range may differ from frame to frame."""
    animation = untyped(data).animation_data
    if animation is None:
        return False
    return len(animation.nla_tracks) > 0 or any(path.startswith("clip_") for path in animated_paths(data))


def key_points(curve: bpy.types.FCurve) -> Array:
    """Read frame and value of every key, (N, 2)."""
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2).astype(np.float64)


def keyed_frames(camera_object: bpy.types.Object) -> Array:
    """Return the scene frames at which a camera's path has its keys; empty where it has none."""
    curve = next((curve for curve in fcurves(camera_object) if curve.data_path == "location"), None)
    return np.empty(0) if curve is None else key_points(curve)[:, 0]


def remove_curves(datablock: bpy.types.ID, paths: Collection[str]) -> None:
    """Remove a datablock's own F-curves of some data paths."""
    for bag in _channelbags(datablock):
        for curve in [curve for curve in bag.fcurves if curve.data_path in paths]:
            bag.fcurves.remove(curve)


def keep_curves(data: bpy.types.Camera, beginnings: tuple[str, ...]) -> None:
    """Leave a camera its keys, in an action of its own, and drivers of the data paths that begin so."""
    animated = animated_paths(data)
    others = {path for path in animated if not path.startswith(beginnings)}
    if others == animated:
        data.animation_data_clear()
        return
    if fcurves(data):
        own_action(data)
    remove_curves(data, others)
    # Muted ones too, which may play one day.
    for path in {curve.data_path for curve in untyped(data).animation_data.drivers}:
        if not path.startswith(beginnings):
            data.driver_remove(path)


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


def set_aside(data: bpy.types.Camera, paths: Iterable[str]) -> None:
    """Have a camera's own curves of some properties animate custom properties of it instead."""
    wanted = {*paths}
    if not any(curve.data_path in wanted for curve in fcurves(data)):
        return
    own_action(data)
    for curve in [curve for curve in fcurves(data) if curve.data_path in wanted]:
        # What it animates is there, so that the curve is no broken one.
        data[_property(curve.data_path)] = untyped(data).path_resolve(curve.data_path)
        curve.data_path = own_name(curve.data_path)


def give_back(data: bpy.types.Camera, own: Mapping[str, float]) -> None:
    """Give a camera its own values by path, and let the curves that were set aside take the place of those that play.

    What is not named stays as it is.
    """
    names = {own_name(path): path for path in own}
    if not {*own, *names}.isdisjoint(curve.data_path for curve in fcurves(data)):
        own_action(data)
    remove_curves(data, own)
    for curve in [curve for curve in fcurves(data) if curve.data_path in names]:
        path = names[curve.data_path]
        curve.data_path = path
        data.pop(_property(path), None)
    for path, value in own.items():
        holder, _, name = path.rpartition(".")
        setattr(untyped(data).path_resolve(holder) if holder else data, name, value)


def own_lens_at(data: bpy.types.Camera, own: Mapping[str, float], frame: float) -> Lens:
    """Return a camera's own lens at a frame: as its curves that were set aside have it, else as it is given."""
    curves = {curve.data_path: curve for curve in fcurves(data)}
    found = {path: curves.get(own_name(path)) for path in LENS}
    lens, *shift = (own[path] if curve is None else float(curve.evaluate(frame)) for path, curve in found.items())
    return lens, shift[0], shift[1]


def own_name(path: str) -> str:
    """Return the path of the curve that a property's own one is meanwhile."""
    return f'["{_property(path)}"]'


def _property(path: str) -> str:
    return f"parascale_own_{path.rpartition('.')[2]}"
