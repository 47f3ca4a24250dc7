"""One depth map as the target, held against the scene it was taken of: what docs/photo-target.md claims of it."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.parallax.calibrate import Settings, calibrate
from parascale.projection.depth_map import DepthMapSource

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench_photo_target.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def errors() -> Callable[[str, float], dict[str, dict[str, float]]]:
    """PCE of a move, by place and method, against what is really there."""
    bench = runpy.run_path(str(BENCH))
    places = {name: bench["PLACES"][name]() for name in ("desk", "room")}
    sources: dict[str, Any] = {
        name: DepthMapSource(place.map, place.view, bench["GRID"]) for name, place in places.items()
    }

    def measure(kind: str, length: float) -> dict[str, dict[str, float]]:
        asked, found = bench["reference"](kind, length), {}
        for name, place in places.items():
            found[name] = {}
            for method in ("closed-loop", "static"):
                shot = calibrate(asked, sources[name], place.view, Settings(method=method)).shot
                found[name][method] = bench["true_pce"](asked, shot.trajectory, place.truth)[0]
        return found

    return measure


@pytest.mark.parametrize("length", [0.15, 0.3, 0.8])
def test_closed_loop_halves_the_error_of_static_on_a_dolly_in(errors, length) -> None:
    for place, found in errors("dolly-in", length).items():
        assert 2 * found["closed-loop"] <= found["static"], place


@pytest.mark.parametrize("length", [0.15, 0.3])
@pytest.mark.parametrize("kind", ["dolly-in", "dolly-out", "truck", "orbit", "crane"])
def test_closed_loop_is_never_worse_than_static_by_more_than_a_tenth(errors, kind, length) -> None:
    found = errors(kind, length).values()
    ours, static = (np.median([each[method] for each in found]) for method in ("closed-loop", "static"))
    assert ours <= 1.1 * static
