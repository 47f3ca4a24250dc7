"""The operators, ``bpy.ops.parascale.*``, one file a step of the work, as the panels."""

import importlib
import importlib.util

from . import calibrate, compare, generate, library, reference, refusal, tools

# The extension of the public platform sets nothing up: it comes without that file.
_OWN = (f"{__name__}.set_up",)
MODULES = (
    reference,
    refusal,
    library,
    calibrate,
    compare,
    generate,
    tools,
    *(importlib.import_module(name) for name in _OWN if importlib.util.find_spec(name) is not None),
)
