"""MotionCtrl's camera poses: a JSON list of 12 numbers a frame, 3x4 world-to-camera row by row. Nothing else."""

from pathlib import Path

from parascale.files.contents import Contents
from parascale.files.disk import replace_files
from parascale.files.json_text import dump, number_table, read_json
from parascale.files.matrices import frame_place, from_rows, invert, to_rows
from parascale.parallax.shot import Shot


def read_motionctrl(path: Path) -> Contents:
    """Read MotionCtrl poses.

    Raises
    ------
    InputError
        Where the file is no JSON list of rows of 12 finite numbers.
    """
    return Contents(invert(from_rows(number_table(read_json(path), 12, str(path)))), frame_place)


def write_motionctrl(shot: Shot, path: Path) -> None:
    """Write MotionCtrl poses."""
    replace_files({path: dump(to_rows(invert(shot.trajectory.camera_to_world)).tolist()).encode()})
