"""CAMERACTRL_POSES of ComfyUI as JSON: a list of rows of 19, whose sixth and seventh numbers are the picture's size."""

from pathlib import Path

import numpy as np

from parascale.files.camera_rows import (
    COLUMNS,
    doubt_fractions,
    fractions,
    lens_from_fractions,
    poses_from_rows,
    rows_from_shot,
    size_from_rows,
)
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.json_text import format_json_rows, parse_table, read_json
from parascale.files.note import Note
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.parallax.shot import Shot


def read_comfyui(path: Path) -> RawTrajectory:
    """Read CAMERACTRL_POSES rows.

    Raises
    ------
    InputError
        Where the file is not a JSON list of rows of 19 finite numbers.
    """
    rows = parse_table(read_json(path), COLUMNS, str(path))
    note = Note(size=size_from_rows(rows, str(path)))
    return RawTrajectory(
        poses_from_rows(rows), note=note, lens=lens_from_fractions(rows), notices=doubt_fractions(rows)
    )


def write_comfyui(shot: Shot, path: Path) -> None:
    """Write CAMERACTRL_POSES rows; the first number of each is 0, as the nodes leave it."""
    rows = rows_from_shot(shot, np.zeros(len(shot)), fractions(shot))
    rows[:, 5:7] = shot.trajectory.size
    replace_files({path: format_json_rows(rows.tolist()).encode()})


register(
    Format(
        name="comfyui",
        description="ComfyUI CAMERACTRL_POSES rows, JSON",
        suffix=".json",
        lens="each frame",
        time="none",
        read=read_comfyui,
        write=write_comfyui,
        recognise=lambda sample: sample.json_columns == COLUMNS,
        defaults=FormatDefaults(fps=16),
        unit=False,
    )
)
