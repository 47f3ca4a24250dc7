"""How an error of the target's depth model shows in the path, method by method."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from parascale.camera import Trajectory, View
from parascale.errors import InputError
from parascale.evaluation.methods import carry_over
from parascale.evaluation.results import mean
from parascale.evaluation.tables import Cell, Table
from parascale.parallax.depth_source import DepthSamples, DepthSource
from parascale.parallax.metrics import pce_above_noise
from parascale.parallax.number import area_median
from parascale.parallax.shot import Shot
from parascale.types import Array

ERRORS = (0.0, 0.05, 0.1, 0.2, 0.4)
KINDS = ("scale", "per frame", "over the picture")
# `metric` and `raw` ask the target nothing; `shot` stands for closed loop with what it keeps beside.
ASKED = ("closed-loop", "felt", "shot", "static", "global", "global-norm", "norm-only", "raw")


class ErringDepth:
    """A depth source whose answers are off.

    Parameters
    ----------
    source : DepthSource
    error : float
        "scale": every depth is (1 + error) times too large. "per frame": each frame's depths are multiplied by exp of a
        number drawn from N(0, error). "over the picture": a wave of that amplitude, fixed to the picture.
    kind : str
        One of `KINDS`.
    """

    def __init__(self, source: DepthSource, error: float, kind: str) -> None:
        self._source, self._error, self._kind = source, error, kind

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`."""
        seen = self._source(camera_to_world, intrinsics, size, frame)
        return replace(seen, depth=seen.depth * self._factor(seen.pixels / size, frame))

    def _factor(self, place: Array, frame: int) -> Array | float:
        if self._kind == "scale":
            return 1 + self._error
        if self._kind == "per frame":
            return math.exp(self._error * np.random.default_rng(frame).standard_normal())
        wave: Array = np.sin(2 * np.pi * (place[:, 0] + 0.3)) * np.cos(np.pi * (place[:, 1] - 0.2))
        return 1 + self._error * wave


def measure_depth_errors(
    methods: Sequence[str], shot: Shot, target: DepthSource, anchor: View
) -> Iterator[tuple[str, str, float, float]]:
    """Carry a true shot over by every method on depths that are off.

    Yields
    ------
    (str, str, float, float)
        Method, kind, error, and the PCE in the target's true depth; NaN where the method refuses.
    """
    for method, kind in product(methods, KINDS):
        for error in ERRORS:
            if error == 0 and kind != KINDS[0]:
                continue
            try:
                path = carry_over(method, shot, ErringDepth(target, error, kind), anchor).shot.trajectory
            except InputError:
                yield method, kind, error, math.nan
                continue
            yield method, kind, error, pce_above_noise(_true_parallax(path, target), shot.parallax_number, 0.0)


def _true_parallax(path: Trajectory, target: DepthSource) -> Array:
    depth = np.full(len(path) - 1, math.nan)
    for frame in range(len(path) - 1):
        seen = target(path.camera_to_world[frame], path.intrinsics[frame], path.size, frame)
        if seen.hit.any():
            depth[frame] = area_median(seen.depth[seen.hit])
    return np.asarray(np.linalg.norm(path.baselines, axis=1) / depth)


def depth_error_table(found: Sequence[tuple[str, str, float, float]]) -> Table:
    """Sum up what `measure_depth_errors` yielded, a row a method and kind."""
    rows: list[tuple[Cell, ...]] = []
    for method, kind in product(dict.fromkeys(method for method, *_ in found), KINDS):
        cells = [
            mean(pce for m, k, e, pce in found if m == method and e == error and (k == kind or error == 0))
            for error in ERRORS
        ]
        rows.append((f"{method}, {kind}", *cells))
    return Table(
        "depth errors",
        "When the target's depth is off",
        "Mean PCE from true references, by the error of the target's depth model: `scale` (all depths off by the same"
        " factor), `per frame` (a factor a frame, drawn from a normal distribution of ln Z), `over the picture` (a wave"
        " of that amplitude). A scale error of e costs ln(1 + e), in proportion as the paper says.",
        ("method and kind of error", *(f"{error:.0%}" for error in ERRORS)),
        tuple(rows),
    )
