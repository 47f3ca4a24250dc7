"""The calibrated camera: an anchor that holds the start pose, and under it a camera whose keys are ours."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from parascale.blender.camera import (
    blender_from_opencv,
    intrinsics_from_lens,
    opencv_from_blender,
    render_size,
    require_perspective,
    rigid,
    view_of_camera,
)
from parascale.blender.depth import ReprojectedDepth, SceneDepth
from parascale.blender.keyframes import LENS, fcurves, key_lens, key_trajectory, remove_curves
from parascale.blender.scene_state import at_frame, metres_per_unit
from parascale.camera import View
from parascale.errors import InputError
from parascale.parallax.calibrate import Calibration, Settings, calibrate
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.methods import METHODS
from parascale.parallax.shot import Shot
from parascale.types import Array

from . import live, reference, sides
from .settings import STRENGTH, changes, settings_of_object, settings_of_scene
from .steps import Hooks, Steps, in_thread
from .stubs import Context


@dataclass(frozen=True)
class Start:
    """Where a calibrated camera begins.

    Attributes
    ----------
    view : View
        Pose and lens.
    source : bpy.types.Object or None
        Scene camera it is taken from; None where it is the viewport's.
    lens : float
        Millimetres, of the viewport.
    """

    view: View
    source: bpy.types.Object | None
    lens: float = 0.0


def create(context: Context) -> Steps[bpy.types.Object]:
    """Calibrate the scene's reference against what the scene camera or the viewport sees, and make a camera of it.

    The scene camera stays untouched; the new one becomes the active camera. Nothing is made before the work is done.

    Raises
    ------
    InputError
        Where there is no reference, no camera, or no surface in its view.
    """
    scene = context.scene
    state = settings_of_scene(scene)
    settings = state.current
    shown = reference_of(scene)
    shot = sides.asked(scene, shown, settings)
    start = _start(context, settings.frame_start)
    yield 0.0, "Gathering the scene"
    depth = sides.gathered(scene, settings, len(shot))
    target = sides.target_depth(scene, depth, settings, start.source)
    result = yield from _calibrate(scene, shot, target, start.view, _asked(settings, settings.strength))
    camera = _make(scene, start, shot.name)
    ours = settings_of_object(camera)
    ours.role = "CAMERA"
    ours.reference = shown
    camera[STRENGTH] = settings.strength
    limits: Any = camera.id_properties_ui(STRENGTH)
    limits.update(
        min=0.0, soft_max=4.0, description="Multiplies the Parallax Number that is asked for; may be animated"
    )
    with changes.paused():
        ours.calibration.copy_from(settings)
    write(scene, camera, result, depth)
    scene.camera = state.camera = camera
    return camera


def rebuild(scene: bpy.types.Scene, camera: bpy.types.Object) -> Steps[None]:
    """Calibrate a camera of ours again, from its anchor as it stands, and refill its keys in place.

    Raises
    ------
    InputError
        Where the anchor or the reference is gone, or no surface is in view.
    """
    settings = settings_of_object(camera).calibration
    shot = sides.asked(scene, shown_by(camera), settings, camera)
    yield 0.0, "Gathering the scene"
    depth = sides.gathered(scene, settings, len(shot))
    anchor = anchor_view(scene, camera)
    target = sides.target_depth(scene, depth, settings, camera)
    result = yield from _calibrate(scene, shot, target, anchor, _asked(settings, strength_of(camera, len(shot))))
    write(scene, camera, result, depth)


def rebuild_draft(scene: bpy.types.Scene, camera: bpy.types.Object, depth: SceneDepth, every: int) -> None:
    """Calibrate at once from geometry gathered before, looking at it every few frames.

    Raises
    ------
    InputError
        As `rebuild`.
    """
    settings = settings_of_object(camera).calibration
    shot = sides.asked(scene, shown_by(camera), settings, camera)
    target = sides.target_depth(scene, depth, settings, camera)
    if target is depth:
        target = ReprojectedDepth(depth, every)
    asked = _asked(settings, strength_of(camera, len(shot)))
    result = calibrate(shot, target, anchor_view(scene, camera), asked, **_unit(scene))
    write(scene, camera, result, depth, draft=True)


def compared(scene: bpy.types.Scene, camera: bpy.types.Object) -> Steps[list[dict[str, Any]]]:
    """Calibrate by every method without keying anything, and return what each leaves, as JSON values.

    Raises
    ------
    InputError
        As `rebuild`; a method that lacks what it needs says so in its own row.
    """
    settings = settings_of_object(camera).calibration
    shot = sides.asked(scene, shown_by(camera), settings, camera)
    depth = sides.gathered(scene, settings, len(shot))
    anchor = anchor_view(scene, camera)
    target = sides.target_depth(scene, depth, settings, camera)
    strength = strength_of(camera, len(shot))
    rows: list[dict[str, Any]] = []
    for method in METHODS:
        asked = replace(_asked(settings, strength), method=method)
        try:
            result = yield from _calibrate(scene, shot, target, anchor, asked)
        except InputError as error:
            rows.append({"method": method, "pce": None, "reason": str(error)})
            continue
        report = result.report.as_json()
        kept = ("pce", "felt_error", "largest_jump", "subject_drift", "loop_closure")
        rows.append({"method": method} | {name: report[name] for name in kept})
    return rows


def scene_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the scene camera.

    Raises
    ------
    InputError
        Where the scene has none.
    """
    if scene.camera is None:
        raise InputError("the scene has no active camera: add one where the move shall begin")
    return scene.camera


