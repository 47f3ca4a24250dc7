"""One picture with its depth, seen from many cameras, fast, with its holes filled."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.camera import View
from parascale.camera.intrinsics import scale_intrinsics
from parascale.projection import kernels
from parascale.projection.backing import build_backing
from parascale.projection.mesh import Mesh, build_mesh, inverse_depth
from parascale.projection.numpy_renderer import plane_transfer
from parascale.types import Array, DepthMap

Float32 = NDArray[np.float32]

# Beyond this share of its size the picture is not continued outwards.
MAX_MARGIN = 0.5
# So many cameras along the path tell how far that is.
MARGIN_VIEWS = 16
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

    def __init__(self, image: NDArray[np.uint8], depth_map: DepthMap, source: View, targets: Sequence[View]) -> None:
        rows, columns = image.shape[:2]
        lens = scale_intrinsics(source.intrinsics, source.size, (columns, rows))
        self._view = View(source.camera_to_world, lens, columns, rows)
        inverse = _fill_unmeasured(inverse_depth(depth_map))
        if inverse.shape != (rows, columns):
            inverse = _resample(inverse, self._view)
        self._inverse = inverse.astype(np.float32)
        with ThreadPoolExecutor(1) as pool:
            front = pool.submit(build_mesh, inverse, self._view.size)
            self._seams = kernels.mark_seams(self._inverse)
            clean = kernels.clean_edges(np.ascontiguousarray(image), inverse, EDGE_RADIUS)
            self._texture = kernels.pack(clean)
            self._backing = build_backing(clean, inverse, _margins(self._view, targets, inverse))
            self._surface = _Surface.of(front.result())
        self._behind = _Surface.of(self._backing.mesh)
        self._scratch = threading.local()

    def render(self, target: View) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """See the picture from another camera.

        Returns
        -------
        image : (height, width, 3) uint8
            sRGB, holes filled.
        holes : (height, width) bool
            Where the target sees what the source did not.
        """
        shape = (target.height, target.width)
        image, holes = np.empty((*shape, 3), np.uint8), np.empty(shape, np.bool_)
        seen = self._array("seen", shape, np.float32)
        seen.fill(-1)
        self._draw(self._surface, target, seen)
        kernels.shade(self._texture, self._inverse, self._seams, seen, *_transfer(target, self._view), image)
        # The backing has half the resolution, and no more is looked up.
        width, height = -(-target.width // 2), -(-target.height // 2)
        half = View(target.camera_to_world, target.intrinsics / 2, width, height)
        behind = self._array("behind", (half.height, half.width), np.float32)
        if kernels.find_holes(seen, holes, behind):
            self._draw(self._behind, half, behind)
            small = self._array("small", (*behind.shape, 3), np.uint8)
            back = _transfer(half, self._view)
            kernels.fill(behind, *back, self._backing.texture, self._backing.frame, small)
            kernels.enlarge(small, holes, image)
        return image, holes

    def _draw(self, surface: "_Surface", target: View, seen: Float32) -> None:
        largest = max(self._surface.vertices.shape[1], self._behind.vertices.shape[1])
        screen = self._array("screen", (3, largest), np.float64)
        kernels.project(surface.vertices, *plane_transfer(self._view, target), screen)
        kernels.rasterise(surface.quads, screen, seen)

    def _array(self, name: str, shape: tuple[int, ...], dtype: type) -> Any:
        """Scratch memory of the calling thread: fresh pages for every frame would cost a sixth of its time."""
        array = getattr(self._scratch, name, None)
        if array is None or array.shape != shape:
            array = np.empty(shape, dtype)
            setattr(self._scratch, name, array)
        return array


@dataclass(frozen=True, eq=False)
class _Surface:
    """A mesh as the kernels take it: x, y and inverse depth each in one piece."""

    vertices: Array
    quads: NDArray[np.uint32]

    @classmethod
    def of(cls, mesh: Mesh) -> "_Surface":
        return cls(np.ascontiguousarray(mesh.vertices.T), mesh.quads)


def _resample(inverse: Array, view: View) -> Array:
    """Sample the surface of a map of another resolution at the pixels of its own camera."""
    surface = _Surface.of(build_mesh(inverse, view.size))
    screen = np.empty_like(surface.vertices)
    seen = np.full((view.height, view.width), -1, np.float32)
    kernels.project(surface.vertices, np.eye(3), np.zeros(3), screen)
    kernels.rasterise(surface.quads, screen, seen)
    return seen.astype(np.float64)


def _fill_unmeasured(measured: Array) -> Array:
    """Give pixels without a measurement the inverse depth of the closest that has one."""
    origin = kernels.grow(measured, np.inf)
    own = np.arange(origin.size, dtype=np.int32).reshape(origin.shape)
    known: Array = measured.reshape(-1)[np.where(origin >= 0, origin, own)]
    return known


def _transfer(source: View, target: View) -> tuple[Float32, Float32]:
    """To look up colours: a ten thousandth of a pixel is close enough, and takes half the time."""
    homography, shift = plane_transfer(source, target)
    return homography.astype(np.float32), shift.astype(np.float32)


def _margins(source: View, targets: Sequence[View], inverse: Array) -> tuple[int, int, int, int]:
    """How many pixels beyond the source's picture the targets see: left, top, right, bottom."""
    limit = np.array(source.size)
    edge = np.linspace(0, 1, 5)
    border = np.array([(u, v) for u in edge for v in edge if {u, v} & {0.0, 1.0}])
    low, high = np.zeros(2), np.zeros(2)
    depths = np.percentile(inverse, (2, 50, 98))
    # Cameras a little apart see nearly the same.
    for target in [*targets[:: max(1, len(targets) // MARGIN_VIEWS)], *targets[-1:]]:
        homography, shift = plane_transfer(target, source)
        pixels = np.c_[border * target.size, np.ones(len(border))] @ homography.T
        for depth in depths:
            seen = pixels + depth * shift
            seen = seen[seen[:, 2] > 1e-3]
            places = seen[:, :2] / seen[:, 2:]
            low = np.minimum(low, places.min(axis=0, initial=0.0))
            high = np.maximum(high, (places - limit).max(axis=0, initial=0.0))
    reach = MAX_MARGIN * limit
    left, top = np.ceil(np.minimum(-low, reach)).astype(int)
    right, bottom = np.ceil(np.minimum(high, reach)).astype(int)
    return int(left), int(top), int(right), int(bottom)
