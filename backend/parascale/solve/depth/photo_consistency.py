"""Photo-consistency: of several surfaces a pixel shows the one at whose depth it looks alike in another frame."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.types import Array, Image, Mask

Float32 = NDArray[np.float32]

# Working pixels between near and far surfaces in the other frame: with less they cannot be told apart, with more
# everything looks different.
TARGET_PARALLAX, MIN_PARALLAX, MAX_PARALLAX = 8.0, 1.5, 40.0
# Distances at which another frame is searched, on either side.
FRAME_DISTANCES = np.array([1, 2, 4, 8, 16])
# The pixels compared, x and y from the middle of the patch; pixel centres lie at half a pixel.
PATCH_OFFSETS = np.stack(np.meshgrid((-3, 0, 3), (-3, 0, 3))).reshape(2, -1).astype(np.float32) - np.float32(0.5)
# Larger differences of grey levels count as this.
MAX_DIFFERENCE = np.uint8(30)


@dataclass(frozen=True, eq=False)
class PhotoConsistency:
    """The pictures of a clip with their cameras.

    Attributes
    ----------
    pictures : T pictures (h, w) uint8
    world_to_camera : (T, 3, 4) float64
    focal : float
        Working pixels.
    to_picture_pixels : callable
        Turns working pixels (..., 2) from the principal point into pixels of the pictures.
    """

    pictures: Sequence[Image]
    world_to_camera: Array
    focal: float
    to_picture_pixels: Callable[[Array], Array]

    def choose_surface(self, frame: int, pixels: Array, inverse: Array) -> Array:
        """Choose among the inverse depths of nearby surfaces.

        Parameters
        ----------
        frame : int
        pixels : (N, 2) float64
            Working pixels from the principal point.
        inverse : (N, K) float64
            Inverse z-depths to choose from, the likeliest first: it is chosen where no other looks better.

        Returns
        -------
        (N,) float64
        """
        if not len(pixels):
            return np.empty(0)
        here = self._patches(frame, pixels[:, None])[0]
        cost = np.full(inverse.shape, np.inf, np.float32)
        for other in self._neighbours(frame, pixels, inverse):
            homography, shift = self._transfer(frame, other)
            turned = pixels @ homography[:, :2].T + homography[:, 2]
            seen = turned[:, None] + inverse[..., None] * shift
            depth = seen[..., 2:]
            there, outside = self._patches(other, seen[..., :2] / np.where(depth > 0, depth, np.nan))
            np.minimum(cost, np.where(outside, np.inf, _difference(here, there)), out=cost)
        return np.asarray(inverse[np.arange(len(inverse)), cost.argmin(axis=1)])

    def _neighbours(self, frame: int, pixels: Array, inverse: Array) -> Iterator[int]:
        """Choose a frame before and one after: the closest in which near and far surfaces lie well apart."""
        low, high = np.quantile(inverse[:: max(1, len(inverse) // 100), 0], (0.2, 0.8))
        sampled = np.stack([pixels.min(axis=0), pixels.mean(axis=0), pixels.max(axis=0)])
        for way in (-1, 1):
            others = frame + way * FRAME_DISTANCES
            others = others[(others >= 0) & (others < len(self.world_to_camera))]
            _, shift = self._transfer(frame, others)
            # To first order in the difference of their inverse depths.
            moved = np.linalg.norm(shift[:, None, :2] - sampled * shift[:, None, 2:], axis=2)
            apart = (high - low) * np.median(moved, axis=1)
            enough = np.flatnonzero(apart > TARGET_PARALLAX)[:1]
            usable = np.flatnonzero((apart > MIN_PARALLAX) & (apart < MAX_PARALLAX))
            usable = usable[usable <= enough] if len(enough) else usable
            if len(usable):
                yield int(others[usable[-1]])

    def _transfer(self, frame: int, other: NDArray[np.int64] | int) -> tuple[Array, Array]:
        """Homographies (..., 3, 3) of infinity to other frames, and the shift (..., 3) per inverse depth."""
        first, second = self.world_to_camera[frame], self.world_to_camera[other]
        turn = second[..., :3] @ first[:, :3].T
        lens = np.array([self.focal, self.focal, 1.0])
        return lens[:, None] * turn / lens, lens * (second[..., 3] - turn @ first[:, 3])

    def _patches(self, frame: int, pixels: Array) -> tuple[Image, Mask]:
        """Grey levels (N, K * P) of a picture around pixels (N, K, 2), and which of these (N, K) lie outside.

        The patches are not warped: they are small, and the other frame is close.
        """
        picture = self.pictures[frame]
        at = self.to_picture_pixels(pixels)
        outside = ~((at >= 0) & (at <= picture.shape[::-1])).all(axis=-1)
        at = np.where(outside[..., None], 0.0, at)
        x, y = ((at[..., axis, None].astype(np.float32) + PATCH_OFFSETS[axis]).reshape(len(at), -1) for axis in (0, 1))
        levels = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(levels, np.uint8), outside


def _difference(here: Image, there: Image) -> Float32:
    """Mean difference (N, K), in grey levels, of patches (N, P) from patches (N, K * P)."""
    count = there.shape[1] // here.shape[1]
    off = np.minimum(cv2.absdiff(there, np.tile(here, count)), MAX_DIFFERENCE)
    mean = cv2.reduce(off.reshape(-1, here.shape[1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    return np.asarray(mean, np.float32).reshape(len(here), count)
