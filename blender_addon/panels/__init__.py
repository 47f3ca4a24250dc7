"""The tab in the 3D View's sidebar, in the order of the work, and what we add to Blender's menus."""

from . import calibrate, generate, menus, photo, reference, tools

CLASSES = (
    *menus.CLASSES,
    *reference.CLASSES,
    *calibrate.CLASSES,
    *photo.CLASSES,
    *generate.CLASSES,
    *tools.CLASSES,
)
