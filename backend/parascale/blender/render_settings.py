"""A scene's render settings, lent: those of a plain picture in the scene's own look, and its own again afterwards."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

import bpy

from parascale.blender.scene_state import unbound_markers, view_layer_of
from parascale.blender.untyped import untyped
from parascale.errors import InputError

# What of a scene's render settings is its look, or its time; all others say what is written, and where.
_LOOK = re.compile(
    r"engine|filter_size|(use_)?motion_blur\w*|hair_\w+|use_high_quality_normals|anisotropic_filter|use_freestyle"
    r"|line_thickness\w*|(use_)?simplify\w*|(use_)?bake_\w+|fps\w*|frame_map_\w+|threads\w*|compositor_\w+"
    r"|use_persistent_data|use_(auto_generate_)?texture_cache|preview_pixel_size|use_lock_interface"
)
_PLAIN_WORKBENCH: dict[str, object] = {
    "light": "STUDIO",
    "studio_light": "paint.sl",
    "show_specular_highlight": False,
    "color_type": "TEXTURE",
    "cavity_type": "BOTH",
    "cavity_ridge_factor": 1.0,
    "cavity_valley_factor": 1.0,
    "curvature_ridge_factor": 0.0,
    "curvature_valley_factor": 0.0,
    "shadow_intensity": 0.5,
    "use_world_space_lighting": False,
    "show_backface_culling": False,
    "show_xray": False,
    "show_object_outline": False,
    "use_dof": False,
}
_DEPTH_CYCLES: dict[str, object] = {
    "samples": 1,
    "use_denoising": False,
    "use_adaptive_sampling": False,
    "pixel_filter_type": "BOX",
    "filter_width": 0.01,
    "max_bounces": 0,
    "sample_clamp_direct": 0.0,
    "film_exposure": 1.0,
    "device": "CPU",
}


@contextmanager
def temporary_render_settings(
    scene: bpy.types.Scene,
    size: tuple[int, int],
    engine: str | None = None,
    antialiasing: str | None = None,
    *,
    renders: bool = True,
) -> Iterator[None]:
    """Give a scene the settings of a plain PNG in its own look, and restore its own afterwards.

    Parameters
    ----------
    scene : bpy.types.Scene
    size : (int, int)
        Width and height in pixels.
    engine : str or None
        See `render.render_still`; Cycles is set up for `render.z_pass`.
    antialiasing : str or None
        See `render.render_clip`; None for a still.
    renders : bool
        Whether it is for a render, which needs a camera, and not for saving one that is there.

    Raises
    ------
    InputError
        Where it is for a render and the scene has no camera.
    """
    if renders and scene.camera is None:
        raise InputError(f"the scene {scene.name!r} has no camera to render from: add one")
    render = untyped(scene.render)
    output = _defaults(render, but=_LOOK) | {
        "resolution_x": size[0],
        "resolution_y": size[1],
        "use_sequencer": False,
        "use_compositing": False,
        # The same picture is the same file.
        "use_stamp_date": False,
        "use_stamp_render_time": False,
        "film_transparent": False,
        "filepath": None,
        "filter_size": None,
        "fps": None,
        "fps_base": None,
    }
    values: list[tuple[object, dict[str, object]]] = [
        (scene, {"frame_start": None, "frame_end": None, "frame_step": None}),
        (render, output | {"engine": engine}),
        (render.ffmpeg, dict.fromkeys(_names(render.ffmpeg, first=("format",)))),
    ]
    # One layer alone: that which is looked at, and measured.
    looked_at = view_layer_of(scene)
    values += [(layer, {"use": layer == looked_at}) for layer in scene.view_layers]
    if engine == "BLENDER_WORKBENCH":
        display = untyped(scene.display)
        # Both cost more than the picture itself: for stills.
        costly = {"show_shadows": antialiasing is None, "show_cavity": antialiasing is None}
        values.append((display, _defaults(display) | {"render_aa": antialiasing or "5"}))
        values.append((display.shading, _PLAIN_WORKBENCH | costly))
    if engine == "CYCLES":
        values.append((untyped(scene).cycles, _DEPTH_CYCLES))
    with ExitStack() as stack:
        stack.enter_context(unbound_markers(scene))
        # Restored last: going back to colours of its own, an output takes them from the scene.
        stack.enter_context(_kept_colours(render.image_settings))
        stack.enter_context(_plain_png(render.image_settings))
        stack.enter_context(_srgb_display(scene))
        for owner, settings in values:
            stack.enter_context(temporary(owner, settings))
        yield


@contextmanager
def temporary(owner: object, settings: dict[str, object]) -> Iterator[None]:
    """Set attributes of an owner, and restore them afterwards; None leaves a value until then."""
    before = {name: getattr(owner, name) for name in settings}
    try:
        for name, value in settings.items():
            if value is not None and value != before[name]:
                setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            if getattr(owner, name) != value:
                setattr(owner, name, value)


def _plain_png(settings: bpy.types.ImageFormatSettings) -> AbstractContextManager[None]:
    # In this order: each decides what the next may be.
    order = ("media_type", "file_format", "color_mode", "color_depth")
    plain = {"media_type": "IMAGE", "file_format": "PNG", "color_mode": "RGB", "color_depth": "8"}
    defaults = _defaults(settings)
    return temporary(settings, {name: plain.get(name, defaults[name]) for name in _names(settings, first=order)})


@contextmanager
def _kept_colours(settings: bpy.types.ImageFormatSettings) -> Iterator[None]:
    """Restore the colour management that an output has of its own."""
    view = untyped(settings.view_settings)
    points = [
        [(tuple(point.location), point.handle_type) for point in curve.points]
        for curve in (view.curve_mapping.curves if view.use_curve_mapping else ())
    ]
    display, linear = untyped(settings.display_settings), untyped(settings.linear_colorspace_settings)
    # In this order: a display decides which views there are, and a view which looks.
    names = _names(view, first=("view_transform", "look", "use_curve_mapping"))
    with (
        temporary(view, dict.fromkeys(names)),
        temporary(display, dict.fromkeys(_names(display))),
        # Empty until first it is used: read before, it is an error on the console.
        temporary(linear, dict.fromkeys(_names(linear) if untyped(settings).has_linear_colorspace else ())),
    ):
        yield
    for curve, kept in zip(view.curve_mapping.curves if points else (), points, strict=True):
        while len(curve.points) > len(kept):
            curve.points.remove(curve.points[-1])
        while len(curve.points) < len(kept):
            curve.points.new(0, 0)
        for point, (place, handle) in zip(curve.points, kept, strict=True):
            point.location, point.handle_type = place, handle
    if points:
        view.curve_mapping.update()


@contextmanager
def _srgb_display(scene: bpy.types.Scene) -> Iterator[None]:
    """Show a scene's look on an sRGB display, where it is set up for another."""
    display, view = untyped(scene.display_settings), untyped(scene.view_settings)
    if display.display_device == "sRGB":
        yield
        return
    shown = view.view_transform, view.look
    with temporary(view, dict.fromkeys(("view_transform", "look"))), temporary(display, {"display_device": None}):
        with suppress(TypeError):  # a colour configuration of the user's own has other names
            display.display_device = "sRGB"
        # A view of a display of more range is that of the same name there: "AgX - HDR 1000 nits".
        for name, value in zip(("view_transform", "look"), shown, strict=True):
            with suppress(TypeError):
                setattr(view, name, value.partition(" - HDR")[0].removesuffix(" - SDR"))
        yield


def _defaults(owner: object, but: re.Pattern[str] | None = None) -> dict[str, object]:
    """Every plain setting of an owner at Blender's default, without those that match."""
    properties = untyped(owner).bl_rna.properties
    return {name: properties[name].default for name in _names(owner) if but is None or not but.fullmatch(name)}


def _names(owner: object, first: Sequence[str] = ()) -> list[str]:
    """Every plain setting of an owner, some of them first."""
    kinds = {"BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"}
    names = [
        item.identifier
        for item in untyped(owner).bl_rna.properties
        if item.type in kinds and not item.is_readonly and not getattr(item, "is_array", False)
    ]
    return sorted(names, key=lambda name: first.index(name) if name in first else len(first))
