"""Whether quaternions begin or end with w: by the names of columns, or by what each reading makes of the path."""

import re
from typing import Literal

import numpy as np

from parascale.camera.rotations import matrices_from_quaternions
from parascale.types import Array

# How far the first row may be from the identity: a turn of a degree.
_IDENTITY = 4e-5
# How much smoother a path has to be in one reading, seen from its camera, to decide or to give doubt. Of 5,000 made
# paths of either order hardly any is as much smoother in the wrong one: straight moves that follow a subject, 1 in 60.
_DECIDES, _DOUBT = 100.0, 8.0
# Below this a path is as smooth as the decimals of a file allow.
_ROUNDING = 1e-7

# The name of a quaternion's part, as in qw, q_RS_x and rotation_z.
_PART = re.compile(r"\b(?:q|quat|quaternion|rot|rotation|orientation)[a-z_.]*?([wxyz])\b", re.IGNORECASE)
# Names of columns stand before the rows.
_HEAD_LINES = 40

Evidence = Literal["", "names", "first row", "smoothness", "doubt", "none"]
W_FIRST, W_LAST = [0, 1, 2, 3], [3, 0, 1, 2]
"""Where w, x, y, z stand in a row."""


def read_order(text: str) -> list[int] | None:
    """Read from a text's names of columns where w, x, y, z stand; None where it names none."""
    for line in text.split("\n", _HEAD_LINES)[:_HEAD_LINES]:
        parts = [part.lower() for part in _PART.findall(line)]
        if "".join(parts) in {"wxyz", "xyzw"}:
            return W_FIRST if parts[0] == "w" else W_LAST
    return None


def find_other_order(numbers: Array, centres: Array, custom: list[int]) -> Evidence:
    """Say what tells that quaternions are not stored in the order that is the custom; empty where all tells for it.

    Both readings have unit length and turn as far from frame to frame. They differ in where the camera looks: a path
    mostly begins at the identity, and the camera's own velocity changes little from frame to frame.

    Parameters
    ----------
    numbers : (T, 4) float64
        Unit quaternions in the order of the file.
    centres : (T, 3) float64
    custom : list of int
        `W_FIRST` or `W_LAST`.

    Returns
    -------
    "first row", "smoothness", "doubt", "none" or ""
        "doubt": the other order is smoother, and not by enough to be taken; "none": nothing tells them apart.
    """
    other = W_LAST if custom == W_FIRST else W_FIRST
    mine, others = (roughness(matrices_from_quaternions(numbers[:, order]), centres) for order in (custom, other))
    smoother = mine / others
    if abs(numbers[0, other[0]]) > 1 - _IDENTITY and smoother > 1 / _DECIDES:
        return "first row"
    if abs(numbers[0, custom[0]]) > 1 - _IDENTITY:
        return ""
    if smoother > _DECIDES:
        return "smoothness"
    if smoother > _DOUBT:
        return "doubt"
    return "none" if smoother > 1 / _DOUBT else ""


def roughness(rotations: Array, centres: Array) -> float:
    """Change of the camera's velocity, in its own axes, as a share of that velocity."""
    steps = np.einsum("nji,nj->ni", rotations[:-1], np.diff(centres, axis=0))
    length = float(np.sum(steps**2))
    return _ROUNDING + (float(np.sum(np.diff(steps, axis=0) ** 2)) / length if length > 0 else 0.0)
