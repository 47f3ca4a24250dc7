"""KITTI odometry poses: a row of 12 numbers a frame, 3x4 camera-to-world in metres, OpenCV axes. Nothing else."""

from pathlib import Path

from parascale.files.contents import Contents
from parascale.files.disk import replace_files
from parascale.files.matrices import from_rows, to_rows
from parascale.files.rows import format_rows, read_rows
from parascale.parallax.shot import Shot


def read_kitti(path: Path) -> Contents:
    """Read KITTI poses.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`.
    """
    rows = read_rows(path, {12})
    return Contents(from_rows(rows.values), rows.place)


def write_kitti(shot: Shot, path: Path) -> None:
    """Write KITTI poses."""
    replace_files({path: format_rows(to_rows(shot.trajectory.camera_to_world)).encode()})
