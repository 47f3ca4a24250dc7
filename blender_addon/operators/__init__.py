"""The operators, ``bpy.ops.parascale.*``, one file a step of the work."""

from . import backend, calibrate, generate, jobs, photo, reference, tools

CLASSES = (
    *backend.CLASSES,
    *reference.CLASSES,
    *photo.CLASSES,
    *calibrate.CLASSES,
    *generate.CLASSES,
    *jobs.CLASSES,
    *tools.CLASSES,
)
