"""The types that every room shares: array aliases, JSON values, choices, progress and cancel."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Union, overload

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Real numbers: poses, depths, pixels."""

Mask = NDArray[np.bool_]

Image = NDArray[np.uint8]
"""A picture of 8 bits a channel: sRGB (H, W, 3), or grey (H, W)."""

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]  # noqa: UP007 - it names itself
"""What a JSON text holds."""
DepthMap = NDArray[np.float32] | NDArray[np.float64]
"""z-depth (H, W): not finite where there is no surface, zero or below where none was measured."""

Progress = Callable[[float, str], None]
"""Takes the fraction done, 0 .. 1, and the phase in a few words."""

CancelCheck = Callable[[], bool]
"""Returns True where the user wants the work to stop; the work then raises `parascale.errors.Cancelled`."""


@dataclass(frozen=True)
class Choice:
    """One of several values of an option.

    Attributes
    ----------
    name : str
        The value in files and on the command line.
    label : str
        The value in a menu.
    description : str
        One sentence for a tooltip, without a full stop.
    """

    name: str
    label: str
    description: str


@overload
def to_json_values(value: Mapping[str, object]) -> dict[str, Json]: ...
@overload
def to_json_values(value: Array) -> list[Json]: ...
@overload
def to_json_values(value: object) -> Json: ...
def to_json_values(value: object) -> object:
    """Convert mappings, sequences, arrays and numbers of NumPy to JSON values; a number that is not finite is None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: to_json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_values(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
