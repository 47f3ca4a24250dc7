"""CAMERACTRL_POSES of ComfyUI as JSON: a list of rows of 19, whose sixth and seventh numbers are the picture's size."""

from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.files.camera_rows import COLUMNS, fraction_lens, fractions, poses_from_rows, rows_from_shot
from parascale.files.contents import Contents
from parascale.files.disk import replace_files
from parascale.files.json_text import dump, number_table, read_json
from parascale.files.matrices import frame_place
from parascale.parallax.shot import Shot


def read_comfyui(path: Path) -> Contents:
    """Read CAMERACTRL_POSES rows.

    Raises
    ------
    InputError
        Where the file is no JSON list of rows of 19 finite numbers.
    """
    rows = number_table(read_json(path), COLUMNS, str(path))
    width, height = rows[0, 5:7]
    stated = width >= 1 and height >= 1 and float(width).is_integer() and float(height).is_integer()
    if stated and np.any(rows[:, 5:7] != rows[0, 5:7]):
        raise InputError(f"{path}: the picture size changes from frame to frame")
    return Contents(
        poses_from_rows(rows),
        frame_place,
        lens=fraction_lens(rows),
        size=(int(width), int(height)) if stated else None,
    )


def write_comfyui(shot: Shot, path: Path) -> None:
    """Write CAMERACTRL_POSES rows; the first number of each is 0, as the nodes leave it."""
    rows = rows_from_shot(shot, np.zeros(len(shot)), fractions(shot))
    rows[:, 5:7] = shot.trajectory.size
    replace_files({path: dump(rows.tolist()).encode()})
