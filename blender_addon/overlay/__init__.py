"""What is drawn into the viewport: the calibrated path, the subjects, the reference's film beside the view."""

import bpy

from . import film, path

_handles: list[object] = []

IN_SPACE = (path.draw_path, path.draw_measured)
ON_PICTURE = (path.draw_legend, path.draw_subjects, film.draw_film)


def start() -> None:
    """Begin to draw."""
    draw = bpy.types.SpaceView3D.draw_handler_add
    _handles.extend(draw(each, (), "WINDOW", "POST_VIEW") for each in IN_SPACE)
    _handles.extend(draw(each, (), "WINDOW", "POST_PIXEL") for each in ON_PICTURE)


def stop() -> None:
    """Undo `start`."""
    for handle in _handles:
        bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
    _handles.clear()
    path.forget()
    film.forget()
