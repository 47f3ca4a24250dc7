"""A picture warped through its depth along a path, grey where it shows nothing: what inpainting models are led by."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory, View
from parascale.generators.picture import fit_image
from parascale.generators.preview import checked_depth
from parascale.types import DepthMap, Image

if TYPE_CHECKING:
    from parascale.generators.diffusion.run import Run

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


def warp_piece(run: "Run") -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Warp a request's picture along the piece of the path that is made, as `warp_picture`; its start is kept."""
    film, mask = warp_picture(
        run.request.image,
        checked_depth(run.request),
        run.path,
        run.piece.first,
        lambda part: run.report(0.1 * part, "warping the picture"),
    )
    if run.piece.lead is not None:
        film[0], mask[0] = run.picture, 0
    return film, mask
