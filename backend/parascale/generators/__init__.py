"""Generators of video: a module in this folder that registers a `Generator` is all that a new one takes."""

import importlib
import pkgutil

from parascale.errors import InputError
from parascale.generators.generator import REGISTERED, Generator

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

GENERATORS: dict[str, Generator] = {generator.name: generator for generator in REGISTERED}
"""By name. The command line, the handshake of a backend and, through it, the add-on read this table."""


def find_generator(name: str) -> Generator:
    """Return a generator by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in GENERATORS:
        raise InputError(f"there is no generator {name!r}: take one of {', '.join(GENERATORS)}")
    return GENERATORS[name]
