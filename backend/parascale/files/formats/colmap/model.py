"""A COLMAP model in memory, between its two file formats and a shot."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.types import Array


@dataclass(frozen=True, eq=False)
class Camera:
    """One camera: its model's name, picture size and parameters."""

    model: str
    width: int
    height: int
    parameters: Array


@dataclass(frozen=True, eq=False)
class Image:
    """One picture: its pose, camera and what it observed.

    Attributes
    ----------
    name : str
    quaternion : (4,) float64
        w, x, y, z of the world-to-camera rotation.
    translation : (3,) float64
    camera : int
        Id of its `Camera`.
    points : (n,) int64
        Ids of the points it observed; -1 where none belongs to an observation.
    location : str
        Where in the file it is.
    """

    name: str
    quaternion: Array
    translation: Array
    camera: int
    points: NDArray[np.int64]
    location: str


@dataclass(frozen=True, eq=False)
class Model:
    """A COLMAP model.

    Attributes
    ----------
    cameras : mapping of int to Camera
    images : tuple of Image
    point_ids : (N,) int64
    positions : (N, 3) float64
    colours : (N, 3) uint8
    comments : str
    rigs : tuple of frozenset
        Ids of the cameras that are mounted together.
    """

    cameras: Mapping[int, Camera]
    images: tuple[Image, ...]
    point_ids: NDArray[np.int64]
    positions: Array
    colours: NDArray[np.uint8]
    comments: str = ""
    rigs: tuple[frozenset[int], ...] = ()


NO_POINTS = np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3), np.uint8)
