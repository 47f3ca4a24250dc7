"""The inputs of a calibration, gathered from the scene once: the reference, the start, the target, the options."""

from dataclasses import dataclass

import bpy
import numpy as np

from parascale.blender.camera_track import track_place, track_property
from parascale.blender.depth import SceneDepth
from parascale.blender.keyframes import animated_paths
from parascale.blender.scene_state import metres_per_unit, unit_of, view_layer_of
from parascale.blender.surfaces import hidden_from_viewport
from parascale.parallax.calibrate import Calibration, calibrate
from parascale.parallax.composition import SubjectPoint, TargetFacts
from parascale.parallax.residuals import Weights
from parascale.parallax.settings import Settings
from parascale.parallax.target import Target
from parascale.types import Array, CancelCheck, Progress

from ..settings import STRENGTH, settings_of_object, settings_of_scene
from ..settings.calibration import WEIGHTS, CalibrationSettings
from ..stubs import Context
from .cameras import reference_of_camera, reference_of_scene
from .geometry import fingerprint_of
from .measured import target_depth
from .prepared_reference import PreparedReference, Retiming, prepare_reference
from .start import Start, find_start, start_of_camera

WORLD_UP = (0.0, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class CalibrationInputs:
    """All that a calibration is made from."""

    reference: PreparedReference
    start: Start
    target: Target
    # The scene's geometry, which is the target's depth too where that is of the whole frame; its fingerprint; and the
    # names of what renders and is not measured, as the viewport hides it.
    surroundings: SceneDepth
    surfaces: str
    hidden: tuple[str, ...]
    options: Settings

    def calibrate(self, progress: Progress | None = None, cancelled: CancelCheck | None = None) -> Calibration:
        """Calibrate by them (see `parascale.parallax.calibrate.calibrate`)."""
        return calibrate(
            self.reference.shot,
            self.target.depth,
            self.target.anchor,
            self.options,
            unit=self.target.unit,
            metres_per_unit=self.target.metres_per_unit,
            facts=self.target.facts,
            lens=self.start.lens,
            progress=progress,
            cancelled=cancelled,
        )


def inputs_of_scene(context: Context) -> CalibrationInputs:
    """Gather the inputs of a new camera, by the scene's reference, start and settings."""
    scene: bpy.types.Scene = context.scene
    settings = settings_of_scene(scene).current
    reference = prepare_reference(scene, reference_of_scene(scene), settings)
    source = str(reference.shot.provenance.get("source", ""))
    start = find_start(context, reference.frames, reference.anchor_frame, source)
    return _gather(scene, settings, reference, start, settings.strength, None)


def inputs_of_camera(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    surroundings: SceneDepth | None = None,
    retiming: Retiming | None = None,
    strengths: dict[bytes, Array] | None = None,
) -> CalibrationInputs:
    """Gather the inputs to calibrate a camera of ours again, from its anchor as it is now.

    Surroundings that were gathered before are taken as they are. A retiming, where one is given, takes the place of the
    settings' own. Animated strengths that were read before are found by their frames, and kept.
    """
    settings = settings_of_object(camera).calibration
    reference = prepare_reference(scene, reference_of_camera(camera), settings, camera, retiming)
    start = start_of_camera(scene, camera, reference.frames)
    strength: float | Array = float(camera.get(STRENGTH, 1.0))
    if camera.get(STRENGTH) is not None and f'["{STRENGTH}"]' in animated_paths(camera):
        frames, read = reference.frames[:-1], {} if strengths is None else strengths
        if frames.tobytes() not in read:
            read[frames.tobytes()] = track_property(scene, camera, STRENGTH, frames)
        # A curve may swing below 0 between its keys, and a driver may do anything.
        strength = np.maximum(read[frames.tobytes()], 0.0)
    return _gather(scene, settings, reference, start, strength, surroundings)


def _gather(
    scene: bpy.types.Scene,
    settings: CalibrationSettings,
    reference: PreparedReference,
    start: Start,
    strength: float | Array,
    surroundings: SceneDepth | None,
) -> CalibrationInputs:
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
        anchor_frame=reference.anchor_frame,
        solver=settings.solver,
        size=settings.size,
        size_budget=settings.size_budget,
        strength_along=settings.strength_along,
        strength_across=settings.strength_across,
        weights=Weights(**{weight: getattr(settings, name) for name, weight in WEIGHTS.items()}),
    )
    marks = [] if settings.target_subject is None else [settings.target_subject]
    points = [_seen_from(start.carriers, track_place(scene, mark, reference.frames)) for mark in marks]
    if surroundings is None:
        surroundings = SceneDepth(scene, frames=reference.frames, subject=settings.measured_objects())
    surroundings.clip, surroundings.carriers = start.clip, start.carriers
    surfaces = fingerprint_of(scene, surroundings.moving)
    unit, metres, layer = unit_of(scene), metres_per_unit(scene), view_layer_of(scene)
    hidden = tuple(hidden_from_viewport(layer))
    depth = target_depth(scene, surroundings, settings, start.source)
    facts = TargetFacts(WORLD_UP, tuple(points), surroundings)
    target = Target(depth, start.view, unit, metres, facts)
    return CalibrationInputs(reference, start, target, surroundings, surfaces, hidden, options)


def _seen_from(carriers: Array | None, places: Array) -> SubjectPoint:
    """Places (T, 3) of the world in the axes of what carries the camera, (T, 4, 4)."""
    if carriers is None:
        return places
    inverse = np.linalg.inv(carriers)
    return np.asarray(np.einsum("tij,tj->ti", inverse[:, :3, :3], places) + inverse[:, :3, 3])
