"""One picture with its depth, seen from many cameras, without a compiler: at half the size, by NumPy and OpenCV."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parascale.camera import View
from parascale.camera.intrinsics import scale_intrinsics
from parascale.projection.mesh import build_mesh, inverse_depth
from parascale.projection.numpy_renderer import rasterise
from parascale.types import DepthMap

# Pixels of the picture to one of what is rendered, along a side.
STEP = 2
# How far, in rendered pixels, the surroundings of a hole tell its colours.
FILL_RADIUS = 3.0
_MIN_SIDE = 2


class PlainWarper:
    """A picture with a depth map, ready to be seen from other cameras; see `parascale.projection.warper.Warper`.

    It renders the same surface at half the size. A hole takes the colours of its surroundings in each frame by itself,
    where `Warper` shows one surface behind all frames.
    """

    def __init__(self, image: NDArray[np.uint8], depth_map: DepthMap, source: View, _targets: Sequence[View]) -> None:
        rows, columns = image.shape[:2]
        lens = scale_intrinsics(source.intrinsics, source.size, (columns, rows))
        self._view = View(source.camera_to_world, lens, columns, rows)
        self._image = np.ascontiguousarray(image)
        inverse = inverse_depth(depth_map)
        # As many pixels of the map as are rendered, taken from the middle of those they stand for.
        down, across = (
            np.minimum(((np.arange(-(-side // STEP)) + 0.5) * of * STEP / side).astype(int), of - 1)
            for side, of in zip((rows, columns), inverse.shape, strict=True)
        )
        self._mesh = build_mesh(inverse[np.ix_(down, across)], (columns, rows))

    def render(self, target: View) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """See the picture from another camera: (height, width, 3) uint8, holes filled, and the holes."""
        import cv2

        grid = max(_MIN_SIDE, -(-target.width // STEP)), max(_MIN_SIDE, -(-target.height // STEP))
        hits = rasterise(self._mesh, self._view, target, grid)
        holes = hits.inverse_depth < 0
        # OpenCV counts from the middle of the first pixel.
        x, y = (np.ascontiguousarray(places - 0.5, np.float32) for places in (hits.x, hits.y))
        seen = cv2.remap(self._image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if holes.any():
            seen = cv2.inpaint(seen, holes.astype(np.uint8), FILL_RADIUS, cv2.INPAINT_TELEA)
        image = np.asarray(cv2.resize(seen, target.size, interpolation=cv2.INTER_LINEAR), np.uint8)
        hidden = cv2.resize(holes.astype(np.uint8), target.size, interpolation=cv2.INTER_NEAREST).astype(bool)
        return image, hidden
