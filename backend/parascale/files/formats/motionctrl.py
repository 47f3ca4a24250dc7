"""MotionCtrl's camera poses: a JSON list of 12 numbers a frame, 3x4 world-to-camera row by row. Nothing else."""

from pathlib import Path

from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.json_text import format_json_rows, parse_table, read_json
from parascale.files.matrices import from_rows, invert, to_rows
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.parallax.shot import Shot


def read_motionctrl(path: Path) -> RawTrajectory:
    """Read MotionCtrl poses.

    Raises
    ------
    InputError
        Where the file is not a JSON list of rows of 12 finite numbers.
    """
    return RawTrajectory(invert(from_rows(parse_table(read_json(path), 12, str(path)))))


def write_motionctrl(shot: Shot, path: Path) -> None:
    """Write MotionCtrl poses."""
    replace_files({path: format_json_rows(to_rows(invert(shot.trajectory.camera_to_world)).tolist()).encode()})


register(
    Format(
        name="motionctrl",
        description="MotionCtrl poses, JSON",
        suffix=".json",
        lens="none",
        time="none",
        read=read_motionctrl,
        write=write_motionctrl,
        recognise=lambda sample: sample.json_columns == 12,
        defaults=FormatDefaults(size=(256, 256), fps=8),
        unit=False,
        size=False,
    )
)
