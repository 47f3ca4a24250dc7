"""The calibrated path in the viewport, coloured by its Parallax Number, with the reference's shape as a ghost."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from parascale.blender.keyframes import GAIN, PARALLAX_NUMBER, fcurves
from parascale.errors import InputError
from parascale.types import Array

from .scene.reference_camera import shot_of_reference
from .settings import settings_of_object, settings_of_scene

# Viridis at five places, dark to bright: read alike by all eyes.
RAMP = np.array(
    [[0.267, 0.005, 0.329], [0.230, 0.322, 0.546], [0.128, 0.567, 0.551], [0.369, 0.789, 0.383], [0.993, 0.906, 0.144]]
)
UNSEEN = (1.0, 0.2, 0.15)  # no surface in view: there is no P
QUIET = (0.55, 0.55, 0.55)  # under the reference's noise floor
GHOST = (1.0, 1.0, 1.0, 0.35)

LEGEND_SIZE = (160, 10)


@dataclass(frozen=True)
class Drawn:
    """What the overlay shows of a camera.

    Attributes
    ----------
    path : (T, 3) float64
        World positions.
    colours : (T, 4) float64
    ghost : (T, 3) float64
        The reference's own shape from the same start, with one gain for all frames; empty where it is gone.
    low, high : float
        Ends of the legend.
    """

    path: Array
    colours: Array
    ghost: Array
    low: float
    high: float


_handles: list[Any] = []
_drawn: dict[str, tuple[str, Drawn]] = {}


def start() -> None:
    """Begin to draw."""
    draw = bpy.types.SpaceView3D.draw_handler_add
    _handles.extend([draw(_draw_path, (), "WINDOW", "POST_VIEW"), draw(_draw_legend, (), "WINDOW", "POST_PIXEL")])


def stop() -> None:
    """Undo `start`."""
    for handle in _handles:
        bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
    _handles.clear()
    _drawn.clear()


def drawn(camera: bpy.types.Object) -> Drawn | None:
    """Lay out what is shown of a calibrated camera; None where it has no keys."""
    frames, location = _location(camera)
    if len(frames) < 2:
        return None
    anchor = np.array(camera.parent.matrix_world @ camera.matrix_parent_inverse) if camera.parent else np.eye(4)
    path = location @ anchor[:3, :3].T + anchor[:3, 3]
    p = _stepwise(camera, PARALLAX_NUMBER, frames)
    known = p[np.isfinite(p) & (p > 0)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    shot = _shot(camera)
    floor = shot.noise_floor if shot is not None else 0.0
    colours = _colours(p, low, high, floor)
    ghost = np.empty((0, 3))
    if shot is not None:
        ghost = _ghost(shot, path, _stepwise(camera, GAIN, frames), camera, anchor)
    return Drawn(path, colours, ghost, low, high)


def ramp(share: Array) -> Array:
    """Colours (N, 3) of shares 0 .. 1."""
    places = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(share, places, RAMP[:, channel]) for channel in range(3)], axis=1)


def _colours(p: Array, low: float, high: float, floor: float) -> Array:
    # Rounding is not to be shown in all colours: a steady move has one.
    span = max(np.log(high / low), 0.05) if low > 0 else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.log(p / low) / span if low > 0 else np.zeros_like(p), 0, 1)
    colours = ramp(np.nan_to_num(share))
    colours[p <= floor] = QUIET
    colours[np.isnan(p)] = UNSEEN
    return np.column_stack([colours, np.ones(len(p))])


def _ghost(shot: Any, path: Array, gain: Array, camera: bpy.types.Object, anchor: Array) -> Array:
    """Give the reference's centres from the start of the path, by the median gain."""
    known = gain[np.isfinite(gain) & (gain > 0)]
    if not len(known):
        return np.empty((0, 3))
    # Both first cameras look the same way: the path's own first rotation carries the reference over.
    first = np.array([_value(camera, "rotation_quaternion", index) for index in range(4)])
    turned = anchor[:3, :3] @ _matrix(first) @ np.diag([1.0, -1.0, -1.0]) @ shot.trajectory.rotations[0].T
    steps = (shot.trajectory.centres - shot.trajectory.centres[0]) * float(np.median(known))
    return np.asarray(path[0] + steps @ turned.T)


def _matrix(quaternion: Array) -> Array:
    from mathutils import Quaternion

    return np.array(Quaternion(quaternion.tolist()).to_matrix())


