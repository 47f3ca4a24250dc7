"""The operators, ``bpy.ops.parascale.*``, one file a step of the work."""

from . import backend, calibrate, generate, reference

CLASSES = (*backend.CLASSES, *reference.CLASSES, *calibrate.CLASSES, *generate.CLASSES)
