"""Stale or not: what a camera was made from is noted on it; it is stale where that differs from how things are now."""

import hashlib
import json
from collections.abc import Iterable

import bpy
import numpy as np

from parascale.blender.keyframes import fcurves
from parascale.blender.scene_state import frame_rate
from parascale.blender.untyped import camera_data

from ..settings import SHARED_SETTINGS, STRENGTH, TIME, settings_of_object
from .curves import curve_of
from .geometry import note_surfaces, surfaces_changed
from .objects import depth_of_field


def note_inputs(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Note what a camera has just been made from."""
    settings_of_object(camera).inputs = json.dumps(_fingerprint(scene, camera))
    note_surfaces(scene, camera)


def reason_stale(scene: bpy.types.Scene, camera: bpy.types.Object) -> str:
    """Say why a calibrated camera no longer follows its inputs; empty where it does."""
    inputs = settings_of_object(camera).inputs
    if not inputs:
        return "never built"
    before, now = json.loads(inputs), _fingerprint(scene, camera)
    changed = next((name for name, value in now.items() if before.get(name) != value), None)
    if changed is None:
        return "scene changed" if surfaces_changed(scene, camera) else ""
    return f"{changed} changed"


def _fingerprint(scene: bpy.types.Scene, camera: bpy.types.Object) -> dict[str, str]:
    """Fingerprint what a camera is made from, part by part."""
    ours = settings_of_object(camera)
    settings = ours.calibration
    values = [_text(getattr(settings, name)) for name in SHARED_SETTINGS if name != "strength"]
    subject = [item.name for item in settings.subject_objects]
    data = camera_data(camera)
    lens: list[object] = [data.sensor_fit, data.sensor_width, data.sensor_height]
    lens += [scene.render.resolution_x, scene.render.resolution_y]
    if not ours.own_lens[0]:
        lens += [data.lens, data.shift_x, data.shift_y]
    marks = (settings.target_place, settings.reference_place) if settings.statistic == "SURFACE" else ()
    if settings.statistic == "FOCUS":
        focus = depth_of_field(camera)
        lens.append(focus.focus_object.name if focus.focus_object else focus.focus_distance)
    return {
        "settings": _digest([*values, *subject]),
        "surface": _digest([value for mark in marks if mark is not None for value in (mark.name, *_pose(mark))]),
        "anchor": _digest(_pose(camera.parent)) if camera.parent else "",
        "lens": _digest([_text(value) for value in lens]),
        "clip range": f"{data.clip_start:.6g} to {data.clip_end:.6g}",
        "frame rate": f"{frame_rate(scene):.9g}",
        "strength": _digest(_property(camera, STRENGTH)),
        "time": _digest(_property(camera, TIME)),
        "reference": ours.reference.name if ours.reference else "",
    }


def _pose(item: bpy.types.Object) -> list[str]:
    """Return the pose of an anchor or a mark; where that depends on the frame that is shown, what it is moved by."""
    moved_by = [item.parent.name if item.parent else "", *(constraint.name for constraint in item.constraints)]
    curves = fcurves(item)
    if curves:
        return [*moved_by, *(value for curve in curves for value in _keys(curve))]
    # Made of its own channels: the evaluated matrix differs in its last digits before and after it is evaluated.
    return [*moved_by, *(_text(value) for value in np.array(item.matrix_basis).flat)]


def _property(target: bpy.types.Object, name: str) -> list[str]:
    curve = curve_of(target, name)
    return [_text(target.get(name, 1.0))] if curve is None else _keys(curve)


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
