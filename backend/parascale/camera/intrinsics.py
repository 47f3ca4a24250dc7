"""Pinhole intrinsics, (..., 4): fx, fy, cx, cy in pixels, pixel centres at +0.5."""

import numpy as np
from numpy.typing import ArrayLike

from parascale.errors import InputError
from parascale.types import Array


def focal_from_fov(fov: float, extent: float) -> float:
    """Focal length in pixels of a field of view in radians across ``extent`` pixels, the picture's width or height.

    Raises
    ------
    InputError
        Where no pinhole camera has that field of view.
    """
    if not 0 < fov < np.pi:
        raise InputError(f"a field of view of {np.degrees(fov):.4g} degrees is not between 0 and 180")
    return float(extent / 2 / np.tan(fov / 2))


def fov_from_focal(focal: float, extent: float) -> float:
    """Field of view in radians of a focal length in pixels across ``extent`` pixels."""
    return float(2 * np.arctan2(extent / 2, focal))


def scale_intrinsics(intrinsics: ArrayLike, from_size: tuple[int, int], to_size: tuple[int, int]) -> Array:
    """Intrinsics of the same camera with its picture resized; sizes are width and height in pixels."""
    x, y = to_size[0] / from_size[0], to_size[1] / from_size[1]
    scaled: Array = np.asarray(intrinsics, np.float64) * np.array([x, y, x, y])
    return scaled


def normalise_pixels(pixels: ArrayLike, intrinsics: ArrayLike) -> Array:
    """Image coordinates (..., 2) of pixels on the plane at depth 1: ((u - cx) / fx, (v - cy) / fy)."""
    camera = np.asarray(intrinsics, np.float64)
    normalised: Array = (np.asarray(pixels, np.float64) - camera[..., 2:]) / camera[..., :2]
    return normalised


def unprojection(pixels: ArrayLike, intrinsics: ArrayLike) -> Array:
    """Rays (..., 3) through pixels in camera coordinates, with z = 1: times z-depth they are the points seen."""
    xy = normalise_pixels(pixels, intrinsics)
    return np.concatenate([xy, np.ones((*xy.shape[:-1], 1))], axis=-1)


def projection(points: ArrayLike, intrinsics: ArrayLike) -> Array:
    """Pixels (..., 2) of points (..., 3) in camera coordinates, OpenCV axes; meaningless where z <= 0."""
    xyz, camera = np.asarray(points, np.float64), np.asarray(intrinsics, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels: Array = xyz[..., :2] / xyz[..., 2:] * camera[..., :2] + camera[..., 2:]
    return pixels
