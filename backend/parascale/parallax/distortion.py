"""Distortion that changes from frame to frame: a coefficient is a number, or a list of one a frame."""

import sys
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from parascale.errors import InputError
from parascale.types import Array

Distortion = Mapping[str, object]


def check_frames(distortion: Distortion | None, count: int) -> None:
    """Refuse a list of coefficients that is not one finite number a frame."""
    for name, value in (distortion or {}).items():
        if isinstance(value, list) and not (len(value) == count and all(map(_is_finite_number, value))):
            raise InputError(f"the lens distortion's {name!r} is not a number, or {count} of them")


def _is_finite_number(value: object) -> bool:
    # A whole number of JSON may be larger than any float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def choose_frames(distortion: Distortion | None, choose: Callable[[Array], ArrayLike]) -> Distortion | None:
    """Apply a function to what there is a number a frame of; constants stay."""
    if distortion is None or not any(isinstance(value, list) for value in distortion.values()):
        return distortion
    return {
        name: np.asarray(choose(np.array(value, np.float64))).tolist() if isinstance(value, list) else value
        for name, value in distortion.items()
    }


def is_same_model(first: Distortion | None, second: Distortion | None) -> bool:
    """Say whether one model distorts both, or none does."""
    if first is None or second is None:
        return first is second
    return first.get("model") == second.get("model")


def join_frames(first: Distortion | None, count: int, second: Distortion | None, more: int) -> Distortion | None:
    """Join the distortion of two shots that follow each other, of so many frames each.

    Where they differ in their model it is the first's, held, as what is no number is. A coefficient that one of them
    does not name is 0 there.
    """
    if first is None or second is None or not is_same_model(first, second):
        return choose_frames(first, lambda values: np.append(values, np.full(more, values[-1])))
    joined: dict[str, object] = {}
    for name in {**first, **second}:
        pair = first.get(name, 0.0), second.get(name, 0.0)
        changes = isinstance(pair[0], list) or pair[0] != pair[1]
        if not (changes and all(isinstance(side, int | float | list) for side in pair)):
            joined[name] = pair[0]
            continue
        sides = zip(pair, (count, more), strict=True)
        joined[name] = np.concatenate([np.broadcast_to(np.asarray(v, np.float64), (n,)) for v, n in sides]).tolist()
    return joined


def distortion_at(distortion: Distortion | None, frame: int) -> Distortion | None:
    """Give the distortion of one frame, without lists."""
    if distortion is None:
        return None
    return {name: value[frame] if isinstance(value, list) else value for name, value in distortion.items()}
