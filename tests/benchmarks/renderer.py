"""The renderer of the solve's tests, for them and for the benchmarks."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


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
