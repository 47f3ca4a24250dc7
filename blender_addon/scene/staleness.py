"""Stale or not: what a camera was made from is noted on it; it is stale where that differs from how things are now."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import bpy
import numpy as np

from parascale.blender.keyframes import FOCUS_DISTANCE, LENS, curve_of_path, fcurves
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

# What a scene says of the frame that is shown.
_FRAME_SHOWN = {"frame_current", "frame_current_final", "frame_float", "frame_subframe"}

# Of a curve's modifier, what says nothing of the curve.
_SHOWN_ONLY = {"rna_type", "name", "show_expanded", "active", "is_valid"}

# What a driver reads: type and name of a datablock, and a property of it, or "" for its pose.
_Source = tuple[str, str, str, int]


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
    lens = [str(data.sensor_fit)]
    for name in ("sensor_width", "sensor_height"):
        lens += _value(scene, data, name, getattr(data, name))
    lens += [_text(scene.render.resolution_x), _text(scene.render.resolution_y)]
    if not ours.own_lens[0]:
        lens += [text for name in LENS for text in _value(scene, data, name, getattr(data, name))]
    clip = [text for name in ("clip_start", "clip_end") for text in _value(scene, data, name, getattr(data, name))]
    marks = [settings.target_subject, settings.reference_subject]
    if settings.statistic == "SURFACE":
        marks += [settings.target_place, settings.reference_place]
    if settings.statistic == "FOCUS":
        distance = _value(scene, data, FOCUS_DISTANCE, focus.focus_distance)
        lens += [focus.focus_object.name] if focus.focus_object else distance
    return {
        "settings": _digest([*values, *subject]),
        "surface": _digest([value for mark in marks if mark is not None for value in _pose_of_mark(scene, mark)]),
        "anchor": _digest([value for item in _chain(camera) for value in _pose(scene, item)]),
        "lens": _digest(lens),
        "clip range": " to ".join(clip),
        "frame rate": f"{frame_rate(scene):.9g}",
        "strength": _digest(_strength(scene, camera)),
        "time": _digest(_value(scene, camera, f'["{TIME}"]', camera.get(TIME, 1.0))),
        "reference": ours.reference.name if ours.reference else "",
    }


def _strength(scene: bpy.types.Scene, camera: bpy.types.Object) -> list[str]:
    # Its keys and its driver outlive the property.
    value = camera.get(STRENGTH)
    return [_text(1.0)] if value is None else _value(scene, camera, f'["{STRENGTH}"]', value)


def _pose_of_mark(scene: bpy.types.Scene, mark: bpy.types.Object) -> list[str]:
    return [mark.name, *(value for item in (mark, *_chain(mark)) for value in _pose(scene, item))]


def _chain(child: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Yield what an object hangs on, a camera on its anchor, and what carries that as far as it may move."""
    item = child.parent
    while item is not None:
        if item == child.parent or item.animation_data is not None or len(item.constraints):
            yield item
        item = item.parent


def _value(
    scene: bpy.types.Scene,
    owner: bpy.types.ID,
    path: str,
    value: object,
    index: int = 0,
    seen: frozenset[_Source] = frozenset(),
) -> list[str]:
    """Return a property's value; where it is driven or keyed, by what: its value is then that of the frame shown.

    The scene is the one that a driver may call the active one. Of what drives it, what was ``seen`` before is passed
    by: drivers may go round in circles.
    """
    animation, place = getattr(owner, "animation_data", None), (owner.id_type, owner.name_full, path, index)
    if animation is None:
        return [_text(value)]
    playing = [each for each in animation.drivers if not each.mute]
    driver = next((each for each in playing if (each.data_path, each.array_index) == (path, index)), None)
    if driver is not None:
        return [owner.name] if place in seen else _text_of_driver(scene, driver, seen | {place})
    curve = curve_of_path(owner, path, index)
    return [_text(value)] if curve is None else _keys(curve)


def _pose(scene: bpy.types.Scene, item: bpy.types.Object, seen: frozenset[_Source] = frozenset()) -> list[str]:
    """Return the pose of an anchor or a mark; where that depends on the frame that is shown, what it is moved by."""
    moved_by = [item.parent.name if item.parent else "", *(constraint.name for constraint in item.constraints)]
    curves, drivers = fcurves(item), _drivers_of_pose(item)
    moved_by += [value for curve in curves for value in _keys(curve)]
    if drivers:
        return [*moved_by, *_text_of_drivers(scene, item, drivers, seen | {_place_of_pose(item)})]
    if curves:
        return moved_by
    # Made of its own channels: the evaluated matrix differs in its last digits before and after it is evaluated.
    return [*moved_by, *(_text(value) for value in np.array(item.matrix_basis).flat)]


def _place_of_pose(item: bpy.types.Object) -> _Source:
    return (item.id_type, item.name_full, "", 0)


def _drivers_of_pose(item: bpy.types.Object) -> list[bpy.types.FCurve]:
    animation = item.animation_data
    playing = [] if animation is None else [each for each in animation.drivers if not each.mute]
    return [each for each in playing if each.data_path in _CHANNELS]


