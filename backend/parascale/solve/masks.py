"""Masks of moving things, as the user paints them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.solve.footage import Footage
from parascale.solve.video import image_files


def read_masks(folder: Path, footage: Footage) -> Sequence[NDArray[np.uint8]]:
    """Read one mask a frame: white where things move, 0 in the result where no point may be.

    Parameters
    ----------
    folder : Path
        Images in natural order, as many as the reference has frames or as its range has.
    footage : Footage

    Raises
    ------
    InputError
        Where the folder does not hold as many masks as there are frames.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give a folder with one mask image a frame")
    files = image_files(folder)
    if len(files) == footage.info.frames:
        files = [files[int(number)] for number in footage.frames]
    elif len(files) != len(footage):
        raise InputError(f"{folder} holds {len(files)} masks for {len(footage)} frames: give one a frame")
    height, width = footage.grey[0].shape
    masks = []
    for file in files:
        mask = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise InputError(f"{file} is not an image that can be read: export the mask again")
        shrunk = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
        masks.append(np.where(shrunk > 127, np.uint8(0), np.uint8(255)))
    return masks
