"""Camera latents of Wan2.1-Fun Control-Camera: Plücker maps, four frames packed into the channels of one latent frame.

Frame 0 is repeated four times, the others follow in fours; channel = 4 * component + frame within the group.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.conditioning.plucker import CHANNELS, PluckerPlanes
from parascale.errors import InputError

GROUP = 4
# The adapter shuffles 8x8 pixels into channels and halves what is left.
MULTIPLE = 16


def latent_frames(frames: int) -> int:
    """How many latent frames 4n + 1 frames make: n + 1.

    Raises
    ------
    InputError
        Where the number of frames is not 4n + 1.
    """
    if frames < 1 or (frames - 1) % GROUP:
        near = max(1, (frames - 1) // GROUP * GROUP + 1)
        raise InputError(f"camera latents need 4n+1 frames, and {frames} are given: resample to {near} or {near + 4}")
    return (frames - 1) // GROUP + 1


def check_size(width: int, height: int) -> None:
    """Check that the model takes pictures of a size.

    Raises
    ------
    InputError
        Where width or height is no multiple of 16.
    """
    if width % MULTIPLE or height % MULTIPLE:
        raise InputError(f"camera latents need a width and height in multiples of {MULTIPLE}, not {width}x{height}")


def packed_order(frames: int) -> Iterator[tuple[int, int]]:
    """Frame and component of each plane of the latents, in the order of their 24 channels and latent frames."""
    count = latent_frames(frames)
    for component in range(len(CHANNELS)):
        for within in range(GROUP):
            for group in range(count):
                yield max(0, GROUP * (group - 1) + within + 1), component


def camera_latents(trajectory: Trajectory) -> NDArray[np.float32]:
    """Camera latents (1, 24, n + 1, H, W) of 4n + 1 cameras with pictures of H x W pixels, multiples of 16.

    Raises
    ------
    InputError
        Where the number of frames or the size does not fit.
    """
    check_size(trajectory.width, trajectory.height)
    planes = PluckerPlanes(trajectory)
    count = latent_frames(planes.frames)
    latents = np.empty((1, GROUP * len(CHANNELS), count, *planes.shape), np.float32)
    flat = latents.reshape(-1, *planes.shape)
    for plane, (frame, component) in zip(flat, packed_order(planes.frames), strict=True):
        planes.fill(frame, component, plane)
    return latents