def _text_of_drivers(
    scene: bpy.types.Scene, item: bpy.types.Object, drivers: list[bpy.types.FCurve], seen: frozenset[_Source]
) -> list[str]:
    """Say how drivers move an object, and where its other channels are."""
    animated = {(curve.data_path, curve.array_index) for curve in (*drivers, *fcurves(item))}
    told = [
        _text(value)
        for path in _CHANNELS
        for index, value in enumerate(getattr(item, path))
        if (path, index) not in animated
    ]
    for curve in drivers:
        told += [curve.data_path, str(curve.array_index), *_text_of_driver(scene, curve, seen)]
    return told


def _text_of_driver(scene: bpy.types.Scene, curve: bpy.types.FCurve, seen: frozenset[_Source]) -> list[str]:
    """Say what a driver makes of what it reads, what its curve makes of that, and what it reads."""
    driver = untyped(curve).driver
    told = [driver.type, driver.expression, *_keys(curve)]
    for variable in driver.variables:
        told += [variable.name, variable.type]
        for target in variable.targets:
            told += [target.data_path, target.transform_type, target.transform_space, target.bone_target]
            in_context = variable.type == "CONTEXT_PROP" and target.context_property == "ACTIVE_SCENE"
            source = scene if in_context else target.id
            read = target.data_path if in_context or variable.type == "SINGLE_PROP" else ""
            told += _source_of_driver(scene, source, read, seen)
            if variable.type != "SINGLE_PROP" and not in_context:
                told += _carried(scene, source, target.bone_target, seen)
    return told


def _carried(scene: bpy.types.Scene, source: bpy.types.ID | None, bone: str, seen: frozenset[_Source]) -> list[str]:
    """Say where what carries an object is, all of it, and the bone of it that a driver reads."""
    if not isinstance(source, bpy.types.Object):
        return []
    told, above = _bones(scene, source, bone, seen), source.parent
    while above is not None:
        told += [] if _place_of_pose(above) in seen else _pose(scene, above, seen)
        above = above.parent
    return told


def _bones(scene: bpy.types.Scene, item: bpy.types.Object, name: str, seen: frozenset[_Source]) -> list[str]:
    """Say how a bone and those above it are posed, channel by channel."""
    told: list[str] = []
    bone = None if item.pose is None else item.pose.bones.get(name)
    while bone is not None:
        for path in _CHANNELS:
            for index, value in enumerate(getattr(bone, path)):
                told += _value(scene, item, f"{bone.path_from_id()}.{path}", value, index, seen)
        bone = bone.parent
    return told


def _source_of_driver(
    scene: bpy.types.Scene, source: bpy.types.ID | None, path: str, seen: frozenset[_Source]
) -> list[str]:
    """Say what a datablock gives to a driver: a property, or an object's pose. A scene's frame is none of its own."""
    if source is None:
        return [""]
    if not path:
        if not isinstance(source, bpy.types.Object) or _place_of_pose(source) in seen:
            return [source.name]
        return [source.name, *_pose(scene, source, seen)]
    if isinstance(source, bpy.types.Scene) and path in _FRAME_SHOWN:
        return [source.name]
    found = _find_property(source, path)
    if found is None:
        return [source.name]
    owner, whole, index = found
    return [source.name, *_value(scene, owner, whole, untyped(source).path_resolve(path), index, seen)]


def _find_property(source: bpy.types.ID, path: str) -> tuple[bpy.types.ID, str, int] | None:
    """Find the datablock that owns what a path leads to, its path from there, and its index; None where none does."""
    indexed = re.fullmatch(r"(.+?)(?:\[(\d+)\]|\.([xyzwrgba]))", path)
    candidates = [(path, 0)]
    if indexed is not None:
        whole, number, letter = indexed.groups()
        letters = "wxyz" if whole.endswith(("quaternion", "axis_angle")) else "xyzw"
        index = int(number) if letter is None else max(letters.find(letter), "rgba".find(letter))
        candidates.insert(0, (whole, index))
    for name, index in candidates:
        try:
            found = untyped(source).path_resolve(name, False)
            owner = found.id_data
            return owner, name if owner == source else found.path_from_id(), index
        except (ValueError, AttributeError):
            continue  # It leads nowhere, or to what has no path of its own.
    return None


def _keys(curve: bpy.types.FCurve) -> list[str]:
    """Say how a curve runs: its keys, and what else bends it where that is not as Blender makes a new key."""
    # Handles count too: they bend the curve between its keys.
    corners = [(point.co, point.handle_left, point.handle_right) for point in curve.keyframe_points]
    told = [_text(value) for value in np.array(corners).flat]
    for index, point in enumerate(curve.keyframe_points):
        if point.interpolation != "BEZIER":
            eased = (index, point.interpolation, point.easing, point.back, point.amplitude, point.period)
            told += [_text(value) for value in eased]
    told += [] if curve.extrapolation == "CONSTANT" else [curve.extrapolation]
    told += ["muted"] if curve.mute else []
    return [*told, *(text for modifier in curve.modifiers for text in _modifier(modifier))]


def _modifier(modifier: bpy.types.FModifier) -> list[str]:
    told = [str(modifier.type)]
    for name in sorted({item.identifier for item in modifier.bl_rna.properties} - _SHOWN_ONLY):
        value = getattr(modifier, name)
        points = [(point.frame, point.min, point.max) for point in value] if name == "control_points" else None
        told += [name, _text(value if points is None else points)]
    return told


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str([*value]) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)


def _digest(values: list[str]) -> str:
    return hashlib.sha1("\n".join(values).encode(), usedforsecurity=False).hexdigest()[:12]
