"""Whether the four numbers of a rotation begin or end with w, by what each reading makes of the path."""

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

Evidence = Literal["", "first row", "smoothness", "doubt"]


def find_w_first(numbers: Array, centres: Array) -> Evidence:
    """Say what tells that quaternions are stored w x y z where x y z w is the custom; empty where nothing does.

    Both readings have unit length and turn as far from frame to frame. They differ in where the camera looks: a path
    mostly begins at the identity, and the camera's own velocity changes little from frame to frame.

    Parameters
    ----------
    numbers : (T, 4) float64
        Unit quaternions in the order of the file.
    centres : (T, 3) float64

    Returns
    -------
    "first row", "smoothness", "doubt" or ""
        "doubt": w first is smoother, and not by enough to be taken.
    """
    smoother = _roughness(numbers[:, [3, 0, 1, 2]], centres) / _roughness(numbers, centres)
    if abs(numbers[0, 0]) > 1 - _IDENTITY and smoother > 1 / _DECIDES:
        return "first row"
    if abs(numbers[0, 3]) > 1 - _IDENTITY:
        return ""
    if smoother > _DECIDES:
        return "smoothness"
    return "doubt" if smoother > _DOUBT else ""


def _roughness(quaternions: Array, centres: Array) -> float:
    """Change of the camera's velocity, in its own axes, as a share of that velocity."""
    steps = np.einsum("nji,nj->ni", matrices_from_quaternions(quaternions)[:-1], np.diff(centres, axis=0))
    length = float(np.sum(steps**2))
    return _ROUNDING + (float(np.sum(np.diff(steps, axis=0) ** 2)) / length if length > 0 else 0.0)
