"""A table for spreadsheets: one row a frame, with P and gain. Every number comes back to the bit."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.camera.rotations import quaternions_from_matrices
from parascale.errors import InputError
from parascale.files.disk import read_text, replace_files
from parascale.files.format import Format, register
from parascale.files.matrices import from_parts, rotations_from_quaternions
from parascale.files.note import Note, read_note, write_note
from parascale.files.raw_trajectory import RawTrajectory
from parascale.files.rows import Rows, parse_rows
from parascale.parallax.shot import Shot
from parascale.types import Array

COLUMNS = (
    *("frame", "time", "x", "y", "z", "qw", "qx", "qy", "qz", "fx", "fy", "cx", "cy", "width", "height"),
    *("median_depth", "parallax_number", "felt_parallax", "gain", "fps", "metres_per_unit"),
)
_NEEDED = ("x", "y", "z", "qw", "qx", "qy", "qz")
# An empty cell; no number that a file could mean.
_EMPTY = "1e300"


def read_csv(path: Path) -> RawTrajectory:
    """Read a table whose first line names its columns: x y z and qw qx qy qz are needed, P is worked out again.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`, and where a column is missing.
    """
    text = read_text(path)
    names, rows = _parse_table(text, str(path))
    column = {name: rows.values[:, index] for index, name in enumerate(names)}
    missing = [name for name in _NEEDED if name not in column]
    if missing:
        raise InputError(f"{path}: the column {missing[0]!r} is missing from the first line")
    for name in (*_NEEDED, "frame", "time"):
        for row in np.flatnonzero(np.isnan(column.get(name, np.zeros(1))))[:1]:
            raise InputError(f"{path}, {rows.location(int(row))}: the column {name!r} is empty")
    quaternions = np.column_stack([column[name] for name in ("qw", "qx", "qy", "qz")])
    rotations = rotations_from_quaternions(quaternions, str(path), rows.location)
    lens = [column[name] for name in ("fx", "fy", "cx", "cy") if name in column]
    unit = read_note(text.partition("\n")[0]).unit
    note = Note(unit, _read_first(column, "metres_per_unit"), _read_first(column, "fps"), _read_size(column))
    return RawTrajectory(
        from_parts(rotations, np.column_stack([column[name] for name in "xyz"])),
        rows.location,
        lens=np.column_stack(lens) if len(lens) == 4 else None,
        note=note,
        times=column.get("time"),
        frames=_read_frames(column.get("frame")),
        median_depth=column.get("median_depth"),
        felt_parallax=_read_steps(column.get("felt_parallax")),
        gain=_read_steps(column.get("gain")),
    )


def write_csv(shot: Shot, path: Path) -> None:
    """Write a table; a step is in the row of the frame it starts from, an unknown value is an empty cell."""
    trajectory, count = shot.trajectory, len(shot)
    assert shot.frames is not None
    nothing = np.full(count, np.nan)
    steps = [
        nothing if values is None else np.append(values, np.nan)
        for values in (shot.parallax_number, shot.felt_parallax, shot.gain)
    ]
    scale = np.nan if shot.metres_per_unit is None else shot.metres_per_unit
    table = np.column_stack(
        [
            *(trajectory.times, trajectory.centres, quaternions_from_matrices(trajectory.rotations)),
            *(trajectory.intrinsics, np.tile(np.array(trajectory.size, np.float64), (count, 1)), shot.median_depth),
            *(*steps, np.full(count, shot.fps), np.full(count, scale)),
        ]
    )
    head = ",".join([*COLUMNS, write_note(shot, "camera-to-world in OpenCV axes")])
    lines = [head] + [
        ",".join([str(frame), *("" if math.isnan(value) else repr(value) for value in row), ""])
        for frame, row in zip(shot.frames.tolist(), table.tolist(), strict=True)
    ]
    replace_files({path: ("\n".join(lines) + "\n").encode()})


def _parse_table(text: str, source: str) -> tuple[list[str], Rows]:
    head, _, body = text.partition("\n")
    separator = _find_separator(head)
    names = _parse_head(head)
    if separator == ";":
        # So do spreadsheets save where decimals have commas.
        body = body.replace(",", ".")
    if len(set(names)) < len(names):
        raise InputError(f"{source}, line 1: two columns have the same name")
    lines = ["#"]
    for number, line in enumerate(body.split("\n"), start=2):
        cells = [cell.strip().strip('"') for cell in line.split(separator)] if line.strip() else []
        if cells and len(cells) != len(names):
            raise InputError(
                f"{source}, line {number}: {len(cells)} cells where the first line names {len(names)} columns; "
                "write decimals with a point"
            )
        lines.append(" ".join(_EMPTY if cell in {"", "nan"} else cell.replace(" ", "_") for cell in cells))
    rows = parse_rows("\n".join(lines), source, {len(names)})
    values = np.where(rows.values == float(_EMPTY), np.nan, rows.values)
    return names, Rows(values, rows.lines, "")


def _find_separator(head: str) -> str:
    return max(",;\t", key=head.count)


def _parse_head(head: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in head.split(_find_separator(head))]


def _read_size(column: dict[str, Array]) -> tuple[int, int] | None:
    width, height = _read_first(column, "width"), _read_first(column, "height")
    return (int(width), int(height)) if width and height else None


def _read_first(column: dict[str, Array], name: str) -> float | None:
    values = column.get(name)
    return None if values is None or not values[0] > 0 else float(values[0])


def _read_frames(values: Array | None) -> NDArray[np.int64] | None:
    whole = values is not None and np.all(values == np.rint(values)) and np.all(np.abs(values) < 2**53)
    return values.astype(np.int64) if values is not None and whole else None


def _read_steps(values: Array | None) -> Array | None:
    return None if values is None or np.isnan(values).all() else values[:-1]


register(
    Format(
        name="csv",
        description="table for spreadsheets, with P and gain",
        suffix=".csv",
        lens="each frame",
        time="exact",
        read=read_csv,
        write=write_csv,
        recognise=lambda sample: set(_NEEDED) <= set(_parse_head(sample.text.partition("\n")[0])),
        precedence=1,
        depth=True,
        gain=True,
    )
)
