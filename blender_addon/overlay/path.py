"""The calibrated path in the viewport, coloured by its Parallax Number, with the reference's shape as a ghost."""

from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from bpy_extras import view3d_utils
from mathutils import Quaternion

from parascale.blender.keyframes import GAIN, PARALLAX_NUMBER, curve_of, fcurves, key_points
from parascale.blender.untyped import camera_data, untyped
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.types import Array

from ..scene.measured import measured_points
from ..scene.reference_camera import shot_of_reference
from ..scene.report import report_of_camera
from ..settings import settings_of_object, settings_of_scene

# Five colours of Viridis, dark to bright, which readers with colour blindness tell apart.
RAMP = np.array(
    [[0.267, 0.005, 0.329], [0.230, 0.322, 0.546], [0.128, 0.567, 0.551], [0.369, 0.789, 0.383], [0.993, 0.906, 0.144]]
)
UNSEEN = (1.0, 0.2, 0.15)  # no surface in view: there is no P
QUIET = (0.55, 0.55, 0.55)  # under the reference's noise floor
GHOST = (1.0, 1.0, 1.0, 0.35)

LEGEND_SIZE = (160, 10)

MEASURED = (0.1, 0.9, 1.0, 0.9)
# The reference's subject, and the target's.
SUBJECTS = {"reference": (1.0, 1.0, 1.0, 0.9), "target": (1.0, 0.55, 0.1, 0.95)}


@dataclass(frozen=True)
class PathDrawing:
    """What the overlay shows of a camera: positions in the world, colours, and the ends of the legend."""

    path: Array  # (T, 3)
    colours: Array  # (T, 4)
    # The reference's own shape from the same start (T, 3), with one gain for all frames; empty where it is gone.
    ghost: Array
    low: float
    high: float


_cache: dict[str, tuple[str, PathDrawing]] = {}


def forget() -> None:
    """Forget what was laid out."""
    _cache.clear()


def layout_path(camera: bpy.types.Object) -> PathDrawing | None:
    """Lay out what is shown of a calibrated camera; None where it has no keys."""
    frames, location = _channels(camera, "location", 3)
    if len(frames) < 2:
        return None
    anchor = np.array(camera.parent.matrix_world @ camera.matrix_parent_inverse) if camera.parent else np.eye(4)
    path = location @ anchor[:3, :3].T + anchor[:3, 3]
    p = stepwise(camera, PARALLAX_NUMBER, frames)
    known = p[np.isfinite(p) & (p > 0)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    reference = settings_of_object(camera).reference
    floor, ghost = 0.0, np.empty((0, 3))
    # The ghost is left out where the reference is gone or broken: Rebuild says so.
    with suppress(InputError):
        if reference is not None:
            shot = shot_of_reference(reference)
            floor, ghost = shot.noise_floor, _ghost(shot, path, camera, frames, anchor)
    return PathDrawing(path, _colours(p, low, high, floor), ghost, low, high)


def ramp(share: Array) -> Array:
    """Colours (N, 3) of shares 0 .. 1."""
    places = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(share, places, RAMP[:, channel]) for channel in range(3)], axis=1)


def _colours(p: Array, low: float, high: float, floor: float) -> Array:
    # A steady move has one colour: rounding must not spread over the ramp.
    span = max(np.log(high / low), 0.05) if low > 0 else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.log(p / low) / span if low > 0 else np.zeros_like(p), 0, 1)
    colours = ramp(np.nan_to_num(share))
    colours[p <= floor] = QUIET
    colours[np.isnan(p)] = UNSEEN
    return np.column_stack([colours, np.ones(len(p))])


def _ghost(shot: Shot, path: Array, camera: bpy.types.Object, frames: Array, anchor: Array) -> Array:
    """Give the reference's centres from the start of the path, by the median gain."""
    gain = stepwise(camera, GAIN, frames)
    known = gain[np.isfinite(gain) & (gain > 0)]
    _, quaternions = _channels(camera, "rotation_quaternion", 4)
    if not len(known) or not len(quaternions):
        return np.empty((0, 3))
    # Both first cameras look the same way: the path's own first rotation carries the reference over.
    first = np.array(Quaternion(quaternions[0].tolist()).to_matrix())
    turned = anchor[:3, :3] @ first @ np.diag([1.0, -1.0, -1.0]) @ shot.trajectory.rotations[0].T
    steps = (shot.trajectory.centres - shot.trajectory.centres[0]) * float(np.median(known))
    return np.asarray(path[0] + steps @ turned.T)


def _channels(camera: bpy.types.Object, path: str, count: int) -> tuple[Array, Array]:
    """Read the keyed channels of a path: frames (T,) and values (T, count); empty where one is not keyed."""
    columns = {curve.array_index: key_points(curve) for curve in fcurves(camera) if curve.data_path == path}
    if len(columns) != count:
        return np.empty(0), np.empty((0, count))
    return columns[0][:, 0], np.stack([columns[index][:, 1] for index in range(count)], axis=1)


