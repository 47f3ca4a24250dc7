"""Rows of 19 numbers, which several tools share: timestamp, intrinsics as fractions, two more, 3x4 world-to-camera."""

from collections.abc import Callable

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.matrices import from_rows, invert, to_rows
from parascale.files.raw_trajectory import Size
from parascale.parallax.shot import Shot
from parascale.types import Array

COLUMNS = 19
# A principal point farther out, in widths or heights of the picture, is one in pixels.
_MAX_FRACTION = 4.0
CONVENTION = "rows of timestamp, fx fy cx cy as fractions of width and height, 0 0, 3x4 world-to-camera, OpenCV axes"


def poses_from_rows(rows: Array) -> Array:
    """Camera-to-world, (T, 4, 4), of (T, 19) rows."""
    return invert(from_rows(rows[:, 7:]))


def lens_from_fractions(rows: Array) -> Callable[[Size], Array]:
    """Intrinsics in pixels of any size, from the rows' fractions of width and height."""
    return lambda size: rows[:, 1:5] * np.array([*size, *size])


def doubt_fractions(rows: Array) -> tuple[Notice, ...]:
    """Say where what should be fractions of the picture's size looks like pixels."""
    for row in np.flatnonzero((np.abs(rows[:, 3:5]) > _MAX_FRACTION).any(axis=1))[:1]:
        told = (
            f"the principal point of frame {row}, {rows[row, 3]:g} and {rows[row, 4]:g}, looks like pixels, where the "
            "format has fractions of width and height: then the lens is wrong, and has to be divided by them"
        )
        return (Notice(told),)
    return ()


def size_from_rows(rows: Array, source: str) -> Size | None:
    """Picture size in the sixth and seventh number, where some exporters put it and others zeros.

    Raises
    ------
    InputError
        Where it changes from frame to frame.
    """
    width, height = rows[0, 5:7].tolist()
    if width < 1 or height < 1 or not width.is_integer() or not height.is_integer():
        return None
    for row in np.flatnonzero((rows[:, 5:7] != rows[0, 5:7]).any(axis=1))[:1]:
        raise InputError(f"{source}: the picture size changes at frame {row}")
    return int(width), int(height)


def rows_from_shot(shot: Shot, timestamps: Array, fractions: Array) -> Array:
    """(T, 19) rows.

    Parameters
    ----------
    shot : Shot
    timestamps : (T,) float64
    fractions : (T, 4) float64
        fx, fy, cx, cy as the tool counts them.
    """
    world_to_camera = to_rows(invert(shot.trajectory.camera_to_world))
    return np.column_stack([timestamps, fractions, np.zeros((len(shot), 2)), world_to_camera])


def fractions(shot: Shot) -> Array:
    """fx, fy, cx, cy as fractions of width and height, (T, 4)."""
    size = shot.trajectory.size
    shares: Array = shot.trajectory.intrinsics / np.array([*size, *size])
    return shares


def format_camera_rows(rows: Array) -> str:
    """Rows as text, the timestamp as a whole number, every other number so that it comes back to the bit."""
    lines = [" ".join([str(int(row[0])), *map(repr, row[1:])]) for row in rows.tolist()]
    return "\n".join(lines) + "\n"
