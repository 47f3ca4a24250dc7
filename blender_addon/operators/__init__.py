"""The operators, ``bpy.ops.parascale.*``, one file a step of the work."""

from . import backend, calibrate, generate, photo, reference, tools

MODULES = (backend, reference, photo, calibrate, generate, tools)
