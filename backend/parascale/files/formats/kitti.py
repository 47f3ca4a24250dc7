"""KITTI odometry poses: a row of 12 numbers a frame, 3x4 camera-to-world in metres, OpenCV axes. Nothing else."""

from pathlib import Path

from parascale.files.direction import describe_direction
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.matrices import from_rows, to_rows
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import format_rows, read_rows
from parascale.parallax.shot import Shot


def read_kitti(path: Path) -> RawTrajectory:
    """Read KITTI poses.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`.
    """
    rows = read_rows(path, {12})
    poses = from_rows(rows.values)
    return RawTrajectory(poses, rows.location, notices=describe_direction(poses))


def write_kitti(shot: Shot, path: Path) -> None:
    """Write KITTI poses."""
    replace_files({path: format_rows(to_rows(shot.trajectory.camera_to_world)).encode()})


register(
    Format(
        name="kitti",
        description="KITTI odometry poses",
        suffix=".txt",
        lens="none",
        time="none",
        read=read_kitti,
        write=write_kitti,
        recognise=lambda sample: sample.columns == 12,
        defaults=FormatDefaults(size=(1241, 376), fps=10, unit="m"),
        unit=False,
        size=False,
        metric=True,
    )
)
