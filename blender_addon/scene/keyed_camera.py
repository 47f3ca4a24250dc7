"""A calibrated camera as it is written: made under its anchor, shown by markers, and keyed.

Keyed is its path, and where that is chosen the reference's lens and the focus.
"""

from collections.abc import Mapping

import bpy
import numpy as np
from mathutils import Matrix

from parascale.blender.camera import blender_from_opencv
from parascale.blender.camera_track import rests
from parascale.blender.keyframes import (
    FOCUS_DISTANCE,
    LENS,
    animated_paths,
    driven_paths,
    fill_curve,
    give_back,
    keep_curves,
    key_lens,
    key_trajectory,
    keyed_frames,
    own_action,
    set_aside,
)
from parascale.blender.scene_state import at_frame, depsgraph_of
from parascale.blender.untyped import camera_data, depth_of_field
from parascale.errors import InputError
from parascale.parallax.calibrate import Calibration
from parascale.parallax.shot import Shot
from parascale.parallax.subject import depth_of_point
from parascale.types import Array

from ..settings import settings_of_object
from ..settings.calibration import CalibrationSettings
from .calibration_inputs import CalibrationInputs
from .geometry import keep_geometry
from .markers import show_from, shown_instead
from .objects import link_object, lock
from .report import note_report
from .staleness import note_inputs
from .start import Start


def refuse_unseen_keys(settings: CalibrationSettings, camera: bpy.types.Object | None) -> None:
    """Refuse to key a lens or a focus where that would not be seen, be bent, or be measured by itself.

    Raises
    ------
    InputError
        Where it is driven, the sensor of a lens to key is animated, the camera focuses on an object, or the depth that
        is compared is that of its focus.
    """
    pulls = settings.focus != "OWN"
    if pulls and settings.statistic == "FOCUS":
        raise InputError("Depth Of is the focus, which cannot be keyed by what it measures: set Focus to Own")
    if camera is None:
        return
    data = camera_data(camera)
    focused, driven = depth_of_field(data).focus_object, driven_paths(data)
    sensor = "sensor_height" if data.sensor_fit == "VERTICAL" else "sensor_width"
    if pulls and focused is not None:
        raise InputError(f"{camera.name} focuses on {focused.name}, which hides a keyed distance: set Focus to Own")
    setting = "Lens to Keep" if settings.lens == "copy" else "Subject Size to Free"
    if settings.keys_lens and animated_paths(data) & {sensor, "sensor_fit"}:
        raise InputError(f"the camera's sensor is animated, which bends a keyed lens: remove that, or set {setting}")
    if settings.keys_lens and driven & {*LENS}:
        raise InputError(f"the camera's lens is driven, which hides keys of it: remove the driver, or set {setting}")
    if pulls and FOCUS_DISTANCE in driven:
        raise InputError("the camera's focus is driven, which hides keys of it: remove the driver, or set Focus to Own")


def make_camera(scene: bpy.types.Scene, inputs: CalibrationInputs) -> bpy.types.Object:
    """Make a camera under an anchor, which is where it starts at the first frame and moves with what carries it."""
    start = inputs.start
    name = inputs.reference.shot.name
    data = _make_data(start, f"{name} Camera")
    pose = Matrix(blender_from_opencv(start.view.camera_to_world).tolist())
    camera = bpy.data.objects.new(f"{name} Camera", data)
    anchor = bpy.data.objects.new(f"{name} Anchor", None)
    settings_of_object(anchor).role = "ANCHOR"
    anchor.empty_display_type = "ARROWS"
    anchor.rotation_mode = "QUATERNION"
    anchor.matrix_world = pose
    camera.parent = anchor
    lock(anchor, "scale")
    lock(camera, "location", "rotation", "scale")
    link_object(scene, anchor)
    link_object(scene, camera)
    if start.carriers is not None and start.carrier is not None:
        with at_frame(scene) as go_to:
            go_to(inputs.reference.frames[0])
            anchor.parent = start.carrier
            anchor.matrix_parent_inverse = start.carrier.matrix_world.inverted()
    # Keys are made under the anchor as it is evaluated: its matrix differs in the last digits from what it was given.
    depsgraph_of(scene)
    return camera


