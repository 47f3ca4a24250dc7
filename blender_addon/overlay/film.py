"""The reference's film over or beside the calibrated camera's view, in step with it, and P of both as moving dots."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import bpy
import numpy as np

from parascale.blender.keyframes import PARALLAX_NUMBER, curve_of, key_points
from parascale.blender.untyped import image_size
from parascale.types import Array

from ..scene.report import report_of_camera
from ..settings import SceneSettings, settings_of_object, settings_of_scene
from .path import SUBJECTS, camera_frame

# Of the film beside the view, at a scale of 1: its largest width, its place from the top left, and the plot below it.
WIDTH, MARGIN, TOP, PLOT_HEIGHT = 320, 60, 96, 56
# Of the logarithm of P: a steady move's plot stays flat.
LEAST_SPAN = 0.2

# The film's texture: of which image, whose name another file may use for another, of which of its frames.
_texture: tuple[int, int, object] | None = None


@dataclass(frozen=True)
class Comparison:
    """What is shown of a frame: where the film is, and ln P of both sides over the move, NaN where it is not known.

    Attributes
    ----------
    clip_frame : int or None
        Frame of the film, counted from 0; None where the move has none.
    now : int
        Frame of the move, counted from 0.
    reference, camera : (T,) float64
    """

    clip_frame: int | None
    now: int
    reference: Array
    camera: Array


def forget() -> None:
    """Forget the film's texture."""
    global _texture  # noqa: PLW0603 - one film is shown at a time
    _texture = None
    _film_shader.cache_clear()


def compare_at(scene: bpy.types.Scene, camera: bpy.types.Object) -> Comparison | None:
    """Find what is shown at the scene's current frame; None outside of the move, or where it was never built."""
    report = report_of_camera(camera)
    frames = report.get("clip_frames", []) if report is not None else []
    start = settings_of_object(camera).calibration.frame_start
    now = scene.frame_current - start
    if report is None or not 0 <= now < len(frames):
        return None
    curve = curve_of(camera, PARALLAX_NUMBER)
    here = np.full(len(frames), np.nan)
    if curve is not None:
        points = key_points(curve)
        places = np.rint(points[:, 0] - start).astype(int)
        inside = (places >= 0) & (places < len(frames))
        here[places[inside]] = points[inside, 1]
    asked = np.array([np.nan if p is None else p for p in report.get("reference_parallax", [])], np.float64)
    there = np.full(len(frames), np.nan)
    there[: min(len(asked), len(there))] = asked[: len(there)]
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = [np.where(side > 0, np.log(side), np.nan) for side in (there, here)]
    return Comparison(frames[now], now, *sides)


def draw_film() -> None:
    """Draw the film and the plot, where the panel says so."""
    scene = cast("bpy.types.Scene", bpy.context.scene)
    state, region = settings_of_scene(scene), bpy.context.region
    space = bpy.context.space_data
    camera = state.camera
    if state.side_by_side == "OFF" or camera is None or region is None:
        return
    if not isinstance(space, bpy.types.SpaceView3D) or space.overlay is None or not space.overlay.show_overlays:
        return
    shown = compare_at(scene, camera)
    if shown is None:
        return
    scale: float = bpy.context.preferences.system.ui_scale  # type: ignore[union-attr]  # there always is
    width = min(WIDTH * scale, 0.4 * region.width)
    left, top = MARGIN * scale, region.height - TOP * scale
    bottom = _draw_picture(state, camera, shown, (left, top, width))
    _draw_plot(shown, (left, bottom - (PLOT_HEIGHT + 6) * scale, width, PLOT_HEIGHT * scale), scale)


def _draw_picture(
    state: SceneSettings, camera: bpy.types.Object, shown: Comparison, corner: tuple[float, float, float]
) -> float:
    """Draw the film's frame over the camera's, or below a corner (left, top, width); return where the plot begins."""
    left, top, width = corner
    reference = settings_of_object(camera).reference
    image = settings_of_object(reference).film if reference is not None else None
    if image is None or shown.clip_frame is None or not all(image_size(image)):
        return top
    over = camera_frame(camera) if state.side_by_side == "OVER" else None
    if over is not None:
        low, high = over.min(axis=0), over.max(axis=0)
        _draw_texture(image, shown.clip_frame, (*low, *(high - low)), state.film_opacity)
        return top
    columns, rows = image_size(image)
    height = width * rows / columns
    opacity = 1.0 if state.side_by_side == "BESIDE" else state.film_opacity
    _draw_texture(image, shown.clip_frame, (left, top - height, width, height), opacity)
    return top - height


