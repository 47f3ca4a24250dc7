"""The operators, ``bpy.ops.parascale.*``, one file a step of the work."""

from . import backend, calibrate, generate, photo, reference, tools

CLASSES = (
    *backend.CLASSES,
    *reference.CLASSES,
    *photo.CLASSES,
    *calibrate.CLASSES,
    *generate.CLASSES,
    *tools.CLASSES,
)
