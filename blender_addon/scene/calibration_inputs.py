"""The inputs of a calibration: the reference in the scene's timing, the depth of the target, the start, the options."""

import dataclasses
from dataclasses import dataclass

import bpy
import numpy as np

from parascale import retime
from parascale.blender.camera import view_of_camera
from parascale.blender.depth import SceneDepth, clip_range, hit_points
from parascale.blender.focus import depth_of_object, focus_of_camera, place_depth, subject_depth
from parascale.blender.scene_state import at_frame, frame_rate, metres_per_unit, require_plain_time
from parascale.camera import View
from parascale.errors import InputError
from parascale.parallax.calibrate import Calibration, calibrate
from parascale.parallax.composition import TargetFacts
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.methods import METHODS
from parascale.parallax.settings import Settings
from parascale.parallax.shot import Shot
from parascale.types import Array, CancelCheck, Progress

from ..settings import STRENGTH, TIME, CalibrationSettings, settings_of_object, settings_of_scene
from .curves import curve_of
from .measured import note_measured
from .objects import depth_of_field, reference_of_camera, scene_camera
from .reference_camera import read_points, shot_of_reference, world_of_shot
from .retiming import Retiming, retiming_of
from .start import Start, anchor_view
from .subjects import marked_subject, subject_points

WORLD_UP = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class CalibrationInputs:
    """All that a calibration is made from."""

    # The reference in the scene's timing, its depth by the chosen statistic.
    shot: Shot
    # The scene's geometry; the target's depth by the chosen statistic is the same where that is the whole frame.
    surroundings: SceneDepth
    target: DepthSource
    # Where the path starts.
    anchor: View
    options: Settings
    metres_per_unit: float | None
    facts: TargetFacts

    def calibrate(self, progress: Progress | None = None, cancelled: CancelCheck | None = None) -> Calibration:
        """Calibrate by them (see `parascale.parallax.calibrate.calibrate`)."""
        return calibrate(
            self.shot,
            self.target,
            self.anchor,
            self.options,
            unit="m" if self.metres_per_unit == 1.0 else "arbitrary",
            metres_per_unit=self.metres_per_unit,
            facts=self.facts,
            progress=progress,
            cancelled=cancelled,
        )


def gather_inputs(
    scene: bpy.types.Scene,
    reference: bpy.types.Object,
    settings: CalibrationSettings,
    start: Start,
    camera: bpy.types.Object | None = None,
    surroundings: SceneDepth | None = None,
    retiming: Retiming | None = None,
) -> CalibrationInputs:
    """Gather the inputs of a calibration.

    The calibrated camera, whose clip range and curves of time and strength count, is None before there is one; so are
    surroundings that were not gathered before. The focus of the start's source counts. A retiming, where one is given,
    takes the place of the settings' own.
    """
    require_plain_time(scene)
    shot = prepare_reference(scene, reference, settings, camera, retiming)
    strength: float | Array = settings.strength
    clip = start.clip
    if camera is not None:
        frames = settings.frame_start + np.arange(len(shot), dtype=np.float64)
        clip = clip_range(scene, camera, frames)
        strength = float(camera.get(STRENGTH, 1.0))
        curve = curve_of(camera, STRENGTH)
        if curve is not None:
            # A curve may swing below 0 between its keys.
            strength = np.array([max(curve.evaluate(frame), 0.0) for frame in frames[:-1].tolist()])
    options = Settings(
        method=settings.method,
        strength=strength,
        smooth=settings.smooth,
        lens=settings.lens,
        max_gain_change=settings.max_gain_change or None,
        max_gain_step=settings.max_gain_step or None,
        max_jump=settings.max_jump or None,
        framing=settings.framing,
        horizon=settings.horizon,
        clearance=None if settings.keep_clear else 0.0,
        anchor_frame=anchor_frame(settings, len(shot)),
    )
    if surroundings is None:
        surroundings = gather_scene(scene, settings, len(shot))
    surroundings.clip = clip
    target = target_depth(scene, surroundings, settings, start.source)
    facts = TargetFacts(WORLD_UP, subject_points(settings), surroundings)
    return CalibrationInputs(shot, surroundings, target, start.view, options, metres_per_unit(scene), facts)


def inputs_of_camera(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    surroundings: SceneDepth | None = None,
    retiming: Retiming | None = None,
) -> CalibrationInputs:
    """Gather the inputs to calibrate a camera of ours again, from its anchor as it is now (see `gather_inputs`)."""
    settings = settings_of_object(camera).calibration
    start = Start(anchor_view(scene, camera), camera, clip_range(scene, camera))
    return gather_inputs(scene, reference_of_camera(camera), settings, start, camera, surroundings, retiming)


def prepare_reference(
    scene: bpy.types.Scene,
    reference: bpy.types.Object,
    settings: CalibrationSettings,
    camera: bpy.types.Object | None = None,
    retiming: Retiming | None = None,
) -> Shot:
    """Return the reference with its depth by the chosen statistic, one frame a frame of the scene."""
    shot = shot_of_reference(reference)
    if settings.reference_subject is not None:
        shot = dataclasses.replace(shot, subjects=(marked_subject(shot, settings.reference_subject),))
    depth = _reference_depth(shot, reference, settings)
    if depth is not None:
        # The felt parallax it holds is that of the whole frame.
        shot = dataclasses.replace(shot, median_depth=depth, felt_parallax=None)
    if METHODS[settings.method].needs_reference_depth and np.isnan(shot.median_depth).all():
        raise InputError(f"the reference {shot.name} knows no depth: import it again with a Median Depth")
    return _retime(scene, shot, settings, camera, retiming or retiming_of(settings))


