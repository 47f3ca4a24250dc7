"""Rows of 12 or 16 numbers, and folders of 4x4 matrices, that are world-to-camera: extrinsics, OpenCV axes.

They look like KITTI's, Replica's and ScanNet's, which are camera-to-world: a comment in the file tells, or the user.
"""

import dataclasses
import re
from pathlib import Path

from parascale.files.direction import INVERSE
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.formats.scannet import read_matrix_folder
from parascale.files.matrices import from_rows, from_squares, invert, to_rows
from parascale.files.note import read_note, write_note
from parascale.files.raw_trajectory import RawTrajectory
from parascale.files.rows import format_rows, read_rows
from parascale.files.sample import Sample
from parascale.parallax.shot import Shot

_SAID = re.compile(r"^\s*#.*\b(w2c|world[-_ ]?(to|2)[-_ ]?cam(era)?|extrinsics?)\b", re.IGNORECASE | re.MULTILINE)
# "Camera-to-world extrinsics", or "the inverse of w2c": that is KITTI's direction, which is said as it is read.
_DENIED = re.compile(r"^\s*#.*(c2w|cam(era)?[-_ ]?(to|2)[-_ ]?world|\binverse\b)", re.IGNORECASE | re.MULTILINE)


def read_world_to_camera(path: Path) -> RawTrajectory:
    """Read rows of 12 or 16, or a folder of 4x4 matrices.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`, and where a row or a file is not a matrix row by row.
    """
    if path.is_dir():
        folder = read_matrix_folder(path)
        return dataclasses.replace(folder, camera_to_world=invert(folder.camera_to_world))
    rows = read_rows(path, {12, 16})
    poses = (
        from_rows(rows.values) if rows.values.shape[1] == 12 else from_squares(rows.values, str(path), rows.location)
    )
    return RawTrajectory(invert(poses), rows.location, note=read_note(rows.comments))


def write_world_to_camera(shot: Shot, path: Path) -> None:
    """Write rows of 12, under a comment that says what they are."""
    rows = format_rows(to_rows(invert(shot.trajectory.camera_to_world)))
    replace_files({path: f"# {write_note(shot, f'{INVERSE} 3x4, OpenCV axes')}\n{rows}".encode()})


def _recognise(sample: Sample) -> bool:
    said = _SAID.search(sample.text) is not None and _DENIED.search(sample.text) is None
    return sample.columns in {12, 16} and said


register(
    Format(
        name=INVERSE,
        description="12 or 16 numbers a frame, or a folder of 4x4 matrices, world-to-camera",
        suffix=".txt",
        lens="none",
        time="none",
        read=read_world_to_camera,
        write=write_world_to_camera,
        recognise=_recognise,
        precedence=1,
    )
)
