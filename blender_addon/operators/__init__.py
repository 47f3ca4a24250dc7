"""The operators, ``bpy.ops.parascale.*``, one file a step of the work, as the panels."""

from . import calibrate, generate, reference, tools

MODULES = (reference, calibrate, generate, tools)
