"""MegaSaM's archive: camera-to-world, one camera matrix, and a depth map a frame."""

import dataclasses
from pathlib import Path

import numpy as np

from parascale.files.disk import replace_files
from parascale.files.format import FLOAT32_PRECISION, Format, register
from parascale.files.matrices import from_camera_matrices, size_from_centre, to_camera_matrices
from parascale.files.note import read_note, write_note
from parascale.files.npz import Archive, npz_bytes
from parascale.files.raw_trajectory import RawTrajectory
from parascale.parallax.number import area_median
from parascale.parallax.shot import Shot
from parascale.types import Array


def read_megasam(path: Path) -> RawTrajectory:
    """Read a MegaSaM archive; the median depth comes from its depth maps.

    Raises
    ------
    InputError
        Where it is broken, or ``cam_c2w`` is missing.
    """
    with Archive(path) as archive:
        poses = archive.array("cam_c2w", (None, 4, 4))
        lens = _read_lens(archive, len(poses))
        note = read_note(archive.text("parascale"))
        return RawTrajectory(
            poses,
            lens=lens,
            note=dataclasses.replace(note, size=note.size or _find_size(archive)),
            middle=size_from_centre(lens),
            median_depth=_measure_depth(archive, len(poses)),
        )


def write_megasam(shot: Shot, path: Path) -> None:
    """Write the path of a MegaSaM archive, float32, with the camera matrix of the first frame."""
    arrays = {
        "cam_c2w": shot.trajectory.camera_to_world.astype(np.float32),
        "intrinsic": to_camera_matrices(shot.trajectory.intrinsics[:1])[0].astype(np.float32),
        "parascale": np.array(write_note(shot, "camera-to-world, OpenCV axes, intrinsics in pixels")),
    }
    replace_files({path: npz_bytes(arrays)})


def _read_lens(archive: Archive, count: int) -> Array | None:
    name = next((known for known in ("intrinsic", "intrinsics", "K") if known in archive.names), None)
    if name is None:
        return None
    shape = archive.shape(name)
    if shape == (count, 4):
        return archive.array(name, (count, 4))
    if len(shape) == 3:
        return from_camera_matrices(archive.array(name, (count, 3, 3)))
    return np.broadcast_to(from_camera_matrices(archive.array(name, (3, 3))), (count, 4))


def _find_size(archive: Archive) -> tuple[int, int] | None:
    for name in ("depths", "images"):
        if name in archive.names and len(archive.shape(name)) >= 3:
            height, width = archive.shape(name)[1:3]
            return width, height
    return None


def _measure_depth(archive: Archive, count: int) -> Array | None:
    if "depths" not in archive.names or archive.shape("depths")[0] != count:
        return None
    return np.array([area_median(depth[np.isfinite(depth) & (depth > 0)]) for depth in archive.frames("depths")])


register(
    Format(
        name="megasam",
        description="MegaSaM archive",
        suffix=".npz",
        lens="one",
        time="even",
        read=read_megasam,
        write=write_megasam,
        recognise=lambda sample: "cam_c2w" in sample.arrays,
        precision=FLOAT32_PRECISION,
    )
)
