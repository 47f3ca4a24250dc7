"""The calibrated camera, made, rebuilt, drafted and compared: inputs gathered once, calibrated, and written once."""

from dataclasses import replace
from typing import TypedDict, cast

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.depth import ReprojectedDepth, SceneDepth
from parascale.errors import InputError
from parascale.parallax.calibrate import Calibration
from parascale.parallax.methods import METHODS
from parascale.types import Array

from ..settings import STRENGTH, settings_of_object, settings_of_scene
from ..settings.changes import paused
from ..steps import Hooks, Steps, in_thread
from ..stubs import Context
from ..tasks import WRITE
from .calibration_inputs import CalibrationInputs, inputs_of_camera, inputs_of_scene
from .cameras import reason_linked
from .geometry import KeptStrengths
from .keyed_camera import make_camera, refuse_unseen_keys, write_camera
from .prepared_reference import Retiming
from .staleness import fingerprint_camera


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
    yield 0.0, "Gathering the scene"
    # What is changed meanwhile is no setting of the camera, or makes it stale.
    settings = state.current.snapshot()
    inputs = inputs_of_scene(context)
    refuse_unseen_keys(state.current, inputs.start.source)
    result = yield from calibrate_beside(inputs)
    yield WRITE
    camera = make_camera(scene, inputs)
    ours = settings_of_object(camera)
    ours.role = "CAMERA"
    camera[STRENGTH] = inputs.options.strength
    limits = camera.id_properties_ui(STRENGTH)
    assert limits is not None
    limits.update(min=0.0, soft_max=4.0, description="Multiplies the target Parallax Number; may be animated")
    with paused():
        ours.reference = inputs.reference.camera
        ours.calibration.take(settings)
    write_camera(scene, camera, result, inputs)
    scene.camera = state.camera = camera
    return camera


def rebuild_camera(scene: bpy.types.Scene, camera: bpy.types.Object, retiming: Retiming | None = None) -> Steps[None]:
    """Calibrate a camera of ours again, from its anchor as it is now, and refill its keys in place.

    A retiming, where one is given, becomes the camera's own.
    """
    if linked := reason_linked(camera):
        raise InputError(linked)
    yield 0.0, "Gathering the scene"
    before = fingerprint_camera(scene, camera)
    inputs = inputs_of_camera(scene, camera, retiming=retiming)
    refuse_unseen_keys(settings_of_object(camera).calibration, camera)
    result = yield from calibrate_beside(inputs)
    yield WRITE
    # What was changed meanwhile is not in the result.
    now = fingerprint_camera(scene, camera)
    outdated = {name: value for name, value in before.items() if now[name] != value}
    if retiming is not None:
        with paused():
            retiming.store(settings_of_object(camera).calibration)
    write_camera(scene, camera, result, inputs, outdated=outdated)


def rebuild_draft(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    surroundings: SceneDepth,
    every: int,
    kept: KeptStrengths | None = None,
) -> None:
    """Do as `rebuild_camera`, at once, from geometry gathered before, measured every few frames.

    A driven strength plays the scene, frame by frame: it is read again where its fingerprint is another.
    """
    strengths: dict[bytes, Array] = {}
    if kept is not None:
        mark = f"{camera.name_full} {fingerprint_camera(scene, camera)['strength']}"
        strengths = kept.setdefault(mark, {})
        for other in kept.keys() - {mark}:
            del kept[other]
    inputs = inputs_of_camera(scene, camera, surroundings, strengths=strengths)
    refuse_unseen_keys(settings_of_object(camera).calibration, camera)
    if inputs.target.depth is surroundings and surroundings.carriers is None:
        inputs = replace(inputs, target=replace(inputs.target, depth=ReprojectedDepth(surroundings, every)))
    inputs = replace(inputs, options=replace(inputs.options, rounds=1))
    write_camera(scene, camera, inputs.calibrate(), inputs, draft=True)


def compare_methods(scene: bpy.types.Scene, camera: bpy.types.Object) -> Steps[list[MethodResult]]:
    """Calibrate by every method without keying anything; a method that lacks what it needs says so in its own row."""
    yield 0.0, "Gathering the scene"
    inputs = inputs_of_camera(scene, camera)
    rows: list[MethodResult] = []
    for method in METHODS:
        try:
            result = yield from calibrate_beside(replace(inputs, options=replace(inputs.options, method=method)))
        except InputError as error:
            rows.append({"method": method, "pce": None, "reason": str(error)})
            continue
        report = result.report.as_json()
        kept = ("pce", "felt_error", "largest_jump", "subject_drift", "loop_closure")
        rows.append(cast("MethodResult", {"method": method} | {name: report[name] for name in kept}))
    return rows


def calibrate_beside(inputs: CalibrationInputs) -> Steps[Calibration]:
    """Calibrate by gathered inputs on a thread, which asks the main one for what it sees."""

    def work(hooks: Hooks) -> Calibration:
        facts = replace(inputs.target.facts, surroundings=_OnMain(inputs.surroundings, hooks))
        target = replace(inputs.target, depth=hooks.on_main(inputs.target.depth), facts=facts)
        return replace(inputs, target=target).calibrate(hooks.progress, hooks.cancelled)

    return (yield from in_thread(work))


class _OnMain:
    """Surroundings whose questions are answered on the main thread (see `parascale.parallax.clearance`)."""

    def __init__(self, surroundings: SceneDepth, hooks: Hooks) -> None:
        self.nearest_hit = hooks.on_main(surroundings.nearest_hit)
        self.nearest_point = hooks.on_main(surroundings.nearest_point)
        self.clip_at = hooks.on_main(surroundings.clip_at)

    def nearest_points(self, centres: ArrayLike) -> Array:
        """See `Surroundings`; a frame at a time, between which the main thread does other things."""
        places = np.asarray(centres, np.float64)
        return np.array([self.nearest_point(place, frame) for frame, place in enumerate(places)]).reshape(-1, 3)
