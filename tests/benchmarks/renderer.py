"""The renderer of the solve's tests, for them and for the benchmarks."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
# Draws over frame N of a clip.
Retouch = Callable[[int, Picture], Picture]

# Of the small clips that are made by the dozen.
SIZE, FOCAL = (480, 270), 400.0
TRAVELS = ("arc", "dolly-in", "dolly-out", "truck", "crane", "handheld")


def load_renderer() -> ModuleType:
    """Load the module of scenes, moves and `film`."""
    file = Path(__file__).parents[1] / "solve" / "rendered.py"
    # Under one name, by which numba finds what it has compiled.
    spec = importlib.util.spec_from_file_location("solve_rendered", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
