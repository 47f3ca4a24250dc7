"""Frames that are missing: where a path or a film takes longer from one to the next than it usually does."""

from collections.abc import Callable

import numpy as np

from parascale.errors import Notice
from parascale.types import Array

# Steps that are longer than this many usual ones have frames missing; clocks of cameras waver by less.
_GAP = 2.5


def describe_gap(times: Array, location: Callable[[int], str]) -> tuple[Notice, ...]:
    """Say where frames are missing: a step there is longer than the others, and so is its parallax."""
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    longer = np.flatnonzero(steps > _GAP * usual)
    if not len(longer):
        return ()
    first = int(longer[0])
    more = f", as before {len(longer) - 1} more" if len(longer) > 1 else ""
    told = f"{steps[first]:.3g} s pass before {location(first + 1)}{more}, where {usual:.3g} s are usual"
    return (Notice(f"{told}: frames are missing, and the parallax of such a step is that of all of them"),)