def _make_data(start: Start, name: str) -> bpy.types.Camera:
    """Copy the camera that it starts from, with its own zoom and focus; make one like the viewport's without one."""
    if start.source is None:
        viewport = bpy.data.cameras.new(name)
        viewport.lens = start.viewport_lens
        viewport.clip_start, viewport.clip_end = start.clip.tolist()
        return viewport
    data = camera_data(start.source).copy()
    assert data is not None
    give_back(data, settings_of_object(start.source).own_values)
    keep_curves(data, ("dof.", "sensor_width", *LENS))
    data.name = name
    return data


def write_camera(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    result: Calibration,
    inputs: CalibrationInputs,
    *,
    draft: bool = False,
    outdated: Mapping[str, str] | None = None,
) -> None:
    """Refill a camera's keys with a calibrated path, as its settings say, and show it where markers bind cameras.

    Kept on it are the report, and what it was made from, of that what is outdated.
    """
    ours, frames, shot = settings_of_object(camera), inputs.reference.frames, result.shot
    distances, notes = _focus_distances(ours.calibration.focus, result, inputs.reference.shot)
    stay, own = rests(camera), ours.own_values
    data = camera_data(camera)
    focus = depth_of_field(data)
    if distances is not None and not focus.use_dof:
        notes.append(f"The depth of field of {camera.name} is off: its focus is keyed and not seen.")
    with at_frame(scene, stay=stay) as go_to:
        go_to(frames[0])
        before = keyed_frames(camera)
        key_trajectory(camera, shot.trajectory, frames, parallax_number=shot.parallax_number, gain=shot.gain)
    if ours.calibration.keys_lens:
        if ours.own_lens[0] == 0:
            ours.own_lens = data.lens, data.shift_x, data.shift_y
            set_aside(data, LENS)
        key_lens(data, scene, shot.trajectory, frames)
    elif ours.own_lens[0] > 0:
        give_back(data, {path: own[path] for path in LENS})
        ours.own_lens = (0.0, 0.0, 0.0)
    if distances is not None:
        if ours.own_focus == 0:
            ours.own_focus = max(focus.focus_distance, 1e-6)
            set_aside(data, (FOCUS_DISTANCE,))
        own_action(data)
        fill_curve(data, FOCUS_DISTANCE, 0, frames, distances)
        focus.focus_distance = float(distances[0])
    elif ours.own_focus > 0:
        give_back(data, {FOCUS_DISTANCE: own[FOCUS_DISTANCE]})
        ours.own_focus = 0.0
    anchor = camera.parent
    if inputs.surroundings.carriers is not None and anchor is not None and anchor.parent is not None:
        notes.append(f"{anchor.name} moves with {anchor.parent.name}: clear its parent to have the move stay apart.")
    show_from(scene, camera, round(frames[0]), before if ours.inputs else None)
    other = shown_instead(scene, camera, frames)
    if other is not None:
        notes.append(
            f"A marker binds {other[1].name}: from frame {other[0]} playing and rendering the scene show that camera, "
            f"not {camera.name}."
        )
    note_report(camera, result, inputs, notes)
    ours.draft = draft
    note_inputs(scene, camera, inputs, outdated or {})
    keep_geometry(scene, ours.calibration, inputs.surroundings, inputs.surfaces)


def _focus_distances(wanted: str, result: Calibration, reference: Shot) -> tuple[Array | None, list[str]]:
    """Distances (T,) along the optical axis, in units of the scene; None where the camera keeps its own."""
    if wanted == "OWN":
        return None, []
    depth = result.shot.bridged_depth
    if wanted == "REFERENCE":
        share = _subject_share(result, reference)
        if share is None:
            return depth, ["The depth of the reference's subject is not known: the focus follows the measured depth."]
        return depth * share, []
    points = result.subject_points[0] if result.subject_points else None
    if points is None:
        return depth, ["No subject is known in the target: the focus follows the measured depth. Pick one by Framing."]
    return _bridged(depth_of_point(result.shot.trajectory, points)), []


def _subject_share(result: Calibration, reference: Shot) -> Array | None:
    """Depth of the reference's subject over the depth of its whole frame, (T,)."""
    known = result.reference_subjects[0].depth if result.reference_subjects else None
    if known is None or len(known) != len(reference) or not np.isfinite(known).any():
        return None
    return _bridged(np.asarray(known / reference.bridged_depth))


def _bridged(values: Array) -> Array:
    """Positive values with gaps bridged in the logarithm, held at the ends."""
    known = np.flatnonzero(np.isfinite(values) & (values > 0))
    if not len(known):
        return np.ones(len(values))
    return np.asarray(np.exp(np.interp(np.arange(len(values)), known, np.log(values[known]))))
