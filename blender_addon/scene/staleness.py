"""Stale or not: what a camera was made from is noted on it; it is stale where that differs from how things are now."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import bpy
import numpy as np

from parascale.blender.keyframes import FOCUS_DISTANCE, LENS, fcurves
from parascale.blender.scene_state import frame_rate
from parascale.blender.untyped import camera_data, depth_of_field, untyped

from ..settings import STRENGTH, TIME, settings_of_object
from ..settings.calibration import SHARED_SETTINGS
from .calibration_inputs import CalibrationInputs
from .geometry import fingerprint_of

# What the inputs that are kept on a camera call the surfaces, and the names of those that move.
SURFACES = "scene"
MOVING = "moving"

# What places an object in its parent; of the three rotations its mode says which one counts.
_CHANNELS = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")


def note_inputs(
    scene: bpy.types.Scene, camera: bpy.types.Object, inputs: CalibrationInputs, outdated: Mapping[str, str]
) -> None:
    """Note what a camera has just been made from, of that what is outdated."""
    settings_of_object(camera).inputs = json.dumps({**fingerprint_inputs(scene, camera, inputs), **outdated})


def reason_stale(scene: bpy.types.Scene, camera: bpy.types.Object) -> str:
    """Say why a calibrated camera no longer follows its inputs; empty where it does."""
    inputs = settings_of_object(camera).inputs
    if not inputs:
        return "never built"
    changed = part_changed(scene, camera, json.loads(inputs))
    return f"{changed} changed" if changed else ""


def part_changed(scene: bpy.types.Scene, camera: bpy.types.Object, before: Mapping[str, Any]) -> str:
    """Name a part of what a camera is made from that is no longer as its fingerprints say; empty where all is."""
    now = fingerprint_camera(scene, camera)
    changed = next((name for name, value in now.items() if before.get(name) != value), "")
    if not changed and before.get(SURFACES) != _surfaces(scene, before.get(MOVING, ())):
        return SURFACES
    return changed


def surfaces_changed(scene: bpy.types.Scene, camera: bpy.types.Object) -> bool:
    """Whether a camera was built from other surfaces than there are now."""
    inputs = settings_of_object(camera).inputs
    before = json.loads(inputs) if inputs else {}
    return before.get(SURFACES) != _surfaces(scene, before.get(MOVING, ()), at_once=True)


def moving_of(camera: bpy.types.Object) -> frozenset[str]:
    """Full names of what moved when a camera was built."""
    inputs = settings_of_object(camera).inputs
    return frozenset(json.loads(inputs).get(MOVING, ())) if inputs else frozenset()


def _surfaces(scene: bpy.types.Scene, moving: Iterable[str], *, at_once: bool | None = None) -> str:
    wanted = bpy.app.background if at_once is None else at_once
    return fingerprint_of(scene, frozenset(moving), at_once=wanted)


def fingerprint_inputs(
    scene: bpy.types.Scene, camera: bpy.types.Object, inputs: CalibrationInputs
) -> dict[str, str | list[str]]:
    """Fingerprint what a camera is made from, part by part, with the names of what moves."""
    moving = sorted(inputs.surroundings.moving)
    return {**fingerprint_camera(scene, camera), SURFACES: inputs.surfaces, MOVING: moving}


def fingerprint_camera(scene: bpy.types.Scene, camera: bpy.types.Object) -> dict[str, str]:
    """Fingerprint what a camera is made from, part by part, the surfaces apart."""
    ours = settings_of_object(camera)
    settings = ours.calibration
    values = [_text(getattr(settings, name)) for name in SHARED_SETTINGS if name != "strength"]
    subject = [item.name for item in settings.subject_objects]
    data = camera_data(camera)
    focus = depth_of_field(data)
    lens: list[object] = [data.sensor_fit, data.sensor_width, data.sensor_height]
    lens += [scene.render.resolution_x, scene.render.resolution_y]
    if not ours.own_lens[0]:
        lens += [value for name in LENS for value in _animated(data, name, getattr(data, name))]
    marks = [settings.target_subject, settings.reference_subject]
    if settings.statistic == "SURFACE":
        marks += [settings.target_place, settings.reference_place]
    if settings.statistic == "FOCUS":
        distance = _animated(data, FOCUS_DISTANCE, focus.focus_distance)
        lens += [focus.focus_object.name] if focus.focus_object else distance
    return {
        "settings": _digest([*values, *subject]),
        "surface": _digest([value for mark in marks if mark is not None for value in _pose_of_mark(mark)]),
        "anchor": _digest([value for item in _chain(camera) for value in _pose(item)]),
        "lens": _digest([_text(value) for value in lens]),
        "clip range": f"{data.clip_start:.6g} to {data.clip_end:.6g}",
        "frame rate": f"{frame_rate(scene):.9g}",
        "strength": _digest(_property(camera, STRENGTH)),
        "time": _digest(_property(camera, TIME)),
        "reference": ours.reference.name if ours.reference else "",
    }


def _pose_of_mark(mark: bpy.types.Object) -> list[str]:
    return [mark.name, *(value for item in (mark, *_chain(mark)) for value in _pose(item))]


def _chain(child: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Yield what an object hangs on, a camera on its anchor, and what carries that as far as it may move."""
    item = child.parent
    while item is not None:
        if item == child.parent or item.animation_data is not None or len(item.constraints):
            yield item
        item = item.parent


