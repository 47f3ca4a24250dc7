"""A picture warped through its depth along a path, grey where it shows nothing: what inpainting models are led by."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory, View
from parascale.generators.picture import fit_image
from parascale.types import DepthMap, Image

# What VACE was trained to see where there is nothing.
GREY = 127


def warp_picture(
    image: Image, depth_map: DepthMap, path: Trajectory, first: View, report: Callable[[float], None] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Warp a picture along a path.

    Parameters
    ----------
    image : (H, W, 3) uint8
    depth_map : (H, W)
        Its z-depth, in the path's unit.
    path : Trajectory
    first : View
        The camera of the picture, in the path's size.
    report : callable, optional
        Takes the share of the frames that is done.

    Returns
    -------
    film : (T, H, W, 3) uint8
        Grey where the picture does not show what the camera sees.
    mask : (T, H, W) uint8
        255 where the model is to paint, 0 where it is to keep.
    """
    from parascale.projection.warper import Warper

    views = [path.view(frame) for frame in range(len(path))]
    warper = Warper(fit_image(image, path), depth_map, first, [first, *views])
    film = np.empty((len(path), path.height, path.width, 3), np.uint8)
    mask = np.zeros(film.shape[:3], np.uint8)
    for frame, view in enumerate(views):
        if report is not None:
            report(frame / len(path))
        picture, holes = warper.render(view)
        film[frame] = np.where(holes[..., None], np.uint8(GREY), picture)
        mask[frame][holes] = 255
    return film, mask
