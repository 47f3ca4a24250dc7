"""Ten made sets of photos with wide steps, with their true poses: for `bench_photo_sets.py`.

Photos of a rendered scene, from 20 to 60 of each, as a person takes them: all round a place, along a street, from a few
heights, or here and there in no order. Each is written as a JPEG.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from renderer import load_renderer

from parascale.types import Array

SIZE, FOCAL = (960, 640), 800.0
JPEG_QUALITY = 95
TARGET = (0.0, 0.4, 7.5)

rendered = load_renderer()


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """A folder of photos and its truth: fx fy cx cy, poses (T, 4, 4)."""

    path: Path
    intrinsics: Array
    camera_to_world: Array


def _jitter(rng: np.random.Generator, centres: Array, amount: float = 0.15) -> Array:
    return np.asarray(centres + rng.normal(0, amount, centres.shape) * [1, 0.5, 1])


def _around(angles: Array, radius: float, height: float) -> Array:
    heights = np.full(len(angles), height)
    return np.stack([radius * np.sin(angles), heights, TARGET[2] - radius * np.cos(angles)], 1)


def _looking(rng: np.random.Generator, centres: Array) -> Array:
    """Look at the target, not quite, and not quite upright."""
    poses = np.asarray(rendered.look_at(centres, TARGET))
    for pose in poses:
        pose[:3, :3] = pose[:3, :3] @ cv2.Rodrigues(rng.normal(0, [0.03, 0.04, 0.03]))[0]
    return poses


def all_round(rng: np.random.Generator) -> Array:
    return _looking(rng, _jitter(rng, _around(np.linspace(-np.pi, np.pi, 24, endpoint=False), 5.5, -2.6), 0.1))


def two_heights(rng: np.random.Generator) -> Array:
    low, high = (_around(np.linspace(-0.8, 0.8, 14), 6.5, height) for height in (0.3, -1.6))
    return _looking(rng, _jitter(rng, np.concatenate([low, high[::-1]])))


def grid_in_no_order(rng: np.random.Generator) -> Array:
    x, y = np.meshgrid(np.linspace(-2.5, 2.5, 6), np.linspace(-2.2, 0.6, 4))
    centres = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    return _looking(rng, rng.permutation(_jitter(rng, centres)))


def along_a_front(rng: np.random.Generator) -> Array:
    x = np.linspace(-4.5, 4.5, 20).reshape(2, 10, order="F").ravel()
    poses = np.tile(np.eye(4), (len(x), 1, 1))
    poses[:, :3, 3] = _jitter(rng, np.stack([x, np.zeros(len(x)), np.full(len(x), -2.5)], 1), 0.1)
    for pose in poses:
        pose[:3, :3] = cv2.Rodrigues(rng.normal(0, 0.03, 3))[0]
    return poses


def walk_ahead(rng: np.random.Generator) -> Array:
    z = np.linspace(-3.0, 4.0, 22)
    poses = np.tile(np.eye(4), (len(z), 1, 1))
    poses[:, :3, 3] = _jitter(rng, np.stack([0.4 * np.sin(z), np.zeros(len(z)), z], 1), 0.1)
    for pose in poses:
        pose[:3, :3] = cv2.Rodrigues(rng.normal(0, [0.03, 0.06, 0.03]))[0]
    return poses


def here_and_there(rng: np.random.Generator) -> Array:
    return _looking(rng, rng.uniform([-3.0, -2.2, -2.0], [3.0, 0.8, 2.0], (30, 3)))


def many_in_no_order(rng: np.random.Generator) -> Array:
    return _looking(rng, rng.uniform([-3.5, -2.5, -2.5], [3.5, 0.8, 2.5], (60, 3)))


def rise(rng: np.random.Generator) -> Array:
    u = np.linspace(0, 1, 20)
    return _looking(rng, _jitter(rng, np.stack([1.5 * u, 0.8 - 4.5 * u, 2.0 * u], 1), 0.1))


# Scene and path of each.
KINDS: tuple[tuple[str, str, Callable[[np.random.Generator], Array]], ...] = (
    ("all round", "courtyard", all_round),
    ("two heights", "courtyard", two_heights),
    ("grid in no order", "courtyard", grid_in_no_order),
    ("along a front", "courtyard", along_a_front),
    ("rise", "courtyard", rise),
    ("here and there", "courtyard", here_and_there),
    ("many in no order", "courtyard", many_in_no_order),
    ("walk ahead", "street", walk_ahead),
    ("here and there in a street", "street", here_and_there),
    ("rise in a street", "street", rise),
)


def photograph(number: int, folder: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> PhotoSet:
    """Render the photos of one of the sets into a folder."""
    _, scene, path = KINDS[number]
    rng = np.random.default_rng([seed, number])
    poses = path(rng)
    focal = FOCAL * size[0] / SIZE[0]
    camera = rendered.Camera(getattr(rendered, scene)(int(rng.integers(1000))), size, focal)
    folder.mkdir(parents=True, exist_ok=True)
    for at, pose in enumerate(poses):
        _write(folder / f"IMG_{2000 + at}.jpg", camera.picture(pose)[0])
    return PhotoSet(folder, np.array([focal, focal, size[0] / 2, size[1] / 2]), poses)


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    cv2.imwrite(str(path), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
