"""One picture with its depth, seen from many cameras, fast, with its holes filled."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parascale.camera import View
from parascale.projection import kernels
from parascale.projection.backing import build_backing
from parascale.projection.mesh import Mesh, build_mesh, inverse_depth
from parascale.projection.reference import plane_transfer, rasterise

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

# Beyond this share of its size the picture is not continued outwards.
LARGEST_MARGIN = 0.5
# Reach, in pixels, over which colours mixed at a depth edge are replaced.
EDGE_RADIUS = 2


class Warper:
    """A picture with a depth map, ready to be seen from other cameras.

    `render` may be called from several threads at once.

    Parameters
    ----------
    image : (H, W, 3) uint8
        sRGB; covers the picture of ``source`` at any resolution.
    depth_map : (h, w) floating
        As `parascale.projection.mesh.inverse_depth` takes it; of any resolution.
    source : View
        The camera that sees both; path and depth share one unit.
    targets : sequence of View
        Cameras it shall be seen from: how far the picture is continued beyond its border depends on them.

    Raises
    ------
    InputError
        Where the depth map is not a picture or holds no positive depth.
    """

    def __init__(
        self, image: NDArray[np.uint8], depth_map: NDArray[np.floating], source: View, targets: Sequence[View]
    ) -> None:
        rows, columns = image.shape[:2]
        self._view = _resized(source, columns, rows)
        inverse = _known(inverse_depth(depth_map))
        if inverse.shape != (rows, columns):
            coarse = build_mesh(inverse, self._view.size)
            inverse = rasterise(coarse, self._view, self._view, (columns, rows)).inverse_depth
        self._surface = build_mesh(inverse, self._view.size)
        self._image = kernels.clean_edges(np.ascontiguousarray(image), inverse, EDGE_RADIUS)
        self._inverse = inverse.astype(np.float32)
        self._backing = build_backing(self._image, inverse, _margins(self._view, targets, inverse))

    def render(self, target: View) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """See the picture from another camera.

        Returns
        -------
        image : (height, width, 3) uint8
            sRGB, holes filled.
        holes : (height, width) bool
            Where the target sees what the source did not.
        """
        homography, shift = plane_transfer(self._view, target)
        inverse = np.full((target.height, target.width), -1, np.float32)
        place = np.empty((target.height, target.width, 3), np.float32)
        image = np.empty((target.height, target.width, 3), np.uint8)
        self._draw(self._surface, homography, shift, inverse, place)
        holes = inverse < 0
        if holes.any():
            inverse[~holes] = np.inf
            self._draw(self._backing.mesh, homography, shift, inverse, place)
        unseen = np.linalg.inv(homography)
        backing = self._backing
        kernels.shade(self._image, self._inverse, inverse, place, holes, backing.colours, backing.frame, unseen, image)
        return image, holes

    @staticmethod
    def _draw(mesh: Mesh, homography: Array, shift: Array, inverse: Float32, place: Float32) -> None:
        screen = np.empty_like(mesh.vertices)
        kernels.project(mesh.vertices, homography, shift, screen)
        kernels.rasterise(mesh.vertices, mesh.quads, screen, inverse, place)


def _known(measured: Array) -> Array:
    """Give pixels without a measurement the inverse depth of the closest that has one."""
    origin = kernels.grow(measured, np.inf)
    own = np.arange(origin.size, dtype=np.int32).reshape(origin.shape)
    known: Array = measured.reshape(-1)[np.where(origin >= 0, origin, own)]
    return known


def _resized(view: View, width: int, height: int) -> View:
    across, down = width / view.width, height / view.height
    return View(view.camera_to_world, view.intrinsics * [across, down, across, down], width, height)


def _margins(source: View, targets: Sequence[View], inverse: Array) -> tuple[int, int, int, int]:
    """How many pixels beyond the source's picture the targets see: left, top, right, bottom."""
    limit = np.array(source.size)
    edge = np.linspace(0, 1, 5)
    border = np.array([(u, v) for u in edge for v in edge if {u, v} & {0.0, 1.0}])
    low, high = np.zeros(2), np.zeros(2)
    for target in targets:
        homography, shift = plane_transfer(target, source)
        pixels = np.c_[border * target.size, np.ones(len(border))] @ homography.T
        for depth in np.percentile(inverse, (2, 50, 98)):
            seen = pixels + depth * shift
            seen = seen[seen[:, 2] > 1e-3]
            places = seen[:, :2] / seen[:, 2:]
            low = np.minimum(low, places.min(axis=0, initial=0.0))
            high = np.maximum(high, (places - limit).max(axis=0, initial=0.0))
    reach = LARGEST_MARGIN * limit
    left, top = np.ceil(np.minimum(-low, reach)).astype(int)
    right, bottom = np.ceil(np.minimum(high, reach)).astype(int)
    return int(left), int(top), int(right), int(bottom)
