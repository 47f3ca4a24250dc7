"""COLMAP's binary files: cameras.bin, images.bin and points3D.bin, little-endian."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.files.disk import read_bytes
from parascale.files.distortion import MODELS
from parascale.files.formats.colmap.model import NO_POINTS, Camera, Image, Model

NAMES = ("cameras.bin", "images.bin", "points3D.bin")
RIGS = "rigs.bin"

# A model of 1,000 pictures with 5,000 observations each takes 120 MB.
_LARGEST = 2_000_000_000
_BY_NUMBER = {model.number: name for name, model in MODELS.items()}
# The sensor of a rig that takes pictures; the other kind measures its acceleration.
_CAMERA = 0
_OBSERVATION = np.dtype([("x", "<f8"), ("y", "<f8"), ("point", "<i8")])


def read_model(folder: Path) -> Model:
    """Read a model's binary files; points3D.bin may be missing.

    Raises
    ------
    InputError
        Where one is cut short or is not such a file.
    """
    cameras, images, points = (folder / name for name in NAMES)
    read_cameras = _read_cameras(_Bytes(cameras))
    read_images = tuple(_read_images(_Bytes(images)))
    ids, positions, colours = _read_points(_Bytes(points)) if points.exists() else NO_POINTS
    rigs = folder / RIGS
    mounted = tuple(_read_rigs(_Bytes(rigs))) if rigs.exists() else ()
    return Model(read_cameras, read_images, ids, positions, colours, rigs=mounted)


def format_model(model: Model) -> dict[str, bytes]:
    """Bytes of the three files by name."""
    cameras = [struct.pack("<Q", len(model.cameras))]
    for number, camera in model.cameras.items():
        head = struct.pack("<IiQQ", number, MODELS[camera.model].number, camera.width, camera.height)
        cameras.append(head + camera.parameters.astype("<f8").tobytes())
    images = [struct.pack("<Q", len(model.images))]
    for number, image in enumerate(model.images, start=1):
        pose = np.concatenate([image.quaternion, image.translation]).astype("<f8").tobytes()
        images.append(struct.pack("<I", number) + pose + struct.pack("<I", image.camera))
        images.append(image.name.encode() + b"\0" + struct.pack("<Q", 0))
    points = np.zeros(len(model.point_ids), _POINT)
    points["id"], points["position"], points["colour"] = model.point_ids, model.positions, model.colours
    blobs = b"".join(cameras), b"".join(images), struct.pack("<Q", len(points)) + points.tobytes()
    return dict(zip(NAMES, blobs, strict=True))


_POINT = np.dtype([("id", "<u8"), ("position", "<f8", 3), ("colour", "u1", 3), ("error", "<f8"), ("track", "<u8")])


class _Bytes:
    """A file read from front to back."""

    def __init__(self, path: Path) -> None:
        self.path, self._data, self._at = path, read_bytes(path, _LARGEST), 0

    def take(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.slice(struct.calcsize(layout)))

    def slice(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise InputError(f"{self.path} is cut short at byte {len(self._data)}, or not a COLMAP file")
        self._at += count
        return self._data[self._at - count : self._at]

    def name(self) -> str:
        end = self._data.find(b"\0", self._at, self._at + 4096)
        if end < 0:
            raise InputError(f"{self.path}: no name at byte {self._at}; the file is damaged")
        raw = self.slice(end - self._at + 1)[:-1]
        return raw.decode("utf-8", "replace")


def _read_cameras(file: _Bytes) -> dict[int, Camera]:
    cameras = {}
    for _ in range(file.take("<Q")[0]):
        number, model, width, height = file.take("<IiQQ")
        if model not in _BY_NUMBER:
            raise InputError(f"{file.path}: the camera model {model} is not one of {', '.join(MODELS)}")
        kind = MODELS[_BY_NUMBER[model]]
        count = kind.focals + 2 + len(kind.parameters)
        cameras[number] = Camera(_BY_NUMBER[model], width, height, _read_doubles(file, count, f"camera {number}"))
    return cameras


def _read_rigs(file: _Bytes) -> Iterator[frozenset[int]]:
    """Cameras of each rig; what is on it beside them, and how, is read past."""
    for _ in range(file.take("<Q")[0]):
        _, count = file.take("<II")
        cameras = set()
        for place in range(count):
            kind, number = file.take("<iI")
            # Where the first sensor of a rig is, the rig is: it has no pose of its own.
            if place > 0 and file.take("<?")[0]:
                file.slice(7 * 8)
            if kind == _CAMERA:
                cameras.add(number)
        yield frozenset(cameras)


def _read_images(file: _Bytes) -> list[Image]:
    images = []
    for index in range(file.take("<Q")[0]):
        number = file.take("<I")[0]
        pose = _read_doubles(file, 7, f"image {number}")
        camera = file.take("<I")[0]
        name = file.name()
        count = file.take("<Q")[0]
        observed = np.frombuffer(file.slice(count * _OBSERVATION.itemsize), _OBSERVATION)
        images.append(Image(name, pose[:4], pose[4:], camera, observed["point"].astype(np.int64), f"image {index}"))
    return images


def _read_points(file: _Bytes) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
    ids, positions, colours = [], [], []
    for _ in range(file.take("<Q")[0]):
        number, x, y, z, red, green, blue, _, length = file.take("<Q3d3BdQ")
        file.slice(8 * length)
        ids.append(number)
        positions.append((x, y, z))
        colours.append((red, green, blue))
    if not np.isfinite(np.array(positions)).all():
        raise InputError(f"{file.path}: a point is not finite")
    count = len(ids)
    return (
        np.array(ids, np.uint64).astype(np.int64),
        np.array(positions, np.float64).reshape(count, 3),
        np.array(colours, np.uint8).reshape(count, 3),
    )


def _read_doubles(file: _Bytes, count: int, where: str) -> NDArray[np.float64]:
    values = np.frombuffer(file.slice(8 * count), "<f8").astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{file.path}, {where}: a number is not finite")
    return values
