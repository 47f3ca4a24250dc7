"""Masks of what is not the rigid scene: moving things, as the user paints them, or what a generator made up."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.media.footage import Footage
from parascale.media.video import pictures as frames_of
from parascale.media.video import read_frames


def read_masks(source: Path, footage: Footage) -> Sequence[NDArray[np.uint8]]:
    """Read one mask a frame: white where nothing may be followed, 0 in the result where no point may be.

    Parameters
    ----------
    source : Path
        A video, or a folder of images in natural order, with as many pictures as the reference has frames or as its
        range has.
    footage : Footage

    Raises
    ------
    InputError
        Where it does not hold as many masks as there are frames.
    """
    if not source.exists():
        raise InputError(f"there are no masks at {source}: give a folder with one image a frame, or a video")
    if source.is_dir():
        pictures = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for _, _, picture in frames_of(source)]
    else:
        pictures = list(read_frames(source).grey)
    if len(pictures) == footage.info.frames:
        pictures = [pictures[int(number)] for number in footage.frames]
    elif len(pictures) != len(footage):
        raise InputError(f"{source.name} holds {len(pictures)} masks for {len(footage)} frames: give one a frame")
    height, width = footage.grey[0].shape
    shrunk = (cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in pictures)
    return [np.where(mask > 127, np.uint8(0), np.uint8(255)) for mask in shrunk]
