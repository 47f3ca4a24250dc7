"""ViPE's results: a folder with pose/NAME.npz (camera-to-world) and intrinsics/NAME.npz (fx, fy, cx, cy), by frame."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.files.cameras import choose_camera
from parascale.files.disk import make_folder, replace_files
from parascale.files.format import FLOAT32_PRECISION, Format, register
from parascale.files.matrices import size_from_centre
from parascale.files.note import read_note, write_note
from parascale.files.npz import Archive, npz_bytes
from parascale.files.raw_trajectory import RawTrajectory
from parascale.parallax.shot import Shot
from parascale.types import Array


def read_vipe(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read one clip of a folder of ViPE's: the one asked for, else the first.

    Raises
    ------
    InputError
        Where there is none, or it is broken.
    """
    names = sorted(file.stem for file in (path / "pose").glob("*.npz"))
    if not names:
        raise InputError(f"{path} has no pose/NAME.npz: not a folder of ViPE's results")
    name, notices = choose_camera(names, camera, str(path))
    with Archive(path / "pose" / f"{name}.npz") as archive:
        poses = archive.array("data", (None, 4, 4))
        frames = _read_frames(archive, len(poses))
        note = read_note(archive.text("parascale"))
    lens = _read_lens(path / "intrinsics" / f"{name}.npz", frames)
    return RawTrajectory(poses, lens=lens, note=note, middle=size_from_centre(lens), frames=frames, notices=notices)


def write_vipe(shot: Shot, path: Path) -> None:
    """Write pose and intrinsics into a folder as ViPE does, float32, under the folder's own name."""
    make_folder(path)
    note = np.array(write_note(shot, "camera-to-world, OpenCV axes, intrinsics in pixels"))
    poses = shot.trajectory.camera_to_world.astype(np.float32)
    lens = shot.trajectory.intrinsics.astype(np.float32)
    assert shot.frames is not None
    replace_files(
        {
            make_folder(path / folder) / f"{path.name}.npz": npz_bytes(
                {"data": data, "inds": shot.frames, "parascale": note}
            )
            for folder, data in (("pose", poses), ("intrinsics", lens))
        }
    )


def _read_frames(archive: Archive, count: int) -> NDArray[np.int64]:
    if "inds" not in archive.names:
        return np.arange(count)
    return np.rint(archive.array("inds", (count,))).astype(np.int64)


def _read_lens(path: Path, frames: NDArray[np.int64]) -> Array | None:
    """Intrinsics of the frames that have a pose."""
    if not path.is_file():
        return None
    with Archive(path) as archive:
        columns = archive.shape("data")[-1]
        if columns > 4:
            raise InputError(f"{path}: not a pinhole camera. Only pinhole cameras can be read")
        lens = archive.array("data", (None, 4))
        numbers = _read_frames(archive, len(lens))
    row = {number: index for index, number in enumerate(numbers.tolist())}
    missing = [number for number in frames.tolist() if number not in row]
    if missing:
        raise InputError(f"{path}: frame {missing[0]} has a pose but no intrinsics")
    return lens[[row[number] for number in frames.tolist()]]


register(
    Format(
        name="vipe",
        description="ViPE result folder, pose and intrinsics",
        suffix="",
        lens="each frame",
        time="even",
        read=read_vipe,
        write=write_vipe,
        recognise=lambda sample: sample.has_file("pose/*.npz"),
        precedence=1,
        cameras=True,
        precision=FLOAT32_PRECISION,
    )
)
