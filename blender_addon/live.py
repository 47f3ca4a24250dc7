"""Live and stale: a camera that answers while a slider moves, and a tab that says when it no longer follows.

What a camera was made from is noted on it; it is stale where that differs from how things stand. Geometry is gathered
once and kept while the scene's surfaces stay as they are, so that a slider's rebuild falls into its own undo step.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import bpy

from parascale.blender.depth import HELPER, LIVE_GRID, SceneDepth
from parascale.blender.keyframes import fcurves
from parascale.blender.scene_state import frame_rate, view_layer_of
from parascale.errors import InputError

from .settings import SHARED_SETTINGS, STRENGTH, TIME, changes, settings_of_object

# What a slider may take, beyond which Rebuild does the work. It is aimed lower: answers vary by a quarter.
MOST_SECONDS = 0.15
AIMED_AT_SECONDS = 0.12
# Grid of rays, and frames from one look to the next: the first that the budget has time for.
Pace = tuple[tuple[int, int], int]
PACES: tuple[Pace, ...] = ((LIVE_GRID, 1), (LIVE_GRID, 2), (LIVE_GRID, 4), ((24, 14), 4), ((16, 9), 4))

# What a frame of an answer takes beside its look, and what its report looks at again.
_FRAME_SECONDS = 0.0004
_LOOKED_AGAIN = 1.2
_PROBES = 2

_EMPTY_OF_SURFACE = ("CAMERA", "LIGHT", "SPEAKER", "ARMATURE", "LIGHT_PROBE")


@dataclass
class _Kept:
    depth: SceneDepth
    key: str
    # Of one frame of an answer, and of one look through a grid.
    seconds: dict[Pace, float]
    look_seconds: dict[tuple[int, int], float]


_kept: dict[str, _Kept] = {}
_revisions: dict[str, int] = {}
_built_at: dict[str, int] = {}


def on_change(owner: bpy.types.ID) -> None:
    """Answer a changed setting of a calibrated camera, at once where that is quick."""
    scene = bpy.context.scene
    if scene is None or not isinstance(owner, bpy.types.Object):
        return
    objects: Any = scene.objects
    if settings_of_object(owner).role != "CAMERA" or owner.name not in objects:
        return
    from . import calibrated

    try:
        quick = _quick(scene, owner)
        if quick is None:
            return
        kept, pace = quick
        # The thread's own time: what other programs take of the processor says nothing about this scene.
        begin = time.thread_time()
        calibrated.rebuild_draft(scene, owner, kept.depth, every=pace[1])
    except InputError:
        return  # The camera stays stale, and Rebuild says why.
    # Half the old value: one answer that was held up rules out no pace.
    kept.seconds[pace] = (kept.seconds[pace] + (time.thread_time() - begin) / _looks(owner)) / 2


def note_inputs(scene: bpy.types.Scene, camera: bpy.types.Object, depth: SceneDepth) -> None:
    """Note what a camera has just been made from, and keep the geometry for the sliders."""
    settings_of_object(camera).inputs = json.dumps(inputs_of(scene, camera))
    _built_at[camera.name] = _revisions.get(scene.name, 0)
    settings = settings_of_object(camera).calibration
    kept = _kept.get(scene.name)
    if kept is None or kept.depth is not depth:
        _kept.pop(scene.name, None)
        if not depth.animated:
            _kept[scene.name] = _Kept(depth, _geometry_key(scene, settings), {}, {})


def stale_because(scene: bpy.types.Scene, camera: bpy.types.Object) -> str:
    """Say why a calibrated camera no longer follows its inputs; empty where it does."""
    ours = settings_of_object(camera)
    if not ours.inputs:
        return "never built"
    before, now = json.loads(ours.inputs), inputs_of(scene, camera)
    changed = [name for name, value in now.items() if before.get(name) != value]
    if changed:
        return f"{changed[0]} changed"
    revision = _revisions.get(scene.name, 0)
    if _built_at.setdefault(camera.name, revision) != revision:
        return "scene changed"
    return ""


def inputs_of(scene: bpy.types.Scene, camera: bpy.types.Object) -> dict[str, str]:
    """Fingerprint what a camera is made from, part by part."""
    ours = settings_of_object(camera)
    settings = ours.calibration
    values = [_value(getattr(settings, name)) for name in SHARED_SETTINGS if name != "strength"]
    subject = [item.name for item in settings.subject_objects]
    anchor = camera.parent
    data: Any = camera.data
    lens: list[Any] = [data.sensor_fit, data.sensor_width, data.sensor_height]
    lens += [scene.render.resolution_x, scene.render.resolution_y]
    if not ours.own_lens[0]:
        lens += [data.lens, data.shift_x, data.shift_y]
    if settings.statistic == "FOCUS":
        focus = data.dof.focus_object
        lens += [focus.name if focus else data.dof.focus_distance]
    return {
        "settings": _digest([*values, *subject]),
        "surface": _digest(_places(settings)),
        "anchor": _digest(_anchor(anchor)) if anchor else "",
        "lens": _digest([_value(value) for value in lens]),
        "frame rate": f"{frame_rate(scene):.9g}",
        "strength": _digest(_curve(camera, STRENGTH)),
        "time": _digest(_curve(camera, TIME)),
        "reference": ours.reference.name if ours.reference else "",
    }


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def _on_depsgraph(scene: bpy.types.Scene, depsgraph: Any) -> None:
    if any(_touches_surface(update) for update in depsgraph.updates):
        _revisions[scene.name] = _revisions.get(scene.name, 0) + 1
        _kept.pop(scene.name, None)


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
def _forget(*_: object) -> None:
    _kept.clear()
    _built_at.clear()


HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, _on_depsgraph),
    (bpy.app.handlers.undo_post, _forget),
    (bpy.app.handlers.redo_post, _forget),
    (bpy.app.handlers.load_post, _forget),
)


def start() -> None:
    """Begin to watch the scenes and the settings."""
    changes.reactions.append(on_change)
    for handlers, handler in HANDLERS:
        handlers.append(handler)


def stop() -> None:
    """Undo `start`."""
    if on_change in changes.reactions:
        changes.reactions.remove(on_change)
    for handlers, handler in HANDLERS:
        if handler in handlers:
            handlers.remove(handler)
    _forget()


def _quick(scene: bpy.types.Scene, camera: bpy.types.Object) -> tuple[_Kept, Pace] | None:
    """Return the kept geometry, with as many rays as the budget has; None where Rebuild has to do it."""
    kept = _kept.get(scene.name)
    settings = settings_of_object(camera).calibration
    if kept is None or kept.key != _geometry_key(scene, settings):
        return None
    for pace in PACES:
        kept.depth.grid, every = pace
        if pace not in kept.seconds:
            kept.seconds[pace] = _FRAME_SECONDS + _LOOKED_AGAIN * _look_seconds(scene, camera, kept) / every
        most = MOST_SECONDS if pace == PACES[-1] else AIMED_AT_SECONDS
        if _looks(camera) * kept.seconds[pace] <= most:
            return kept, pace
    return None


def _looks(camera: bpy.types.Object) -> int:
    """How often an answer looks at the scene: at least once."""
    from . import calibrated

    settings = settings_of_object(camera).calibration
    frames = max(len(calibrated.frames_of(camera)), settings.retimed_frames if settings.retiming != "NONE" else 1)
    return frames * (4 if settings.smooth > 0 else 1)


def _look_seconds(scene: bpy.types.Scene, camera: bpy.types.Object, kept: _Kept) -> float:
    """Return what a look at the scene takes: the quickest of a few."""
    from . import calibrated

    depth = kept.depth
    if depth.grid not in kept.look_seconds:
        view = calibrated.anchor_view(scene, camera)

        def look() -> float:
            begin = time.thread_time()
            depth(view.camera_to_world, view.intrinsics, view.size, 0)
            return time.thread_time() - begin

        look()  # which lays out the rays
        kept.look_seconds[depth.grid] = min(look() for _ in range(_PROBES))
    return kept.look_seconds[depth.grid]


def _touches_surface(update: Any) -> bool:
    item = update.id
    moved = update.is_updated_geometry or update.is_updated_transform
    return isinstance(item, bpy.types.Object) and moved and _may_show_surface(item)


def _may_show_surface(item: bpy.types.Object) -> bool:
    if item.type in _EMPTY_OF_SURFACE or item.get(HELPER) is not None:
        return False
    return item.type != "EMPTY" or item.instance_type != "NONE"


def _geometry_key(scene: bpy.types.Scene, settings: Any) -> str:
    layer = view_layer_of(scene)
    shown: list[str] = [
        item.name_full for item in layer.objects if _may_show_surface(item) and item.visible_get(view_layer=layer)
    ]
    subject = [item.name_full for item in settings.subject_objects] if settings.statistic == "OBJECTS" else []
    return _digest([*shown, "|", *subject])


def _anchor(anchor: bpy.types.Object) -> list[str]:
    """Where an anchor stands; where that depends on the frame that is shown, what it is moved by."""
    moved_by = [anchor.parent.name if anchor.parent else "", *(item.name for item in anchor.constraints)]
    curves = fcurves(anchor)
    if curves:
        return [*moved_by, *(value for curve in curves for value in _keys(curve))]
    # Made of its own channels: the evaluated matrix differs in its last digits before and after it is evaluated.
    rows: Any = anchor.matrix_basis
    return [*moved_by, *(_value(value) for row in rows for value in row)]


def _places(settings: Any) -> list[str]:
    """Where the surfaces are that count, where they do."""
    marks = (settings.target_place, settings.reference_place) if settings.statistic == "SURFACE" else ()
    return [value for mark in marks if mark is not None for value in (mark.name, *_anchor(mark))]


def _curve(target: bpy.types.Object, name: str) -> list[str]:
    for curve in fcurves(target):
        if curve.data_path == f'["{name}"]':
            return _keys(curve)
    return [_value(target.get(name, 1.0))]


def _keys(curve: bpy.types.FCurve) -> list[str]:
    # Handles count too: they bend the curve between its keys.
    return [_value(value) for point in curve.keyframe_points for value in _corners(point)]


def _corners(point: Any) -> list[float]:
    return [*point.co, *point.handle_left, *point.handle_right]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else str([*value])


def _digest(values: list[str]) -> str:
    return hashlib.sha1("\n".join(values).encode(), usedforsecurity=False).hexdigest()[:12]
