"""RealEstate10K rows, which CameraCtrl, AC3D, CamI2V and ComfyUI's pose loader read: a header line, then a row a frame.

Timestamps are microseconds. Source: Zhou et al., Stereo Magnification, SIGGRAPH 2018, the data set's page.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.files.camera_rows import (
    COLUMNS,
    CONVENTION,
    format_camera_rows,
    fraction_lens,
    fractions,
    poses_from_rows,
    rows_from_shot,
)
from parascale.files.contents import Contents
from parascale.files.disk import replace_files
from parascale.files.note import read_note, write_note
from parascale.files.rows import Rows, read_rows
from parascale.parallax.shot import Shot


def read_realestate10k(path: Path) -> Contents:
    """Read RealEstate10K rows; timestamps that do not increase, as in made-up files, count for nothing.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`.
    """
    return contents_from_rows(read_rows(path, {COLUMNS}, header=True))


def contents_from_rows(rows: Rows, warnings: tuple[str, ...] = ()) -> Contents:
    """Tell what RealEstate10K rows say."""
    note = read_note(rows.comments)
    return Contents(
        poses_from_rows(rows.values),
        rows.place,
        lens=fraction_lens(rows.values),
        size=note.size,
        times=rows.values[:, 0] / 1e6,
        fps=note.fps,
        unit=note.unit,
        metres_per_unit=note.metres_per_unit,
        warnings=warnings,
    )


def write_realestate10k(shot: Shot, path: Path) -> None:
    """Write RealEstate10K rows; the header line is ours."""
    replace_files({path: realestate10k_text(shot).encode()})


def realestate10k_text(shot: Shot) -> str:
    """Text of RealEstate10K rows."""
    rows = rows_from_shot(shot, microseconds(shot), fractions(shot))
    return write_note(shot, CONVENTION) + "\n" + format_camera_rows(rows)


def microseconds(shot: Shot) -> NDArray[np.float64]:
    """Give times as whole microseconds."""
    whole: NDArray[np.float64] = np.rint(shot.trajectory.times * 1e6)
    return whole
