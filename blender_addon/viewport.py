"""The picture that a 3D viewport shows through the scene camera."""

from pathlib import Path
from typing import Any

import bpy

from parascale.errors import InputError


def picture(scene: bpy.types.Scene, path: Path, size: tuple[int, int]) -> None:
    """Take a picture through the scene camera as the viewport draws it: its shading, without its overlays.

    Raises
    ------
    InputError
        Where no 3D viewport is open.
    """
    window, area = _viewport()
    space: Any = area.spaces.active
    render: Any = scene.render
    kept = (render.resolution_x, render.resolution_y, render.resolution_percentage, render.filepath)
    settings: Any = render.image_settings
    names = [name for name in ("media_type", "file_format") if hasattr(settings, name)]
    form = {name: getattr(settings, name) for name in names}
    view, overlays = space.region_3d.view_perspective, space.overlay.show_overlays
    try:
        space.region_3d.view_perspective = "CAMERA"
        space.overlay.show_overlays = False
        render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
        for name, value in zip(names, ("IMAGE", "PNG") if len(names) == 2 else ("PNG",), strict=True):
            setattr(settings, name, value)
        render.filepath = str(path)
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
            bpy.ops.render.opengl(write_still=True, view_context=True)
    finally:
        space.region_3d.view_perspective, space.overlay.show_overlays = view, overlays
        render.resolution_x, render.resolution_y, render.resolution_percentage, render.filepath = kept
        for name in names:
            setattr(settings, name, form[name])
    if not path.is_file():
        raise InputError("the viewport gave no picture: take the render instead")


def _viewport() -> tuple[Any, Any]:
    if not bpy.app.background:
        for window in bpy.context.window_manager.windows:  # type: ignore[union-attr]  # there is always one
            for area in window.screen.areas:
                if area.type == "VIEW_3D":
                    return window, area
    raise InputError("no 3D viewport is open to take the picture from: take the render instead")
