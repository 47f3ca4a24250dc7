"""The trajectory formats: a module in this folder that registers a `Format` is all that a new one takes."""

import importlib
import pkgutil

from parascale.files.format import REGISTERED, Format

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

FORMATS: dict[str, Format] = {known.name: known for known in sorted(REGISTERED, key=lambda known: known.name)}
"""By name, in alphabetical order. The command line, the add-on and every warning about a loss read this table."""
