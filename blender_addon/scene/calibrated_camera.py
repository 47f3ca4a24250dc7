"""The calibrated camera: an anchor that holds the start pose, and under it a camera whose keys are ours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, cast

import bpy
import numpy as np
from mathutils import Matrix

from parascale.blender.camera import blender_from_opencv, require_perspective
from parascale.blender.depth import ReprojectedDepth, SceneDepth
from parascale.blender.keyframes import LENS, fcurves, key_lens, key_trajectory, own_action, remove_curves
from parascale.blender.untyped import camera_data
from parascale.errors import InputError
from parascale.parallax.calibrate import Calibration
from parascale.parallax.methods import METHODS

from ..settings import STRENGTH, settings_of_object, settings_of_scene
from ..settings.changes import paused
from ..steps import Hooks, Steps, in_thread
from ..stubs import Context
from ..tasks import WRITE
from .calibration_inputs import (
    CalibrationInputs,
    anchor_frame,
    gather_inputs,
    inputs_of_camera,
    prepare_reference,
)
from .geometry import fingerprint_of, keep_geometry
from .objects import link_object, lock, reference_of_scene
from .report import note_report
from .retiming import Retiming
from .staleness import SURFACES, fingerprint, moving_of, note_inputs
from .start import Start, at_start_frame, find_start


class MethodResult(TypedDict, total=False):
    """What a gain method leaves, None where undefined; ``reason`` where it could not be used."""

    method: str
    pce: float | None
    felt_error: float | None
    largest_jump: float | None
    subject_drift: float | None
    loop_closure: float | None
    reason: str


def create_camera(context: Context) -> Steps[bpy.types.Object]:
    """Calibrate the scene's reference against what the scene camera or the viewport sees, and make a camera of it.

    The scene camera stays untouched; the new one becomes the active camera. Nothing is made before the work is done.
    """
    scene: bpy.types.Scene = context.scene
    state = settings_of_scene(scene)
    settings = state.current
    reference = reference_of_scene(scene)
    yield 0.0, "Gathering the scene"
    count = len(prepare_reference(scene, reference, settings))
    start_frame = settings.frame_start + anchor_frame(settings, count)
    start = find_start(context, start_frame)
    notes = _start_notes(start.source, start_frame)
    inputs = gather_inputs(scene, reference, settings, start)
    result = yield from _calibrate(inputs)
    yield WRITE
    camera = _make(scene, start, inputs.shot.name)
    ours = settings_of_object(camera)
    ours.role = "CAMERA"
    ours.reference = reference
    camera[STRENGTH] = settings.strength
    limits = camera.id_properties_ui(STRENGTH)
    assert limits is not None
    limits.update(min=0.0, soft_max=4.0, description="Multiplies the target Parallax Number; may be animated")
    with paused():
        ours.calibration.copy_from(settings)
    _write(scene, camera, result, inputs.surroundings, notes=notes)
    scene.camera = state.camera = camera
    return camera


def rebuild_camera(scene: bpy.types.Scene, camera: bpy.types.Object, retiming: Retiming | None = None) -> Steps[None]:
    """Calibrate a camera of ours again, from its anchor as it is now, and refill its keys in place.

    A retiming, where one is given, becomes the camera's own.
    """
    yield 0.0, "Gathering the scene"
    before = fingerprint(scene, camera) | {SURFACES: fingerprint_of(scene, moving_of(camera))}
    inputs = inputs_of_camera(scene, camera, retiming=retiming)
    result = yield from _calibrate(inputs)
    yield WRITE
    # What was changed meanwhile is not in the result.
    now = fingerprint(scene, camera) | {SURFACES: fingerprint_of(scene, moving_of(camera))}
    outdated = {name: value for name, value in before.items() if now[name] != value}
    if retiming is not None:
        with paused():
            retiming.store(settings_of_object(camera).calibration)
    _write(scene, camera, result, inputs.surroundings, outdated=outdated)


def rebuild_draft(scene: bpy.types.Scene, camera: bpy.types.Object, surroundings: SceneDepth, every: int) -> None:
    """Do as `rebuild_camera`, at once, from geometry gathered before, measured every few frames."""
    inputs = inputs_of_camera(scene, camera, surroundings)
    if inputs.target is surroundings:
        inputs = replace(inputs, target=ReprojectedDepth(surroundings, every))
    _write(scene, camera, inputs.calibrate(), surroundings, draft=True)


def compare_methods(scene: bpy.types.Scene, camera: bpy.types.Object) -> Steps[list[MethodResult]]:
    """Calibrate by every method without keying anything; a method that lacks what it needs says so in its own row."""
    yield 0.0, "Gathering the scene"
    inputs = inputs_of_camera(scene, camera)
    rows: list[MethodResult] = []
    for method in METHODS:
        try:
            result = yield from _calibrate(replace(inputs, options=replace(inputs.options, method=method)))
        except InputError as error:
            rows.append({"method": method, "pce": None, "reason": str(error)})
            continue
        report = result.report.as_json()
        kept = ("pce", "felt_error", "largest_jump", "subject_drift", "loop_closure")
        rows.append(cast("MethodResult", {"method": method} | {name: report[name] for name in kept}))
    return rows


def _calibrate(inputs: CalibrationInputs) -> Steps[Calibration]:
    def work(hooks: Hooks) -> Calibration:
        facts = replace(inputs.facts, surroundings=_OnMain(inputs.surroundings, hooks))
        on_thread = replace(inputs, target=hooks.on_main(inputs.target), facts=facts)
        return on_thread.calibrate(hooks.progress, hooks.cancelled)

    return (yield from in_thread(work))


class _OnMain:
    """Surroundings whose questions are answered on the main thread (see `parascale.parallax.clearance`)."""

    def __init__(self, surroundings: SceneDepth, hooks: Hooks) -> None:
        self.nearest_hit = hooks.on_main(surroundings.nearest_hit)
        self.nearest_surface = hooks.on_main(surroundings.nearest_surface)
        self.clip_at = hooks.on_main(surroundings.clip_at)


def _write(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    result: Calibration,
    surroundings: SceneDepth,
    *,
    draft: bool = False,
    outdated: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Refill a camera's keys with a calibrated path, and note what it was made from, of that what is outdated."""
    ours = settings_of_object(camera)
    data = camera_data(camera)
    path = result.shot.trajectory
    frames = ours.calibration.frame_start + np.arange(len(path), dtype=np.float64)
    with at_start_frame(scene, camera):
        key_trajectory(camera, path, frames, parallax_number=result.shot.parallax_number, gain=result.shot.gain)
    if ours.calibration.lens == "copy":
        if ours.own_lens[0] == 0:
            ours.own_lens = data.lens, data.shift_x, data.shift_y
        key_lens(data, scene, path, frames)
    elif ours.own_lens[0] > 0:
        # The camera gets the lens back that it had before the reference's was copied.
        remove_curves(data, LENS)
        data.lens, data.shift_x, data.shift_y = ours.own_lens
        ours.own_lens = (0.0, 0.0, 0.0)
    note_report(camera, result, surroundings, frames, notes)
    ours.draft = draft
    surfaces = note_inputs(scene, camera, surroundings, outdated or {})
    keep_geometry(scene, ours.calibration, surroundings, surfaces)