def stepwise(camera: bpy.types.Object, name: str, frames: Array) -> Array:
    """Values of a property at the frames that have a key, the last step's at the last frame; NaN elsewhere."""
    values = np.full(len(frames), np.nan)
    curve = curve_of(camera, name)
    if curve is not None:
        points = key_points(curve)
        values[np.minimum(np.searchsorted(frames, points[:, 0]), len(frames) - 1)] = points[:, 1]
        values[-1] = values[-2]
    return values


def _current() -> PathDrawing | None:
    scene = cast("bpy.types.Scene", bpy.context.scene)
    state = settings_of_scene(scene)
    camera = state.camera
    if not state.show_overlay or camera is None or camera.name not in scene.objects:
        return None
    space = bpy.context.space_data
    if not isinstance(space, bpy.types.SpaceView3D) or space.overlay is None or not space.overlay.show_overlays:
        return None
    if space.region_3d is not None and space.region_3d.view_perspective == "CAMERA" and scene.camera == camera:
        return None
    ours = settings_of_object(camera)
    anchor = [f"{value:.6g}" for value in np.array(camera.parent.matrix_world).flat] if camera.parent else []
    # The report changes with every build, drafts included.
    key = "|".join([ours.inputs, ours.report, *anchor])
    kept = _cache.get(camera.name)
    if kept is None or kept[0] != key:
        drawing = layout_path(camera)
        if drawing is None:
            return None
        kept = _cache[camera.name] = key, drawing
    return kept[1]


def draw_path() -> None:
    """Draw the path and the reference's shape."""
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


def draw_legend() -> None:
    """Draw what the colours of the path mean."""
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


def draw_measured() -> None:
    """Draw the points that were measured last."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    scene = cast("bpy.types.Scene", bpy.context.scene)
    points = measured_points(scene)
    if not settings_of_scene(scene).show_measured or not len(points):
        return
    # A little nearer than the surface they lie on, which would hide half of each.
    eye = np.array(gpu.matrix.get_model_view_matrix().inverted().translation)
    points = points + 0.01 * (eye - points)
    shader = gpu.shader.from_builtin("POINT_UNIFORM_COLOR")
    shader.uniform_float("color", MEASURED)
    gpu.state.point_size_set(5.0)
    gpu.state.depth_test_set("LESS_EQUAL")
    batch_for_shader(shader, "POINTS", {"pos": points.tolist()}).draw(shader)
    gpu.state.depth_test_set("NONE")
    gpu.state.point_size_set(1.0)


def subject_tracks(camera: bpy.types.Object) -> dict[str, list[Array]]:
    """Return where the subjects of both sides stand, each (T, 2) in frame widths from the middle, y down, or NaN."""
    report = report_of_camera(camera)
    tracks = report.get("subjects", {}) if report is not None else {}
    return {
        side: [np.array([[np.nan, np.nan] if row is None else row for row in track], float) for track in found]
        for side, found in tracks.items()
    }


def camera_frame(camera: bpy.types.Object) -> Array | None:
    """Return the corners (4, 2) of a camera's frame in pixels of the region that looks through it, else None."""
    scene, region, space = bpy.context.scene, bpy.context.region, bpy.context.space_data
    if scene is None or region is None or not isinstance(space, bpy.types.SpaceView3D) or space.region_3d is None:
        return None
    if space.region_3d.view_perspective != "CAMERA" or scene.camera != camera:
        return None
    corners = [camera.matrix_world @ corner for corner in camera_data(camera).view_frame(scene=scene)]
    seen = [view3d_utils.location_3d_to_region_2d(region, space.region_3d, corner) for corner in corners]
    return None if any(place is None for place in seen) else np.array([[*untyped(place)] for place in seen])


def draw_subjects() -> None:
    """Draw where both subjects stand in the picture."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    scene = cast("bpy.types.Scene", bpy.context.scene)
    state = settings_of_scene(scene)
    if not state.show_overlay or state.camera is None:
        return
    frame = camera_frame(state.camera)
    tracks = subject_tracks(state.camera) if frame is not None else {}
    if frame is None or not tracks:
        return
    middle, width = frame.mean(axis=0), float(np.ptp(frame[:, 0]))
    now = scene.frame_current - settings_of_object(state.camera).calibration.frame_start
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    for side, colour in SUBJECTS.items():
        for track in tracks.get(side, ()):
            places = middle + track * [width, -width]
            shader.uniform_float("color", colour)
            known = places[np.isfinite(places[:, 0])]
            if len(known) > 1:
                batch_for_shader(shader, "LINE_STRIP", {"pos": known.tolist()}).draw(shader)
            if 0 <= now < len(places) and np.isfinite(places[now, 0]):
                around = places[now] + 7 * np.array([[-1, 0], [0, 1], [1, 0], [0, -1], [-1, 0]])
                batch_for_shader(shader, "LINE_STRIP", {"pos": around.tolist()}).draw(shader)
    gpu.state.blend_set("NONE")
