"""Pictures a generator is probed with: rooms with boxes, drawn here, or a user's own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.camera.intrinsics import focal_from_fov
from parascale.types import Array

SIZE = (832, 480)
FOV = 60.0
# The drawing's detail: cells a unit of length of the coarsest noise, and how many times it is doubled.
_COARSEST, _OCTAVES, _LATTICE = 2.0, 6, 64
_FLOOR, _BOXES = 1.2, 7


@dataclass(frozen=True, eq=False)
class Picture:
    """What a generator starts from: an sRGB image (H, W, 3) seen through a horizontal field of view in degrees.

    Its z-depth, (H, W), is in its own median; None where it is not known.
    """

    name: str
    image: NDArray[np.uint8]
    depth: NDArray[np.float32] | None
    fov: float = FOV

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def intrinsics(self) -> Array:
        """Return fx, fy, cx, cy in pixels: square pixels, seen through the middle."""
        width, height = self.size
        focal = focal_from_fov(np.radians(self.fov), width)
        return np.array([focal, focal, width / 2, height / 2])


def drawn_rooms(count: int = 3, size: tuple[int, int] = SIZE) -> tuple[Picture, ...]:
    """Draw rooms of different depth with different boxes in them; the same ones every time."""
    return tuple(_draw(number, size) for number in range(count))


def _draw(number: int, size: tuple[int, int]) -> Picture:
    rng = np.random.default_rng(number)
    width, height = size
    focal = focal_from_fov(np.radians(FOV), width)
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / focal, (np.arange(height) + 0.5 - height / 2) / focal)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)
    far, half, tall = rng.uniform(8.5, 11), rng.uniform(3.0, 4.0), rng.uniform(1.4, 1.8)
    low = np.array([-half, -tall, -1.0])
    high = np.array([half, _FLOOR, far])
    depth, wall = _leaving(rays, low, high)
    surface = wall
    for index in range(_BOXES):
        extent = rng.uniform([0.3, 0.4, 0.3], [0.7, 1.4, 0.7])
        foot = np.array([rng.uniform(-half, half), _FLOOR, rng.uniform(0.4, 0.9) * far])
        hit, side = _entering(rays, foot - extent, foot + extent * [1, 0, 1])
        nearer = hit < depth
        depth, surface = np.where(nearer, hit, depth), np.where(nearer, 6 + 6 * index + side, surface)
    colours = rng.uniform(0.35, 0.8, (6 + 6 * _BOXES, 3))
    shade = 0.35 + 1.3 * _noise(rays * depth[..., None], rng)
    image = np.clip(colours[surface] * shade[..., None], 0, 1) ** (1 / 2.2)
    pixels = np.round(image * 255).astype(np.uint8)
    return Picture(f"room {number + 1}", pixels, (depth / np.median(depth)).astype(np.float32))


def _slabs(rays: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Where rays from the origin, of z-depth 1, cross the planes of a box along each axis: nearer and farther."""
    with np.errstate(divide="ignore"):
        inverse = 1 / rays
    one, other = low * inverse, high * inverse
    return np.minimum(one, other), np.maximum(one, other)


def _leaving(rays: Array, low: Array, high: Array) -> tuple[Array, NDArray[np.int64]]:
    """Z-depth at which rays leave the box they start in, and through which of its six sides."""
    _, out = _slabs(rays, low, high)
    axis = out.argmin(axis=-1)
    forward = np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0
    return out.min(axis=-1), 2 * axis + forward


def _entering(rays: Array, low: Array, high: Array) -> tuple[Array, NDArray[np.int64]]:
    """Z-depth at which rays enter a box, infinite where they miss it, and through which of its six sides."""
    into, out = _slabs(rays, low, high)
    axis = into.argmax(axis=-1)
    depth = into.max(axis=-1)
    forward = np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0
    return np.where((depth < out.min(axis=-1)) & (depth > 0), depth, np.inf), 2 * axis + forward


def _noise(points: Array, rng: np.random.Generator) -> Array:
    """Solid noise with detail at every scale, about 0 .. 1, at (H, W, 3) points."""
    lattice = rng.random((_LATTICE,) * 3)
    total, weight = np.zeros(points.shape[:2]), 0.0
    for octave in range(_OCTAVES):
        share = 0.8**octave
        total += share * _sample(lattice, points * (_COARSEST * 2**octave))
        weight += share
    return np.clip((total / weight - 0.5) * 2.5 + 0.5, 0, 1)


def _sample(lattice: Array, points: Array) -> Array:
    """Read a periodic lattice between its nodes, linearly along each axis."""
    corner = np.floor(points).astype(np.int64)
    part = points - corner
    found = np.zeros(points.shape[:2])
    for step in np.ndindex(2, 2, 2):
        node = (corner + step) % _LATTICE
        weight = np.prod(np.where(np.array(step) == 1, part, 1 - part), axis=-1)
        found += weight * lattice[node[..., 0], node[..., 1], node[..., 2]]
    return found
