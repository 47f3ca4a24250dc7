"""A calibration's target: its depth, the camera it starts from, and its unit."""

from dataclasses import dataclass, field

import numpy as np

from parascale.camera import View
from parascale.errors import InputError
from parascale.parallax.composition import TargetFacts
from parascale.parallax.depth_source import ConstantDepth, DepthSource
from parascale.parallax.shot import Shot, Unit

# The picture's own up is taken for the world's where only a picture is known.
PICTURE_UP = (0.0, -1.0, 0.0)


@dataclass(frozen=True)
class Target:
    """What a calibration needs to know of the other side: depth, the anchor's camera, unit, and what else is known."""

    depth: DepthSource
    anchor: View
    unit: Unit = "arbitrary"
    metres_per_unit: float | None = None
    facts: TargetFacts = field(default_factory=TargetFacts)


def constant_target(depth: float, reference: Shot) -> Target:
    """Describe a target of which only a typical depth, in its unit, is known, seen by the reference's own first lens.

    Raises
    ------
    InputError
        Where the depth is not positive.
    """
    if not (np.isfinite(depth) and depth > 0):
        raise InputError(f"a depth of {depth} is not positive: give the target's typical distance")
    first = reference.trajectory
    anchor = View(np.eye(4), first.intrinsics[0], first.width, first.height)
    return Target(ConstantDepth(depth), anchor, facts=TargetFacts(has_surfaces=False))