def target_depth(
    scene: bpy.types.Scene,
    surroundings: SceneDepth,
    settings: CalibrationSettings,
    focus_camera: bpy.types.Object | None,
) -> DepthSource:
    """Return the target's depth by the chosen statistic."""
    if settings.statistic == "SURFACE":
        if settings.target_place is None:
            raise InputError("no surface of the target is picked: press Pick, under Target")
        with at_frame(scene) as go_to:
            go_to(settings.frame_start)
            return depth_of_object(scene, settings.target_place)
    if settings.statistic == "FOCUS":
        if focus_camera is None:
            raise InputError("the viewport has no focus: start from the scene camera, or measure the whole frame")
        with at_frame(scene) as go_to:
            go_to(settings.frame_start)
            return focus_of_camera(scene, focus_camera)
    return surroundings


def gather_scene(scene: bpy.types.Scene, settings: CalibrationSettings, count: int) -> SceneDepth:
    """Gather the scene's geometry for a move of so many frames."""
    subject = settings.subject_objects if settings.statistic == "OBJECTS" else None
    if subject == []:
        raise InputError("no subject is chosen: select objects and press Use Selected, under Target")
    return SceneDepth(scene, frames=settings.frame_start + np.arange(count, dtype=np.float64), subject=subject)


def anchor_frame(settings: CalibrationSettings, count: int) -> int:
    """Which of so many frames of the move the anchor stands for."""
    named = {"FIRST": 0, "MIDDLE": (count - 1) // 2, "LAST": count - 1}
    return named.get(settings.match_at, min(max(settings.match_frame - settings.frame_start, 0), count - 1))


def measure_target(scene: bpy.types.Scene) -> tuple[float, float, float, float]:
    """Measure the target through the scene camera, at the current frame, and note that on the scene.

    Returns depth at 10, 50 and 90 % of what shows a surface, and the share of the picture that does.
    """
    state = settings_of_scene(scene)
    camera = scene_camera(scene)
    view = view_of_camera(scene, camera)
    surroundings = gather_scene(scene, state.current, 1)
    surroundings.clip = clip_range(scene, camera)
    depth = target_depth(scene, surroundings, state.current, camera)
    samples = depth(view.camera_to_world, view.intrinsics, view.size, 0)
    seen = samples.depth[samples.hit]
    if not len(seen):
        raise InputError("the scene camera sees no surface: point it at the target")
    note_measured(scene, hit_points(samples, view.camera_to_world, view.intrinsics))
    near, median, far = np.quantile(seen, [0.1, 0.5, 0.9]).tolist()
    state.measured_near, state.measured_depth, state.measured_far = near, median, far
    state.measured_cover = len(seen) / len(samples.hit)
    return near, median, far, state.measured_cover


def _retime(
    scene: bpy.types.Scene,
    shot: Shot,
    settings: CalibrationSettings,
    camera: bpy.types.Object | None,
    retiming: Retiming,
) -> Shot:
    rate = frame_rate(scene)
    curve = None if camera is None else curve_of(camera, TIME)
    if curve is not None and len(curve.keyframe_points):
        last = round(curve.keyframe_points[-1].co.x)
        count = max(2, last - settings.frame_start + 1)
        frames = settings.frame_start + np.arange(count)
        values = np.clip([curve.evaluate(float(frame)) for frame in frames], 0, 1)
        return retime.ease(shot, np.stack([np.linspace(0, 1, count), values], axis=1), count, rate)
    if retiming.mode != "NONE":
        return retiming.apply(shot, rate)
    return retime.match_rate(shot, rate) if settings.timing == "SECONDS" else shot


def _reference_depth(shot: Shot, reference: bpy.types.Object, settings: CalibrationSettings) -> Array | None:
    """Return the reference's depth by the chosen statistic, (T,); None where that is the whole frame's."""
    if settings.statistic == "OBJECTS":
        points = settings_of_object(reference).points
        if points is None:
            raise InputError(
                f"the reference {shot.name} has no points to take a subject from: solve it from its clip, or measure "
                "the whole frame"
            )
        left, top, right, bottom = settings.reference_box
        return subject_depth(shot.trajectory, read_points(points), (left, top, right, bottom))
    if settings.statistic == "FOCUS":
        focus = depth_of_field(reference)
        if focus.focus_object is None:
            return np.full(len(shot), float(focus.focus_distance))
        return _depth_of_mark(shot, focus.focus_object)
    if settings.statistic == "SURFACE":
        if settings.reference_place is None:
            raise InputError("no point of the reference is picked: press Pick, under Target")
        return _depth_of_mark(shot, settings.reference_place)
    return None


def _depth_of_mark(shot: Shot, mark: bpy.types.Object) -> Array:
    """z-depth of an object among the points of a reference, (T,)."""
    point = np.append(np.array(mark.matrix_world.translation, np.float64), 1.0)
    return place_depth(shot.trajectory, (np.linalg.inv(world_of_shot(shot)) @ point)[:3])
