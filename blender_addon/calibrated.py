"""The calibrated camera: an anchor that holds the start pose, and under it a camera whose keys are ours."""

import json
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from parascale.blender.camera import apply_lens, blender_from_opencv, opencv_from_blender, view_of_camera
from parascale.blender.depth import SceneDepth
from parascale.blender.keyframes import fcurves, key_trajectory
from parascale.blender.scene_state import at_frame, frame_rate, metres_per_unit
from parascale.camera import View
from parascale.errors import InputError
from parascale.parallax import retime
from parascale.parallax.calibrate import Calibration, Settings, calibrate
from parascale.parallax.shot import Shot

from . import properties, reference
from .steps import Hooks, Steps, in_thread

Array = NDArray[np.float64]

STRENGTH = "parascale_strength"


def create(scene: bpy.types.Scene) -> Steps[bpy.types.Object]:
    """Calibrate the scene's reference against what the scene camera sees, and make a camera that moves so.

    The scene camera stays untouched; the new one becomes the active camera. Nothing is made before the work is done.

    Raises
    ------
    InputError
        Where there is no reference, no camera, or no surface in its view.
    """
    state = properties.of_scene(scene)
    source = scene_camera(scene)
    settings = state.calibration
    shot = timed(scene, reference.shot_of(reference_of(scene)), settings)
    anchor = view_at(scene, source, settings.frame_start)
    result = yield from _calibrate(scene, shot, anchor, settings, settings.strength)
    camera = _make(scene, source, shot.name, anchor)
    ours = properties.of_object(camera)
    ours.role = "CAMERA"
    ours.reference = state.reference
    ours.calibration.copy_from(settings)
    camera[STRENGTH] = settings.strength
    limits: Any = camera.id_properties_ui(STRENGTH)
    limits.update(
        min=0.0, soft_max=4.0, description="Multiplies the Parallax Number that is asked for; may be animated"
    )
    _write(scene, camera, result, settings)
    scene.camera = state.camera = camera
    return camera


def rebuild(scene: bpy.types.Scene, camera: bpy.types.Object) -> Steps[None]:
    """Calibrate a camera of ours again, from its anchor as it stands, and refill its keys in place.

    Raises
    ------
    InputError
        Where the anchor or the reference is gone, or no surface is in view.
    """
    settings = properties.of_object(camera).calibration
    shot = timed(scene, shot_behind(camera), settings)
    steps = np.arange(len(shot) - 1) + settings.frame_start
    strength = sampled(camera, STRENGTH, steps, 1.0)
    result = yield from _calibrate(scene, shot, _anchor_view(scene, camera), settings, strength)
    _write(scene, camera, result, settings)


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
    camera: bpy.types.Object | None = properties.of_scene(scene).reference
    if camera is None:
        raise InputError("there is no reference: solve a clip or import a shot")
    return camera


def shot_behind(camera: bpy.types.Object) -> Shot:
    """Read the reference a calibrated camera follows.

    Raises
    ------
    InputError
        Where it is gone.
    """
    shown = properties.of_object(camera).reference
    if shown is None:
        raise InputError(f"{camera.name} has lost its reference: import the shot and create a camera anew")
    return reference.shot_of(shown)


def lens_of(camera: bpy.types.Object) -> bpy.types.Camera:
    """Return the camera data of a camera object."""
    assert isinstance(camera.data, bpy.types.Camera)
    return camera.data


def view_at(scene: bpy.types.Scene, camera: bpy.types.Object, frame: float) -> View:
    """Return a camera's view at a frame; the scene's current frame is left as it was."""
    with at_frame(scene) as go_to:
        go_to(frame)
        return view_of_camera(scene, camera)


def timed(scene: bpy.types.Scene, shot: Shot, settings: Any) -> Shot:
    """Return the reference with one frame a frame of the scene."""
    return retime.match_rate(shot, frame_rate(scene)) if settings.timing == "SECONDS" else shot


def sampled(target: bpy.types.Object, name: str, frames: Array, default: float) -> float | Array:
    """Sample a custom property at frames: an array where it is animated, else its one value."""
    for curve in fcurves(target):
        if curve.data_path == f'["{name}"]':
            return np.array([curve.evaluate(float(frame)) for frame in frames])
    return float(target.get(name, default))


def _calibrate(
    scene: bpy.types.Scene, shot: Shot, anchor: View, settings: Any, strength: float | Array
) -> Steps[Calibration]:
    yield 0.0, "Gathering the scene"
    depth = SceneDepth(scene, frames=settings.frame_start + np.arange(len(shot)))
    asked = Settings(method=settings.method, strength=strength, smooth=settings.smooth, lens=settings.lens)
    scale = metres_per_unit(scene)

    def work(hooks: Hooks) -> Calibration:
        return calibrate(
            shot,
            hooks.on_main(depth),
            anchor,
            asked,
            unit="m" if scale == 1.0 else "arbitrary",
            metres_per_unit=scale,
            progress=hooks.progress,
            cancelled=hooks.cancelled,
        )

    return (yield from in_thread(work))


def _anchor_view(scene: bpy.types.Scene, camera: bpy.types.Object) -> View:
    if camera.parent is None:
        raise InputError(f"{camera.name} has no anchor any more: parent it to one, or create a camera anew")
    own = view_at(scene, camera, properties.of_object(camera).calibration.frame_start)
    pose = opencv_from_blender(np.array(camera.parent.matrix_world.normalized()))
    return View(pose, own.intrinsics, own.width, own.height)


def _make(scene: bpy.types.Scene, source: bpy.types.Object, name: str, view: View) -> bpy.types.Object:
    anchor = bpy.data.objects.new(f"{name} Anchor", None)
    properties.of_object(anchor).role = "ANCHOR"
    anchor.empty_display_type = "ARROWS"
    reference.lock(anchor, "scale")
    anchor.rotation_mode = "QUATERNION"
    anchor.matrix_world = Matrix(blender_from_opencv(view.camera_to_world).tolist())
    data: Any = lens_of(source).copy()
    data.animation_data_clear()
    data.name = f"{name} Camera"
    camera = bpy.data.objects.new(f"{name} Camera", data)
    camera.parent = anchor
    reference.lock(camera, "location", "rotation", "scale")
    for made in (anchor, camera):
        reference.collection(scene).objects.link(made)
    return camera


def _write(scene: bpy.types.Scene, camera: bpy.types.Object, result: Calibration, settings: Any) -> None:
    path = result.shot.trajectory
    frames = settings.frame_start + np.arange(len(path))
    key_trajectory(camera, path, frames, parallax_number=result.shot.parallax_number, gain=result.shot.gain)
    if settings.lens == "copy":
        apply_lens(lens_of(camera), scene, path.intrinsics[0], path.width, path.height)
    properties.of_object(camera).report = json.dumps(result.report.as_json())
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
