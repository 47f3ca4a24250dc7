"""Conditioning tensors as files: float32 in an uncompressed .npz, each array with the names of its axes beside it."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.conditioning.plucker import CHANNELS, PluckerPlanes
from parascale.conditioning.relative import recammaster_vectors, relative_poses
from parascale.conditioning.wan_fun import GROUP, check_size, latent_frames, packed_order
from parascale.files.disk import MARK, replaced
from parascale.parallax.shot import Shot

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array of a file, made plane by plane so that it never has to be held whole.

    Attributes
    ----------
    name : str
    axes : tuple of str
        A name for every axis.
    shape : tuple of int
    planes : callable
        The array's values in order, as pieces of any size.
    """

    name: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    planes: Callable[[], Iterator[Plane]]


@dataclass(frozen=True)
class TensorFormat:
    """A conditioning tensor that can be written as a file.

    Attributes
    ----------
    name, description : str
    tensors : callable
        The arrays of a shot.
    losses : callable
        What has to be said about a shot, in sentences.
    step : int
        The number of frames is n step + 1.
    """

    name: str
    description: str
    tensors: Callable[[Shot], tuple[Tensor, ...]]
    step: int = 1
    losses: Callable[[Shot], Iterator[str]] = lambda _shot: iter(())


def find_tensor_format(name: str) -> TensorFormat | None:
    """Give a tensor format by name, or None."""
    return next((known for known in TENSORS if known.name == name), None)


def write_tensor(shot: Shot, path: Path, known: TensorFormat) -> tuple[str, ...]:
    """Write a shot's conditioning tensor as .npz; what has to be said about it, in sentences.

    The shot has the frames and the picture size that the generator works at.

    Raises
    ------
    InputError
        Where frames or size do not fit the generator, or the file cannot be written; then nothing is left behind.
    """
    tensors = known.tensors(shot)
    # Not flushed to disk: it can be made again, and hundreds of megabytes would take longer than making them.
    with replaced(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.comment = MARK.encode()
        for tensor in tensors:
            _write_array(archive, tensor)
            with archive.open(f"{tensor.name}_axes.npy", "w") as names:
                np.lib.format.write_array(names, np.array(tensor.axes))  # type: ignore[no-untyped-call] # as below
    return tuple(known.losses(shot))


def _write_array(archive: zipfile.ZipFile, tensor: Tensor) -> None:
    with archive.open(f"{tensor.name}.npy", "w", force_zip64=True) as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": tensor.shape}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call] # NumPy leaves it untyped
        for plane in tensor.planes():
            file.write(np.ascontiguousarray(plane, "<f4").data.cast("B"))


def _whole(name: str, axes: tuple[str, ...], values: NDArray[np.generic]) -> Tensor:
    single = values.astype(np.float32)
    return Tensor(name, axes, single.shape, lambda: iter((single,)))


def _planes(trajectory: Trajectory, order: Callable[[], Iterator[tuple[int, int]]]) -> Iterator[Plane]:
    """Planes one after another in one buffer."""
    planes = PluckerPlanes(trajectory)
    plane = np.empty(planes.shape, np.float32)
    for frame, channel in order():
        planes.fill(frame, channel, plane)
        yield plane


def _plucker(shot: Shot) -> tuple[Tensor, ...]:
    path, count = shot.trajectory, len(CHANNELS)

    def order() -> Iterator[tuple[int, int]]:
        return ((frame, channel) for frame in range(len(path)) for channel in range(count))

    shape = (len(path), count, path.height, path.width)
    axes = ("frame", f"channel: {' '.join(CHANNELS)}", "row", "column")
    return (Tensor("plucker", axes, shape, lambda: _planes(path, order)),)


def _wan_fun_latents(shot: Shot) -> tuple[Tensor, ...]:
    path = shot.trajectory
    check_size(path.width, path.height)
    shape = (1, GROUP * len(CHANNELS), latent_frames(len(path)), path.height, path.width)
    axes = ("batch", "channel: 4 component + frame of the group", "latent frame", "row", "column")
    return (Tensor("camera_latents", axes, shape, lambda: _planes(path, lambda: packed_order(len(path)))),)


def _matrices(shot: Shot) -> tuple[Tensor, ...]:
    path = shot.trajectory
    return (
        _whole("camera_to_world", ("frame", "row", "column"), relative_poses(path)),
        _whole("intrinsics", ("frame", "fx fy cx cy in pixels"), path.intrinsics),
        _whole("times", ("frame",), path.times),
    )


def _recammaster(shot: Shot) -> tuple[Tensor, ...]:
    latent_frames(len(shot))
    vectors = recammaster_vectors(shot.trajectory, shot.metres_per_unit or 1.0)
    return (_whole("camera", ("latent frame", "3x4 camera-to-world row by row, relative, metres"), vectors),)


def _metres(shot: Shot) -> Iterator[str]:
    if shot.metres_per_unit is None:
        yield "recammaster-12 is in metres and the shot's scale is unknown: its own units were written as metres"


TENSORS: tuple[TensorFormat, ...] = (
    TensorFormat("plucker", "Plücker maps, moment and direction for every pixel, npz", _plucker),
    TensorFormat("wan-fun-latents", "camera_latents of Wan2.1-Fun Control-Camera, npz", _wan_fun_latents, GROUP),
    TensorFormat("matrices", "camera-to-world relative to frame 0, with intrinsics and times, npz", _matrices),
    TensorFormat("recammaster-12", "ReCamMaster's 12 numbers a latent frame, npz", _recammaster, GROUP, _metres),
)
