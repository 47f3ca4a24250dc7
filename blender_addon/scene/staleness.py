"""Stale or not: what a camera was made from is noted on it; it is stale where that differs from how things are now."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import bpy
import numpy as np

from parascale.blender.depth import SceneDepth
from parascale.blender.keyframes import fcurves
from parascale.blender.scene_state import frame_rate
from parascale.blender.untyped import camera_data

from ..settings import SHARED_SETTINGS, STRENGTH, TIME, settings_of_object
from .curves import curve_of
from .geometry import fingerprint_of
from .objects import depth_of_field

# What the inputs that are kept on a camera call the surfaces, and the names of those that move.
SURFACES = "scene"
MOVING = "moving"


def note_inputs(
    scene: bpy.types.Scene, camera: bpy.types.Object, surroundings: SceneDepth, outdated: Mapping[str, str]
) -> str:
    """Note what a camera has just been made from, of that what is outdated; return the surfaces' fingerprint."""
    surfaces = fingerprint_of(scene, surroundings.moving)
    inputs = fingerprint(scene, camera) | {SURFACES: surfaces, **outdated, MOVING: sorted(surroundings.moving)}
    settings_of_object(camera).inputs = json.dumps(inputs)
    return surfaces


def reason_stale(scene: bpy.types.Scene, camera: bpy.types.Object) -> str:
    """Say why a calibrated camera no longer follows its inputs; empty where it does."""
    inputs = settings_of_object(camera).inputs
    if not inputs:
        return "never built"
    before, now = json.loads(inputs), fingerprint(scene, camera)
    changed = next((name for name, value in now.items() if before.get(name) != value), None)
    if changed is None and before.get(SURFACES) != _surfaces(scene, before):
        changed = SURFACES
    return f"{changed} changed" if changed else ""


def surfaces_changed(scene: bpy.types.Scene, camera: bpy.types.Object) -> bool:
    """Whether a camera was built from other surfaces than there are now."""
    inputs = settings_of_object(camera).inputs
    before = json.loads(inputs) if inputs else {}
    return before.get(SURFACES) != _surfaces(scene, before, at_once=True)


def moving_of(camera: bpy.types.Object) -> frozenset[str]:
    """Full names of what moved when a camera was built."""
    inputs = settings_of_object(camera).inputs
    return frozenset(json.loads(inputs).get(MOVING, ())) if inputs else frozenset()


def _surfaces(scene: bpy.types.Scene, inputs: Mapping[str, Any], *, at_once: bool | None = None) -> str:
    wanted = bpy.app.background if at_once is None else at_once
    return fingerprint_of(scene, frozenset(inputs.get(MOVING, ())), at_once=wanted)


def fingerprint(scene: bpy.types.Scene, camera: bpy.types.Object) -> dict[str, str]:
    """Fingerprint what a camera is made from, part by part, the surfaces of the scene apart."""
    ours = settings_of_object(camera)
    settings = ours.calibration
    values = [_text(getattr(settings, name)) for name in SHARED_SETTINGS if name != "strength"]
    subject = [item.name for item in settings.subject_objects]
    data = camera_data(camera)
    lens: list[object] = [data.sensor_fit, data.sensor_width, data.sensor_height]
    lens += [scene.render.resolution_x, scene.render.resolution_y]
    if not ours.own_lens[0]:
        lens += [data.lens, data.shift_x, data.shift_y]
    marks = [settings.target_subject, settings.reference_subject]
    if settings.statistic == "SURFACE":
        marks += [settings.target_place, settings.reference_place]
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