def _draw_texture(image: bpy.types.Image, frame: int, box: tuple[float, float, float, float], opacity: float) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    global _texture  # noqa: PLW0603
    if _texture is None or _texture[:2] != (image.session_uid, frame):
        image.gl_free()
        # Frames of a movie are counted from 1.
        image.gl_load(frame=frame + 1)
        _texture = image.session_uid, frame, gpu.texture.from_image(image)
    left, bottom, width, height = box
    corners = [(left, bottom), (left + width, bottom), (left, bottom + height), (left + width, bottom + height)]
    shader = _film_shader()
    gpu.state.blend_set("ALPHA")
    shader.uniform_sampler("image", _texture[2])
    shader.uniform_float("opacity", opacity)
    shader.uniform_float("matrix", gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix())
    content: dict[str, Any] = {"pos": corners, "place": [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]}
    batch_for_shader(shader, "TRI_STRIP", content).draw(shader)
    gpu.state.blend_set("NONE")


@lru_cache(maxsize=1)
def _film_shader() -> Any:
    """Show a texture with an opacity, its colours as they are: Blender's own shader takes them for linear light."""
    import gpu

    told = gpu.types.GPUShaderCreateInfo()
    between = gpu.types.GPUStageInterfaceInfo("parascale_film")
    between.smooth("VEC2", "seen")
    told.push_constant("MAT4", "matrix")
    told.push_constant("FLOAT", "opacity")
    told.sampler(0, "FLOAT_2D", "image")
    told.vertex_in(0, "VEC2", "pos")
    told.vertex_in(1, "VEC2", "place")
    told.vertex_out(between)
    told.fragment_out(0, "VEC4", "colour")
    told.vertex_source("void main() { seen = place; gl_Position = matrix * vec4(pos, 0.0, 1.0); }")
    told.fragment_source("void main() { colour = vec4(texture(image, seen).rgb, opacity); }")
    return gpu.shader.create_from_info(told)


def _draw_plot(shown: Comparison, box: tuple[float, float, float, float], scale: float) -> None:
    import blf
    import gpu
    from gpu_extras.batch import batch_for_shader

    known = np.concatenate([shown.reference, shown.camera])
    known = known[np.isfinite(known)]
    if not len(known):
        return
    left, bottom, width, height = box
    middle, span = (known.max() + known.min()) / 2, max(float(np.ptp(known)), LEAST_SPAN) * 1.2
    x = left + width * np.arange(len(shown.reference)) / max(len(shown.reference) - 1, 1)
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("color", (0.0, 0.0, 0.0, 0.55))
    corners = [(left, bottom), (left + width, bottom), (left, bottom + height), (left + width, bottom + height)]
    batch_for_shader(shader, "TRI_STRIP", {"pos": corners}).draw(shader)
    # Where both agree, the reference's dot is a ring around the camera's.
    for side, values, radius in (("reference", shown.reference, 6), ("target", shown.camera, 4)):
        y = bottom + height * (0.5 + (values - middle) / span)
        seen = np.isfinite(y)
        shader.uniform_float("color", SUBJECTS[side])
        if seen.sum() > 1:
            batch_for_shader(shader, "LINE_STRIP", {"pos": np.stack([x[seen], y[seen]], axis=1).tolist()}).draw(shader)
        if seen[shown.now]:
            around = np.linspace(0, 2 * np.pi, 13)[:, None]
            rim = [x[shown.now], y[shown.now]] + radius * scale * np.hstack([np.cos(around), np.sin(around)])
            middle_of_dot = np.broadcast_to([x[shown.now], y[shown.now]], (12, 2))
            slices = np.stack([middle_of_dot, rim[:-1], rim[1:]], axis=1).reshape(-1, 2)
            batch_for_shader(shader, "TRIS", {"pos": slices.tolist()}).draw(shader)
    gpu.state.blend_set("NONE")
    blf.size(0, 11 * scale)
    for text, side, place in (("P of the reference", "reference", left), ("P here", "target", left + 0.6 * width)):
        blf.color(0, *SUBJECTS[side])
        blf.position(0, place + 4 * scale, bottom + 5 * scale, 0)
        blf.draw(0, text)
