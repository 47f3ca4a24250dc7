"""Redwood's and Open3D's .log: three whole numbers, then a 4x4 camera-to-world matrix in metres, OpenCV axes."""

from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.files.disk import read_text, replace_files
from parascale.files.format import Format, register
from parascale.files.matrices import from_squares
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import format_rows, parse_rows
from parascale.files.sample import Sample
from parascale.parallax.shot import Shot

_BLOCK = 5


def read_redwood_log(path: Path) -> RawTrajectory:
    """Read a .log trajectory, in its own order.

    Raises
    ------
    InputError
        Where a block is not a line of three numbers and four lines of four: with the line.
    """
    lines = read_text(path).split("\n")
    kept = [index for index, line in enumerate(lines) if line.strip()]
    heads = kept[::_BLOCK]
    for index in heads:
        if len(lines[index].split()) != 3:
            raise InputError(f"{path}, line {index + 1}: three whole numbers are needed before each matrix")
    if len(kept) % _BLOCK:
        raise InputError(f"{path}, line {kept[-1] + 1}: the last matrix is cut short")
    skipped = set(heads)
    matrices = ["" if index in skipped else line for index, line in enumerate(lines)]
    rows = parse_rows("\n".join(matrices), str(path), {4})

    def location(frame: int) -> str:
        return f"line {heads[frame] + 1}"

    return RawTrajectory(from_squares(rows.values.reshape(-1, 16), str(path), location), location)


def write_redwood_log(shot: Shot, path: Path) -> None:
    """Write a .log trajectory."""
    blocks = [
        f"{frame} {frame} {frame + 1}\n{format_rows(pose)}"
        for frame, pose in enumerate(np.asarray(shot.trajectory.camera_to_world))
    ]
    replace_files({path: "".join(blocks).encode()})


def _recognise(sample: Sample) -> bool:
    words = [len(line.split()) for line in sample.text.split("\n")[:_BLOCK]]
    return words == [3, 4, 4, 4, 4]


register(
    Format(
        name="redwood-log",
        description="Redwood and Open3D .log trajectory",
        suffix=".log",
        lens="none",
        time="none",
        read=read_redwood_log,
        write=write_redwood_log,
        recognise=_recognise,
        precedence=1,
        defaults=FormatDefaults(size=(640, 480), fps=30, unit="m"),
        unit=False,
        size=False,
        metric=True,
    )
)