def _make(scene: bpy.types.Scene, start: Start, name: str) -> bpy.types.Object:
    anchor = bpy.data.objects.new(f"{name} Anchor", None)
    settings_of_object(anchor).role = "ANCHOR"
    anchor.empty_display_type = "ARROWS"
    lock(anchor, "scale")
    anchor.rotation_mode = "QUATERNION"
    anchor.matrix_world = Matrix(blender_from_opencv(start.view.camera_to_world).tolist())
    camera = bpy.data.objects.new(f"{name} Camera", _camera_data(start, f"{name} Camera"))
    camera.parent = anchor
    lock(camera, "location", "rotation", "scale")
    link_object(scene, anchor)
    link_object(scene, camera)
    return camera


def _camera_data(start: Start, name: str) -> bpy.types.Camera:
    if start.source is None:
        viewport = bpy.data.cameras.new(name)
        viewport.lens = start.lens
        viewport.clip_start, viewport.clip_end = start.clip.tolist()
        return viewport
    require_perspective(start.source)
    data = camera_data(start.source).copy()
    assert data is not None
    _keep_focus_keys(data)
    data.name = name
    return data


def _keep_focus_keys(data: bpy.types.Camera) -> None:
    """Leave a copied camera its keyed focus; its lens is the start's, as the path is measured through that."""
    kept = {curve.data_path for curve in fcurves(data) if curve.data_path.startswith("dof.")}
    if not kept:
        data.animation_data_clear()
        return
    own_action(data)
    remove_curves(data, {curve.data_path for curve in fcurves(data)} - kept)


def _start_notes(source: bpy.types.Object | None, frame: int) -> list[str]:
    """Say what of a moving start the calibrated camera does not follow."""
    if source is None:
        return []
    notes = []
    if {curve.data_path for curve in fcurves(camera_data(source))} & set(LENS):
        notes.append(f"{source.name} zooms: this camera keeps the lens that it has where it starts.")
    above = source.parent
    while above is not None and not fcurves(above) and not above.constraints:
        above = above.parent
    if above is not None:
        notes.append(
            f"{source.name} moves with {above.name}: this camera starts there at frame {frame} and stays apart."
        )
    return notes
