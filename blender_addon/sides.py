"""The two sides of a calibration: the reference in the scene's timing, and the depth of the target."""

import dataclasses
from typing import Any

import bpy
import numpy as np

from parascale import retime
from parascale.blender.depth import SceneDepth
from parascale.blender.focus import depth_of_object, focus_of_camera, place_depth, subject_depth
from parascale.blender.keyframes import fcurves
from parascale.blender.scene_state import at_frame, frame_rate
from parascale.errors import InputError
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.methods import METHODS
from parascale.parallax.shot import Shot
from parascale.retime.modes import MODES
from parascale.types import Array

from . import reference
from .settings import TIME, settings_of_object


def asked(
    scene: bpy.types.Scene, shown: bpy.types.Object, settings: Any, camera: bpy.types.Object | None = None
) -> Shot:
    """Return the reference as it is asked for: its depth by the chosen statistic, one frame a frame of the scene.

    Parameters
    ----------
    scene : bpy.types.Scene
    shown : bpy.types.Object
        The reference camera.
    settings : CalibrationSettings
    camera : bpy.types.Object or None
        The calibrated camera, whose curve of time counts; None before there is one.

    Raises
    ------
    InputError
        Where the reference is gone, or does not know what is asked of it.
    """
    shot = reference.shot_of(shown)
    depth = _reference_depth(shot, shown, settings)
    if depth is not None:
        # The felt parallax it holds is that of the whole frame.
        shot = dataclasses.replace(shot, median_depth=depth, felt_parallax=None)
    if METHODS[settings.method].needs_reference_depth and np.isnan(shot.median_depth).all():
        raise InputError(f"the reference {shot.name} knows no depth: import it again with a Median Depth")
    return _timed(scene, shot, settings, camera)


def target_depth(
    scene: bpy.types.Scene, surroundings: SceneDepth, settings: Any, source: bpy.types.Object | None
) -> DepthSource:
    """Return the target's depth by the chosen statistic.

    Parameters
    ----------
    scene : bpy.types.Scene
    surroundings : SceneDepth
        See `gathered`.
    settings : CalibrationSettings
    source : bpy.types.Object or None
        The camera whose focus counts.

    Raises
    ------
    InputError
        Where there is no focus, or no surface is picked.
    """
    if settings.statistic not in {"FOCUS", "SURFACE"}:
        return surroundings
    if settings.statistic == "SURFACE" and settings.target_place is None:
        raise InputError("no surface of the target is picked: press Pick, under Target")
    if settings.statistic == "FOCUS" and source is None:
        raise InputError("the viewport has no focus: start from the scene camera, or measure the whole frame")
    with at_frame(scene) as go_to:
        go_to(settings.frame_start)
        if settings.statistic == "SURFACE":
            return depth_of_object(scene, settings.target_place)
        assert source is not None
        return focus_of_camera(scene, source)


def gathered(scene: bpy.types.Scene, settings: Any, count: int) -> SceneDepth:
    """Gather the scene for a move of so many frames.

    Raises
    ------
    InputError
        Where a subject is asked for and none is chosen.
    """
    subject = None
    if settings.statistic == "OBJECTS":
        subject = settings.subject_objects
        if not subject:
            raise InputError("no subject is chosen: select objects and press Use Selected, under Target")
    return SceneDepth(scene, frames=settings.frame_start + np.arange(count), subject=subject)


def sampled(target: bpy.types.Object, name: str, frames: Array, default: float) -> float | Array:
    """Sample a custom property at frames: an array where it is animated, else its one value."""
    curve = curve_of(target, name)
    if curve is not None:
        return np.array([curve.evaluate(float(frame)) for frame in frames])
    return float(target.get(name, default))


def curve_of(target: bpy.types.Object, name: str) -> bpy.types.FCurve | None:
    """Return the F-curve of a custom property; None where it is not animated."""
    return next((curve for curve in fcurves(target) if curve.data_path == f'["{name}"]'), None)


def _timed(scene: bpy.types.Scene, shot: Shot, settings: Any, camera: bpy.types.Object | None) -> Shot:
    rate = frame_rate(scene)
    curve = None if camera is None else curve_of(camera, TIME)
    if curve is not None and len(curve.keyframe_points):
        last = round(curve.keyframe_points[-1].co.x)
        count = max(2, last - settings.frame_start + 1)
        frames = settings.frame_start + np.arange(count)
        values = np.clip([curve.evaluate(float(frame)) for frame in frames], 0, 1)
        return retime.ease(shot, np.stack([np.linspace(0, 1, count), values], axis=1), count, rate)
    if settings.retiming != "NONE":
        return MODES[settings.retiming].function(shot, settings.retimed_frames, rate)
    return retime.match_rate(shot, rate) if settings.timing == "SECONDS" else shot


def _reference_depth(shot: Shot, shown: bpy.types.Object, settings: Any) -> Array | None:
    if settings.statistic == "OBJECTS":
        points = settings_of_object(shown).points
        if points is None:
            raise InputError(
                f"the reference {shot.name} has no points to take a subject from: solve it from its clip, or measure "
                "the whole frame"
            )
        return subject_depth(shot.trajectory, reference.positions_of(points), tuple(settings.reference_box))
    if settings.statistic == "FOCUS":
        data: Any = shown.data
        focus: Any = data.dof
        if focus.focus_object is None:
            return np.full(len(shot), float(focus.focus_distance))
        return _depth_of_mark(shot, focus.focus_object)
    if settings.statistic == "SURFACE":
        if settings.reference_place is None:
            raise InputError("no point of the reference is picked: press Pick, under Target")
        return _depth_of_mark(shot, settings.reference_place)
    return None


def _depth_of_mark(shot: Shot, mark: bpy.types.Object) -> Array:
    """z-depth of an object that stands among the points of a reference, (T,)."""
    shown: Any = mark.matrix_world
    place = np.array([*shown.translation, 1.0])
    return place_depth(shot.trajectory, (np.linalg.inv(reference.world_of(shot)) @ place)[:3])
