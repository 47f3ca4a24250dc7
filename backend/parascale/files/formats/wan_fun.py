"""Camera files of Wan2.1-Fun Control-Camera: rows as RealEstate10K's, whose intrinsics mean a 1280x720 picture.

The tool covers the wanted picture with that of 1280x720 and cuts it around the middle; cx and cy are taken as they are.
"""

from pathlib import Path

import numpy as np

from parascale.files.camera_rows import COLUMNS, CONVENTION, format_camera_rows, poses_from_rows, rows_from_shot
from parascale.files.disk import replace_files
from parascale.files.format import Format, Rate, register
from parascale.files.note import read_note, write_note
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory, Size
from parascale.files.rows import read_rows
from parascale.files.sample import Sample
from parascale.parallax.shot import Shot
from parascale.types import Array

ASPECT = 1280 / 720


def read_wan_fun(path: Path) -> RawTrajectory:
    """Read a Wan-Fun camera file as the tool would for a picture of the size asked for.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`.
    """
    rows = read_rows(path, {COLUMNS}, header=True)
    note = read_note(rows.comments)
    return RawTrajectory(
        poses_from_rows(rows.values),
        rows.location,
        lens=lambda size: rows.values[:, 1:5] * pixels_per_fraction(size),
        note=note,
    )


def write_wan_fun(shot: Shot, path: Path) -> None:
    """Write a Wan-Fun camera file that gives the shot's own lens at the shot's own size."""
    fractions = shot.trajectory.intrinsics / pixels_per_fraction(shot.trajectory.size)
    rows = rows_from_shot(shot, np.zeros(len(shot)), fractions)
    text = write_note(shot, f"wan-fun, {CONVENTION}, of 1280x720") + "\n" + format_camera_rows(rows)
    replace_files({path: text.encode()})


def pixels_per_fraction(size: Size) -> Array:
    """Factors from the file's fx, fy, cx, cy to pixels of a picture of another shape.

    Parameters
    ----------
    size : (int, int)
        Width and height in pixels.

    Returns
    -------
    (4,) float64
    """
    width, height = size
    covering = (height * ASPECT, height) if width / height < ASPECT else (width, width / ASPECT)
    return np.array([*covering, width, height])


def _recognise(sample: Sample) -> bool:
    head = sample.text.partition("\n")[0]
    # The tool's own files begin with an empty line and count no time; the last row may be cut short.
    is_own = not head.strip() and all(row[0] in {"0", "0.0"} for row in sample.rows[:-1] or sample.rows)
    return sample.columns == COLUMNS and ("convention=wan-fun" in head or is_own)


register(
    Format(
        name="wan-fun",
        description="Wan2.1-Fun Control-Camera file",
        suffix=".txt",
        lens="each frame",
        time="even",
        read=read_wan_fun,
        write=write_wan_fun,
        recognise=_recognise,
        precedence=1,
        defaults=FormatDefaults(fps=16),
        rate=Rate(16, 4, 81),
    )
)
