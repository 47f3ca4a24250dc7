"""Masks of what is not part of the rigid scene: moving objects, or what a generator invented."""

from pathlib import Path

import cv2
import numpy as np

from parascale.errors import InputError
from parascale.media.frames import read_frames
from parascale.media.sequences import sequence_files
from parascale.solve.tracking.footage import Footage, read_footage
from parascale.types import Image


def read_masks(source: Path, footage: Footage) -> list[Image]:
    """Read one mask a frame, white where nothing may be tracked; in the result 0 stands there, and 255 elsewhere.

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
    listed = sequence_files(source)
    if listed is None and not source.exists():
        raise InputError(f"there are no masks at {source}: give a folder with one image a frame, or a video")
    if listed is not None:
        pictures = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for _, _, picture in read_frames(source)]
    else:
        pictures = list(read_footage(source).grey)
    first, last = footage.decoded
    if len(pictures) == footage.info.frames:
        pictures = [pictures[number] for number in footage.frames.tolist()]
    elif len(pictures) == last - first:
        pictures = [pictures[number - first] for number in footage.frames.tolist()]
    elif len(pictures) != len(footage):
        raise InputError(f"{source.name} holds {len(pictures)} masks for {len(footage)} frames: give one a frame")
    height, width = footage.grey[0].shape
    shrunk = (cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in pictures)
    return [np.where(mask > 127, np.uint8(0), np.uint8(255)) for mask in shrunk]