def _value(camera: bpy.types.Object, path: str, index: int) -> float:
    for curve in fcurves(camera):
        if curve.data_path == path and curve.array_index == index and len(curve.keyframe_points):
            return float(curve.keyframe_points[0].co.y)
    return 1.0 if index == 0 else 0.0


def _location(camera: bpy.types.Object) -> tuple[Array, Array]:
    columns = {curve.array_index: _points(curve) for curve in fcurves(camera) if curve.data_path == "location"}
    if len(columns) != 3:
        return np.empty(0), np.empty((0, 3))
    return columns[0][:, 0], np.stack([columns[index][:, 1] for index in range(3)], axis=1)


def _stepwise(camera: bpy.types.Object, name: str, frames: Array) -> Array:
    """Values of a property at the frames that have a key, the last step's at the last frame; NaN elsewhere."""
    values = np.full(len(frames), np.nan)
    for curve in fcurves(camera):
        if curve.data_path == f'["{name}"]':
            points = _points(curve)
            found = np.searchsorted(frames, points[:, 0])
            values[np.minimum(found, len(frames) - 1)] = points[:, 1]
            values[-1] = values[-2]
    return values


def _points(curve: bpy.types.FCurve) -> Array:
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2).astype(np.float64)


def _shot(camera: bpy.types.Object) -> Any:
    shown = settings_of_object(camera).reference
    try:
        return None if shown is None else shot_of_reference(shown)
    except InputError:
        return None


def _current() -> Drawn | None:
    scene: Any = bpy.context.scene
    state = settings_of_scene(scene)
    camera = state.camera
    if not state.show_overlay or camera is None or camera.name not in scene.objects:
        return None
    space: Any = bpy.context.space_data
    if not space.overlay.show_overlays or (space.region_3d.view_perspective == "CAMERA" and scene.camera == camera):
        return None
    ours = settings_of_object(camera)
    anchor = [f"{value:.6g}" for value in np.array(camera.parent.matrix_world).flat] if camera.parent else []
    # The report changes with every build, drafts included.
    key = "|".join([ours.inputs, ours.report, *anchor])
    kept = _drawn.get(camera.name)
    if kept is None or kept[0] != key:
        found = drawn(camera)
        if found is None:
            return None
        kept = _drawn[camera.name] = key, found
    return kept[1]


def _draw_path() -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    shown = _current()
    if shown is None:
        return
    shader = gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR")
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("LESS_EQUAL")
    lines = ((shown.ghost, np.tile(GHOST, (len(shown.ghost), 1)), 1.0), (shown.path, shown.colours, 3.0))
    for places, colours, width in lines:
        if len(places) > 1:
            shader.uniform_float("lineWidth", width)
            content = {"pos": places.tolist(), "color": colours.tolist()}
            batch_for_shader(shader, "LINE_STRIP", content).draw(shader)
    gpu.state.depth_test_set("NONE")
    gpu.state.blend_set("NONE")


def _draw_legend() -> None:
    import blf
    import gpu
    from gpu_extras.batch import batch_for_shader

    shown = _current()
    if shown is None or shown.high <= 0:
        return
    scale: float = bpy.context.preferences.system.ui_scale  # type: ignore[union-attr]  # there always is
    width, height = (side * scale for side in LEGEND_SIZE)
    # Above the panel in the corner that adjusts the last operation.
    left, bottom = 24 * scale, 72 * scale
    share = np.linspace(0, 1, 33)
    x = np.repeat(left + width * share, 2)
    y = np.tile([bottom, bottom + height], len(share))
    colours = np.column_stack([np.repeat(ramp(share), 2, axis=0), np.ones(len(x))])
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    content = {"pos": np.stack([x, y, np.zeros_like(x)], axis=1).tolist(), "color": colours.tolist()}
    batch_for_shader(shader, "TRI_STRIP", content).draw(shader)
    blf.size(0, 12 * scale)
    blf.color(0, 1, 1, 1, 1)
    texts = ((f"{shown.low:.3g}", left), (f"{shown.high:.3g}", left + width - 30 * scale))
    for text, place in (*texts, ("Parallax Number per frame", left)):
        above = text.startswith("Parallax")
        blf.position(0, place, bottom + (height + 6 * scale if above else -16 * scale), 0)
        blf.draw(0, text)
