"""The gain methods. A new one is a row here and a function: every front end reads this table."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parascale.errors import InputError
from parascale.parallax.gains import TargetStart, global_gain, global_norm_gain, metric_gain, raw_gain, static_gain
from parascale.parallax.observer import Look
from parascale.parallax.shot import Shot
from parascale.types import Array, Choice

OpenLoop = Callable[[Shot, TargetStart], Array]
"""Gains (T-1,) from the reference and the target's first frame; NaN where unknown."""


@dataclass(frozen=True)
class ClosedLoop:
    """What a method keeps by measuring the target again at every realised camera.

    Attributes
    ----------
    of_reference : callable
        The motion to show for a step of length 1, (T-1,); NaN where unknown.
    of_target : callable
        The motion that a look shows for a step of length 1; NaN where unknown.
    felt : bool
        Whether that is phi rather than P, which decides how a lens is compensated for.
    """

    of_reference: Callable[[Shot], Array]
    of_target: Callable[[Look], float]
    felt: bool = False


@dataclass(frozen=True)
class GainMethod(Choice):
    """A gain method.

    Attributes
    ----------
    gain : OpenLoop or ClosedLoop
    needs_reference_depth : bool
        Whether some frame of the reference must know its depth.
    """

    gain: OpenLoop | ClosedLoop
    needs_reference_depth: bool = True


def parallax_per_unit(shot: Shot) -> Array:
    """P_t of a step of length 1, 1 / Z_t, (T-1,); gaps in Z_t are bridged, and NaN at the ends.

    Over a gap ln Z_t is linear in time: the depth goes on changing while it is not known.
    """
    depth = shot.bridged_depth
    known = np.flatnonzero(~np.isnan(shot.median_depth))
    if len(known):
        depth[: known[0]] = depth[known[-1] + 1 :] = math.nan
    return 1 / depth[:-1] if len(known) else np.full(len(shot) - 1, math.nan)


def felt_per_unit(shot: Shot) -> Array:
    """phi_t of a step of length 1, (T-1,); NaN where the camera rests.

    Raises
    ------
    InputError
        Where the shot holds no felt parallax.
    """
    felt = shot.felt_parallax
    if felt is None:
        raise InputError(
            f"the method felt needs the felt parallax of {shot.name!r}, which it does not hold: use closed-loop"
        )
    length = np.linalg.norm(shot.trajectory.baselines, axis=1)
    return np.divide(felt, length, out=np.full(len(felt), math.nan), where=(length > 0) & (felt > 0))


METHODS = {
    method.name: method
    for method in (
        GainMethod(
            "closed-loop",
            "Closed Loop",
            "Measure the depth again at every realised camera: the Parallax Number is met exactly",
            ClosedLoop(parallax_per_unit, lambda look: 1 / look.depth),
        ),
        GainMethod(
            "felt",
            "Felt",
            "Match the image motion itself, measured at every realised camera",
            ClosedLoop(felt_per_unit, lambda look: look.felt_per_unit, felt=True),
        ),
        GainMethod("static", "Static", "Use the depth seen by the first camera alone", static_gain),
        GainMethod("global", "Global", "One gain for the whole path, which keeps its shape", global_gain),
        GainMethod(
            "global-norm",
            "Global Norm",
            "One gain, from the largest displacement of the path",
            global_norm_gain,
            needs_reference_depth=False,
        ),
        GainMethod(
            "metric",
            "Metric",
            "Replay the path at its true size; both sides must know their metres",
            metric_gain,
            needs_reference_depth=False,
        ),
        GainMethod(
            "raw",
            "Raw",
            "No calibration: replay the reference in its own units",
            raw_gain,
            needs_reference_depth=False,
        ),
    )
}
