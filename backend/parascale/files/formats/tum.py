"""TUM RGB-D trajectories: timestamp, centre, quaternion x y z w; camera-to-world in metres, OpenCV axes.

Some files leave the timestamp out. Other tools put w first in such rows: those are `tum-w-first`.
"""

import dataclasses
from pathlib import Path

import numpy as np

from parascale.camera.rotations import quaternions_from_matrices
from parascale.errors import InputError, Notice
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.matrices import from_parts, is_unit, rotations_from_quaternions
from parascale.files.note import read_note, write_note
from parascale.files.quaternion_order import W_FIRST as W_X_Y_Z
from parascale.files.quaternion_order import W_LAST, Evidence, find_other_order, read_order
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import format_rows, read_rows
from parascale.files.sample import Sample
from parascale.files.stamps import read_stamps
from parascale.parallax.shot import Shot
from parascale.types import Array

W_FIRST = "tum-w-first"
_CONVENTION = "timestamp tx ty tz qx qy qz qw, camera-to-world, OpenCV axes"
_CONVENTION_W_FIRST = "timestamp tx ty tz qw qx qy qz, camera-to-world, OpenCV axes"
_WHY = {
    "names": "the file names its columns so",
    "first row": "the first row is then the identity",
    "smoothness": "the path is then far smoother",
    "": "as the format says",
    "doubt": "the path is then smoother",
    "none": "as the format says",
}
_UNTOLD = "the quaternions are read with w last, as the format says: neither a name nor the path tells"


def read_tum(path: Path) -> RawTrajectory:
    """Read a TUM trajectory; lines that start with # are comments.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`, where a quaternion is not of unit length, or where time does not increase.
    """
    raw, evidence = _read(path, w_first=False)
    if not evidence:
        return raw
    told = f"the quaternions may begin with w: {_WHY[evidence]}" if evidence != "none" else _UNTOLD
    notice = Notice(told, "other-format", (W_FIRST,))
    return dataclasses.replace(raw, notices=(*raw.notices, notice))


def read_tum_w_first(path: Path) -> RawTrajectory:
    """Read a trajectory as MonST3R, CUT3R and others write it: as TUM's with w first.

    Raises
    ------
    InputError
        As `read_tum`.
    """
    raw, evidence = _read(path, w_first=True)
    notice = Notice(f"the quaternions are read with w first: {_WHY[evidence]}", "other-format", ("tum",))
    return dataclasses.replace(raw, notices=(*raw.notices, notice))


def _read(path: Path, *, w_first: bool) -> tuple[RawTrajectory, Evidence]:
    rows = read_rows(path, {7, 8}, header=True)
    stamps = rows.values[:, 0] if rows.values.shape[1] == 8 else None
    centres, quaternions = rows.values[:, -7:-4], rows.values[:, -4:]
    for row in np.flatnonzero(np.diff(stamps) <= 0)[:1] if stamps is not None else ():
        raise InputError(f"{path}, {rows.location(int(row) + 1)}: the time does not increase")
    rotations = rotations_from_quaternions(quaternions[:, W_X_Y_Z if w_first else W_LAST], str(path), rows.location)
    note = read_note(rows.comments)
    # Our own files state their order.
    evidence = "" if note.unit else _find_evidence(rows.comments, quaternions, centres)
    times, frames, notices = read_stamps(stamps) if stamps is not None and not note.unit else (stamps, None, ())
    raw = RawTrajectory(
        from_parts(rotations, centres), rows.location, note=note, times=times, frames=frames, notices=notices
    )
    return raw, evidence


def _find_evidence(comments: str, quaternions: Array, centres: Array) -> Evidence:
    """Say what tells that w comes first, the file's own names of its columns before all else."""
    named = read_order(comments)
    if named is not None:
        return "names" if named == W_X_Y_Z else ""
    return find_other_order(quaternions, centres, W_LAST)


def write_tum(shot: Shot, path: Path) -> None:
    """Write a TUM trajectory."""
    _write(shot, path, _CONVENTION, [1, 2, 3, 0])


def write_tum_w_first(shot: Shot, path: Path) -> None:
    """Write a TUM trajectory with w first."""
    _write(shot, path, _CONVENTION_W_FIRST, [0, 1, 2, 3])


def _write(shot: Shot, path: Path, convention: str, order: list[int]) -> None:
    trajectory = shot.trajectory
    quaternions = quaternions_from_matrices(trajectory.rotations)[:, order]
    rows = np.column_stack([trajectory.times, trajectory.centres, quaternions])
    replace_files({path: f"# {write_note(shot, convention)}\n{format_rows(rows)}".encode()})


def is_w_first(sample: Sample) -> bool:
    """Tell whether rows of 7 or 8 numbers begin their quaternions with w, by the file's own word or by evidence."""
    if sample.columns not in {7, 8}:
        return False
    values = sample.values
    if not is_unit(values[:, -4:]):
        return False
    evidence = _find_evidence(sample.text, values[:, -4:], values[:, -7:-4])
    return evidence in {"names", "first row", "smoothness"}


_TUM = Format(
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
register(
    _TUM,
    dataclasses.replace(
        _TUM,
        name=W_FIRST,
        description="TUM rows with w first, as MonST3R and CUT3R write",
        read=read_tum_w_first,
        write=write_tum_w_first,
        recognise=is_w_first,
        precedence=1,
        # What these tools solve from pictures alone has no scale.
        defaults=FormatDefaults(size=(640, 480), fps=30),
        metric=False,
    ),
)
