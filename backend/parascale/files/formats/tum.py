"""TUM RGB-D trajectories: timestamp, centre, quaternion x y z w; camera-to-world in metres, OpenCV axes.

Some files leave the timestamp out.
"""

from pathlib import Path

import numpy as np

from parascale.camera.rotations import quaternions_from_matrices
from parascale.errors import InputError
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.matrices import from_parts, rotations_from_quaternions
from parascale.files.note import read_note, write_note
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import format_rows, read_rows
from parascale.parallax.shot import Shot

_CONVENTION = "timestamp tx ty tz qx qy qz qw, camera-to-world, OpenCV axes"


def read_tum(path: Path) -> RawTrajectory:
    """Read a TUM trajectory; lines that start with # are comments.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`, where a quaternion is not of unit length, or where time does not increase.
    """
    rows = read_rows(path, {7, 8})
    times = rows.values[:, 0] if rows.values.shape[1] == 8 else None
    centres, quaternions = rows.values[:, -7:-4], rows.values[:, [-1, -4, -3, -2]]
    for row in np.flatnonzero(np.diff(times) <= 0)[:1] if times is not None else ():
        raise InputError(f"{path}, {rows.location(int(row) + 1)}: the time does not increase")
    rotations = rotations_from_quaternions(quaternions, str(path), rows.location)
    note = read_note(rows.comments)
    return RawTrajectory(from_parts(rotations, centres), rows.location, note=note, times=times)


def write_tum(shot: Shot, path: Path) -> None:
    """Write a TUM trajectory."""
    trajectory = shot.trajectory
    quaternions = quaternions_from_matrices(trajectory.rotations)[:, [1, 2, 3, 0]]
    rows = np.column_stack([trajectory.times, trajectory.centres, quaternions])
    replace_files({path: f"# {write_note(shot, _CONVENTION)}\n{format_rows(rows)}".encode()})


register(
    Format(
        name="tum",
        description="TUM RGB-D trajectory",
        suffix=".txt",
        lens="none",
        time="exact",
        read=read_tum,
        write=write_tum,
        recognise=lambda sample: sample.columns in {7, 8},
        defaults=FormatDefaults(size=(640, 480), fps=30, unit="m"),
        metric=True,
    )
)
