"""RealEstate10K rows, which CameraCtrl, AC3D, CamI2V and ComfyUI's pose loader read: a header line, then a row a frame.

Timestamps are microseconds. Source: Zhou et al., Stereo Magnification, SIGGRAPH 2018, the data set's page.
"""

import dataclasses
from pathlib import Path

import numpy as np

from parascale.errors import Notice
from parascale.files.camera_rows import (
    COLUMNS,
    CONVENTION,
    doubt_fractions,
    format_camera_rows,
    fractions,
    lens_from_fractions,
    poses_from_rows,
    rows_from_shot,
    size_from_rows,
)
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.note import read_note, write_note
from parascale.files.raw_trajectory import Frames, RawTrajectory
from parascale.files.rows import Rows, read_rows
from parascale.files.stamps import read_stamps
from parascale.parallax.shot import Shot
from parascale.types import Array

# Microseconds between frames: stamps that are closer or farther apart count something else.
_SHORTEST, _LONGEST = 1000, 5e6


def read_realestate10k(path: Path) -> RawTrajectory:
    """Read RealEstate10K rows; timestamps that do not increase, as in made-up files, count for nothing.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`.
    """
    return parse_camera_rows(read_rows(path, {COLUMNS}, header=True), str(path))


def parse_camera_rows(rows: Rows, source: str, notices: tuple[Notice, ...] = ()) -> RawTrajectory:
    """Make a raw trajectory of RealEstate10K rows.

    Raises
    ------
    InputError
        Where the rows hold picture sizes that differ.
    """
    note = read_note(rows.comments)
    stamps = rows.values[:, 0]
    times, frames, told = _read_stamps(stamps)
    return RawTrajectory(
        poses_from_rows(rows.values),
        rows.location,
        lens=lens_from_fractions(rows.values),
        note=note if note.size else dataclasses.replace(note, size=size_from_rows(rows.values, source)),
        times=times,
        frames=frames,
        notices=notices + told + doubt_fractions(rows.values),
    )


def _read_stamps(stamps: Array) -> tuple[Array | None, Frames | None, tuple[Notice, ...]]:
    """Give times or frame numbers: whole stamps are microseconds, as the format says, where frames can lie so apart."""
    step = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
    if step <= 0 or (_SHORTEST <= step <= _LONGEST and np.all(stamps == np.rint(stamps))):
        return stamps / 1e6, None, ()
    return read_stamps(stamps)


def write_realestate10k(shot: Shot, path: Path) -> None:
    """Write RealEstate10K rows; the header line is ours."""
    replace_files({path: format_shot(shot).encode()})


def format_shot(shot: Shot) -> str:
    """Format a shot as RealEstate10K rows, under a header line."""
    rows = rows_from_shot(shot, np.rint(shot.trajectory.times * 1e6), fractions(shot))
    return write_note(shot, CONVENTION) + "\n" + format_camera_rows(rows)


register(
    Format(
        name="realestate10k",
        description="RealEstate10K and CameraCtrl rows",
        suffix=".txt",
        lens="each frame",
        time="microseconds",
        read=read_realestate10k,
        write=write_realestate10k,
        recognise=lambda sample: sample.columns == COLUMNS,
    )
)