def reference_of(scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the reference the tab works on.

    Raises
    ------
    InputError
        Where there is none.
    """
    camera: bpy.types.Object | None = settings_of_scene(scene).reference
    if camera is None:
        raise InputError("there is no reference: solve a clip or import a shot")
    return camera


def calibrated_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the calibrated camera the tab works on.

    Raises
    ------
    InputError
        Where there is none.
    """
    camera = settings_of_scene(scene).camera
    if camera is None:
        raise InputError("there is no calibrated camera: create one first")
    return camera


def shown_by(camera: bpy.types.Object) -> bpy.types.Object:
    """Return the reference camera that a calibrated camera follows.

    Raises
    ------
    InputError
        Where it is gone.
    """
    shown: bpy.types.Object | None = settings_of_object(camera).reference
    if shown is None:
        raise InputError(f"{camera.name} has lost its reference: import the shot and create a camera anew")
    return shown


def lens_of(camera: bpy.types.Object) -> bpy.types.Camera:
    """Return the camera data of a camera object."""
    assert isinstance(camera.data, bpy.types.Camera)
    return camera.data


def strength_of(camera: bpy.types.Object, count: int) -> float | Array:
    """Return the strength of the steps of a move of so many frames."""
    start = settings_of_object(camera).calibration.frame_start
    value = sides.sampled(camera, STRENGTH, start + np.arange(count - 1, dtype=np.float64), 1.0)
    # A curve may swing below 0 between its keys.
    return np.maximum(value, 0.0) if isinstance(value, np.ndarray) else value


def frames_of(camera: bpy.types.Object) -> Array:
    """Return the scene frames at which a calibrated camera has its keys; empty where it has none."""
    for curve in fcurves(camera):
        if curve.data_path == "location":
            return np.array([point.co.x for point in curve.keyframe_points])
    return np.empty(0)


def anchor_view(scene: bpy.types.Scene, camera: bpy.types.Object) -> View:
    """Return where a calibrated camera starts: its anchor at the start frame, with the lens it would have.

    Raises
    ------
    InputError
        Where the anchor is gone.
    """
    if camera.parent is None:
        raise InputError(f"{camera.name} has no anchor any more: parent it to one, or create a camera anew")
    ours = settings_of_object(camera)
    with _at_start(scene, camera):
        own = view_of_camera(scene, camera)
        pose = rigid(np.array(camera.parent.matrix_world), camera.parent.name)
    intrinsics = own.intrinsics
    if ours.own_lens[0] > 0:
        intrinsics = _intrinsics(scene, lens_of(camera), *ours.own_lens)
    return View(pose, intrinsics, own.width, own.height)


def write(
    scene: bpy.types.Scene, camera: bpy.types.Object, result: Calibration, depth: SceneDepth, *, draft: bool = False
) -> None:
    """Refill a camera's keys with a calibrated path, and note what it was made from."""
    ours = settings_of_object(camera)
    path = result.shot.trajectory
    frames = ours.calibration.frame_start + np.arange(len(path), dtype=np.float64)
    with _at_start(scene, camera):
        key_trajectory(camera, path, frames, parallax_number=result.shot.parallax_number, gain=result.shot.gain)
    if ours.calibration.lens == "copy":
        if ours.own_lens[0] == 0:
            data = lens_of(camera)
            ours.own_lens = data.lens, data.shift_x, data.shift_y
        key_lens(lens_of(camera), scene, path, frames)
    elif ours.own_lens[0] > 0:
        _give_lens_back(camera)
    report = result.report.as_json() | _surroundings(depth, path.centres, frames)
    ours.report = json.dumps(report)
    ours.draft = draft
    live.note_inputs(scene, camera, depth)


@contextmanager
def _at_start(scene: bpy.types.Scene, camera: bpy.types.Object) -> Iterator[None]:
    """Go to a camera's start frame for a while, where its anchor or lens is another there."""
    moved = (camera.parent, camera.data)
    if not any(item is not None and _depends_on_frame(item) for item in moved):
        yield
        return
    with at_frame(scene) as go_to:
        go_to(settings_of_object(camera).calibration.frame_start)
        yield


def _depends_on_frame(item: Any) -> bool:
    moved_by_others = isinstance(item, bpy.types.Object) and (item.parent is not None or len(item.constraints) > 0)
    return moved_by_others or item.animation_data is not None


def _give_lens_back(camera: bpy.types.Object) -> None:
    ours = settings_of_object(camera)
    remove_curves(lens_of(camera), LENS)
    for name, value in zip(LENS, ours.own_lens, strict=True):
        setattr(lens_of(camera), name, value)
    ours.own_lens = (0.0, 0.0, 0.0)


def _surroundings(depth: SceneDepth, centres: Array, frames: Array) -> dict[str, Any]:
    """Say how near the path comes to surfaces, and where it passes through one."""
    nearest = depth.nearest_surface(centres)
    closest = int(np.argmin(nearest))
    crossed = [int(frames[step]) for step in depth.crossings(centres)]
    distance = float(nearest[closest])
    return {
        "nearest_surface": distance if np.isfinite(distance) else None,
        "nearest_surface_frame": int(frames[closest]),
        "crossings": crossed,
    }


def _calibrate(
    scene: bpy.types.Scene, shot: Shot, target: DepthSource, anchor: View, asked: Settings
) -> Steps[Calibration]:
    unit = _unit(scene)

    def work(hooks: Hooks) -> Calibration:
        return calibrate(
            shot,
            hooks.on_main(target),
            anchor,
            asked,
            **unit,
            progress=hooks.progress,
            cancelled=hooks.cancelled,
        )

    return (yield from in_thread(work))


def _asked(settings: Any, strength: float | Array) -> Settings:
    return Settings(
        method=settings.method,
        strength=strength,
        smooth=settings.smooth,
        lens=settings.lens,
        max_gain_change=settings.max_gain_change or None,
        max_gain_step=settings.max_gain_step or None,
    )


def _unit(scene: bpy.types.Scene) -> dict[str, Any]:
    scale = metres_per_unit(scene)
    return {"unit": "m" if scale == 1.0 else "arbitrary", "metres_per_unit": scale}


def _start(context: Context, frame: int) -> Start:
    scene = context.scene
    if settings_of_scene(scene).start_from == "CAMERA":
        camera = scene_camera(scene)
        with at_frame(scene) as go_to:
            go_to(frame)
            return Start(view_of_camera(scene, camera), camera)
    for space in _viewports(context):
        region: Any = space.region_3d
        if region.view_perspective == "ORTHO":
            raise InputError("the viewport is orthographic, which has no parallax to match: make it perspective")
        pose = opencv_from_blender(np.array(region.view_matrix.inverted()))
        # The viewport shows twice the width that a camera of the same lens does.
        lens = space.lens / 2
        plain = intrinsics_from_lens(lens, (36.0, 24.0), render_size(scene), aspect=_aspect(scene))
        return Start(View(pose, plain, *render_size(scene)), None, lens)
    raise InputError("no 3D viewport is open: start from the scene camera")


def _viewports(context: Context) -> Iterator[Any]:
    areas = ([context.area] if context.area else []) + (list(context.screen.areas) if context.screen else [])
    return (area.spaces.active for area in areas if area.type == "VIEW_3D")


def _aspect(scene: bpy.types.Scene) -> tuple[float, float]:
    return scene.render.pixel_aspect_x, scene.render.pixel_aspect_y


def _intrinsics(scene: bpy.types.Scene, data: bpy.types.Camera, lens: float, shift_x: float, shift_y: float) -> Array:
    sensor = data.sensor_width, data.sensor_height
    fit: Any = data.sensor_fit
    return intrinsics_from_lens(
        lens, sensor, render_size(scene), fit=fit, shift=(shift_x, shift_y), aspect=_aspect(scene)
    )


def _make(scene: bpy.types.Scene, start: Start, name: str) -> bpy.types.Object:
    anchor = bpy.data.objects.new(f"{name} Anchor", None)
    settings_of_object(anchor).role = "ANCHOR"
    anchor.empty_display_type = "ARROWS"
    reference.lock(anchor, "scale")
    anchor.rotation_mode = "QUATERNION"
    anchor.matrix_world = Matrix(blender_from_opencv(start.view.camera_to_world).tolist())
    camera = bpy.data.objects.new(f"{name} Camera", _camera_data(start, f"{name} Camera"))
    camera.parent = anchor
    reference.lock(camera, "location", "rotation", "scale")
    for made in (anchor, camera):
        reference.collection(scene).objects.link(made)
    return camera


def _camera_data(start: Start, name: str) -> bpy.types.Camera:
    if start.source is None:
        plain = bpy.data.cameras.new(name)
        plain.lens = start.lens
        return plain
    require_perspective(start.source)
    data: Any = lens_of(start.source).copy()
    data.animation_data_clear()
    data.name = name
    return data  # type: ignore[no-any-return]
