"""Curves of keys, as animation tools write them, sampled at every frame that they span."""

from collections.abc import Mapping, Sequence

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.raw_trajectory import MOST_FRAMES, Frames
from parascale.types import Array

Curve = Mapping[float, float]
"""Value by frame; a curve of one key is a constant."""


def sample_curves(curves: Sequence[Curve], source: str) -> tuple[Frames, Array, tuple[Notice, ...]]:
    """Sample curves: at their own keys where all have the same, else at every frame, straight between keys.

    Parameters
    ----------
    curves : sequence of Curve
    source : str
        What messages call the file.

    Returns
    -------
    frames : (T,) int
    values : (T, C) float64
    tuple of Notice
        Says where values are between keys.

    Raises
    ------
    InputError
        Where a key is between frames, or they span more frames than a shot has.
    """
    moving = [sorted(curve) for curve in curves if len(curve) > 1]
    keys = sorted({key for curve in moving for key in curve}) or [min(curves[0])]
    for key in keys:
        if key != round(key):
            raise InputError(f"{source}: a key at frame {key:g} is between frames")
    if keys[-1] - keys[0] >= MOST_FRAMES:
        raise InputError(f"{source}: the keys span frame {keys[0]:g} to {keys[-1]:g}, more than a shot has")
    full = np.arange(keys[0], keys[-1] + 1)
    # Keys left out alike by all, as after every second frame, are frames left out; a few are those of an animator.
    baked = all(curve == moving[0] for curve in moving) and len(set(np.diff(keys))) <= 1 and len(keys) > 2
    frames = np.array(keys) if baked else full
    notices: tuple[Notice, ...] = ()
    if any(len(curve) < len(frames) for curve in moving):
        notices = (Notice("the camera is keyed at some frames alone: taken straight between them, as if not eased"),)
    values = [np.interp(frames, sorted(curve), [curve[key] for key in sorted(curve)]) for curve in curves]
    return frames.astype(np.int64), np.stack(values, axis=1), notices