def _animated(data: bpy.types.ID, path: str, value: object, index: int = 0) -> list[object]:
    """Return a property's driver or keys, where it has some: its value is then that of the frame that is shown."""
    animation = untyped(data).animation_data
    place = path, index
    driven = [] if animation is None else animation.drivers
    drivers = [each.driver for each in driven if (each.data_path, each.array_index) == place]
    if drivers:
        return [drivers[0].type, drivers[0].expression]
    keys = _keys_of(data, path, index)
    return [value] if keys is None else [*keys]


def _pose(item: bpy.types.Object, seen: frozenset[str] = frozenset()) -> list[str]:
    """Return the pose of an anchor or a mark; where that depends on the frame that is shown, what it is moved by.

    Of what drives it, what was ``seen`` before is passed by: drivers may go round in circles.
    """
    moved_by = [item.parent.name if item.parent else "", *(constraint.name for constraint in item.constraints)]
    curves, drivers = fcurves(item), _drivers_of_pose(item)
    moved_by += [value for curve in curves for value in _keys(curve)]
    if drivers:
        return [*moved_by, *_text_of_drivers(item, drivers, seen | {item.name_full})]
    if curves:
        return moved_by
    # Made of its own channels: the evaluated matrix differs in its last digits before and after it is evaluated.
    return [*moved_by, *(_text(value) for value in np.array(item.matrix_basis).flat)]


def _drivers_of_pose(item: bpy.types.Object) -> list[bpy.types.FCurve]:
    animation = item.animation_data
    return [] if animation is None else [each for each in animation.drivers if each.data_path in _CHANNELS]


def _text_of_drivers(item: bpy.types.Object, drivers: list[bpy.types.FCurve], seen: frozenset[str]) -> list[str]:
    """Say how drivers move an object, and where its other channels are."""
    animated = {(curve.data_path, curve.array_index) for curve in (*drivers, *fcurves(item))}
    told = [
        _text(value)
        for path in _CHANNELS
        for index, value in enumerate(getattr(item, path))
        if (path, index) not in animated
    ]
    for curve in drivers:
        driver = untyped(curve).driver
        told += [curve.data_path, str(curve.array_index), driver.type, driver.expression]
        for variable in driver.variables:
            told += [variable.name, variable.type]
            for target in variable.targets:
                told += [target.data_path, target.transform_type, target.transform_space, target.bone_target]
                told += _source_of_driver(target.id, "" if variable.type != "SINGLE_PROP" else target.data_path, seen)
    return told


def _source_of_driver(source: bpy.types.ID | None, path: str, seen: frozenset[str]) -> list[str]:
    """Say what an object gives to a driver: a property, or its pose. All else, as a scene, goes with the frame."""
    if not isinstance(source, bpy.types.Object) or source.name_full in seen:
        return [source.name if source is not None else ""]
    if not path:
        return [source.name, *_pose(source, seen)]
    try:
        value = source.path_resolve(path)
    except ValueError:
        return [source.name]
    indexed = re.fullmatch(r"(.+)\[(\d+)\]", path)
    whole, index = (indexed[1], int(indexed[2])) if indexed else (path, 0)
    return [source.name, *(_text(each) for each in _animated(source, whole, value, index))]


def _property(target: bpy.types.Object, name: str) -> list[str]:
    keys = _keys_of(target, f'["{name}"]')
    return [_text(target.get(name, 1.0))] if keys is None else keys


def _keys_of(target: bpy.types.ID, path: str, index: int = 0) -> list[str] | None:
    found = (curve for curve in fcurves(target) if (curve.data_path, curve.array_index) == (path, index))
    curve = next(found, None)
    return None if curve is None else _keys(curve)


def _keys(curve: bpy.types.FCurve) -> list[str]:
    # Handles count too: they bend the curve between its keys.
    corners = [(point.co, point.handle_left, point.handle_right) for point in curve.keyframe_points]
    return [_text(value) for value in np.array(corners).flat]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str([*value]) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)


def _digest(values: list[str]) -> str:
    return hashlib.sha1("\n".join(values).encode(), usedforsecurity=False).hexdigest()[:12]
