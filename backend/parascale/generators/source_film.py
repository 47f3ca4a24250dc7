"""A film that a generator takes again: its pictures at given times, in the shape a model was trained on."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.types import Array

# Of a picture's duration: time stamps are rounded to the container's own clock.
_STAMP_TOLERANCE = 0.1


def film_at(source: Path, times: Array, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the pictures of a video that are shown at given times, in a size.

    Parameters
    ----------
    source : Path
        A video file.
    times : (N,) float64
        Seconds from its first picture; the one that is shown then is taken, so that a film of another rate keeps its
        pace.
    size : (int, int)
        Width and height: the picture is scaled to cover it and its middle is kept, as ReCamMaster's
        ``crop_and_resize`` and ``CenterCrop`` do.

    Returns
    -------
    (N, H, W, 3) uint8

    Raises
    ------
    InputError
        Where the film is shorter.
    """
    from parascale.media.frames import open_frames

    frames = open_frames(source)
    step = 1 / (frames.info.fps or 25.0)
    shown: list[NDArray[np.uint8]] = []
    latest, began, ends = None, None, 0.0
    for frame in frames.frames():
        stamp = frame.time if math.isfinite(frame.time) else frame.number * step
        began = stamp if began is None else began
        now, ends = stamp - began, stamp - began + step
        while latest is not None and len(shown) < len(times) and now > times[len(shown)] + step * _STAMP_TOLERANCE:
            shown.append(latest)
        if len(shown) == len(times):
            break
        latest = cover(frame.picture, size)
    if latest is not None:
        shown += [latest] * sum(time < ends for time in times[len(shown) :])
    if len(shown) < len(times):
        raise InputError(f"{source} lasts {ends:.2f} s and the shot {times[-1] + step:.2f} s: take a longer film")
    return np.stack(shown)


def cover(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale a picture, (H, W, 3) uint8, until it covers a size, and keep its middle."""
    from PIL import Image

    width, height = size
    own_height, own_width = picture.shape[:2]
    scale = max(width / own_width, height / own_height)
    scaled = (max(width, round(own_width * scale)), max(height, round(own_height * scale)))
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    resized = Image.fromarray(picture).resize(scaled, Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + width, top + height)), np.uint8)
