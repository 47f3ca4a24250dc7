"""Rows of 16 numbers, as Replica's traj.txt and NICE-SLAM's have: 4x4 camera-to-world row by row, OpenCV axes."""

from pathlib import Path

from parascale.files.direction import describe_direction
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.matrices import from_squares
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import format_rows, read_rows
from parascale.parallax.shot import Shot


def read_replica(path: Path) -> RawTrajectory:
    """Read rows of 16.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`, and where a row is not a matrix row by row.
    """
    rows = read_rows(path, {16})
    poses = from_squares(rows.values, str(path), rows.location)
    return RawTrajectory(poses, rows.location, notices=describe_direction(poses))


def write_replica(shot: Shot, path: Path) -> None:
    """Write rows of 16."""
    replace_files({path: format_rows(shot.trajectory.camera_to_world.reshape(-1, 16)).encode()})


register(
    Format(
        name="replica",
        description="Replica traj.txt, a 4x4 matrix a row",
        suffix=".txt",
        lens="none",
        time="none",
        read=read_replica,
        write=write_replica,
        recognise=lambda sample: sample.columns == 16,
        defaults=FormatDefaults(size=(1200, 680), fps=30, fov=90, unit="m"),
        unit=False,
        size=False,
        metric=True,
    )
)
