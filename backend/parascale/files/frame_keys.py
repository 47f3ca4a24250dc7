"""Keys that exporters put beside nerfstudio's own in each frame: when it was taken, and its lens as a matrix."""

from collections.abc import Mapping, Sequence

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.json_text import parse_number, parse_numbers
from parascale.files.raw_trajectory import Frames
from parascale.files.stamps import read_stamps
from parascale.types import Array, Json

TIME_STAMP, MATRIX = "timestamp", "intrinsic_matrix"

# Focal lengths of one lens that a file states twice differ by less, and by less of it are the axes of its pixels off 90
# degrees.
_SAME, _MAX_SKEW = 1e-3, 1e-3


def read_frame_stamps(
    frames: Sequence[tuple[str, Mapping[str, Json]]],
) -> tuple[Array | None, Frames | None, tuple[Notice, ...]]:
    """Read when frames were taken: their times in seconds, or their numbers, and what was taken for granted.

    Parameters
    ----------
    frames : sequence of (str, mapping)
        In their order, each with where it is.

    Raises
    ------
    InputError
        Where a time stamp is not a number.
    """
    stated = [(where, frame[TIME_STAMP]) for where, frame in frames if frame.get(TIME_STAMP) is not None]
    if not stated:
        return None, None, ()
    stamps = np.array([_parse_stamp(value, f'{where}, "{TIME_STAMP}"') for where, value in stated])
    if len(stamps) < len(frames):
        lacking = len(frames) - len(stamps)
        return (
            None,
            None,
            (Notice(f'{lacking} of {len(frames)} frames have no "{TIME_STAMP}": the others are not used'),),
        )
    if np.any(np.diff(stamps) <= 0):
        told = f'the frames\' "{TIME_STAMP}" does not increase in the order of their pictures: it is not used'
        return None, None, (Notice(told),)
    return read_stamps(stamps)


def read_intrinsic_matrix(frame: Mapping[str, Json], where: str) -> tuple[float, float, float, float] | None:
    """Read fx, fy, cx, cy from a 3x3 or 4x4 matrix, by rows or by columns, or 3 rows of 4; None where none is stated.

    Raises
    ------
    InputError
        Where it is of another shape, or not that of a lens without skew.
    """
    rows = frame.get(MATRIX)
    if rows is None:
        return None
    listed = rows if isinstance(rows, list) else []
    height = 4 if len(listed) in {4, 16} else 3
    wide = len(listed) == 12 or (len(listed) == 3 and isinstance(listed[0], list) and len(listed[0]) == 4)
    width = 4 if wide else height
    flat = len(listed) == height * width
    stated = parse_numbers(rows, (height * width,) if flat else (height, width), f'{where}, "{MATRIX}"')
    stated = stated.reshape(height, width)
    matrix = stated[:3, :3]
    if not matrix[:2, 2].any():
        matrix = matrix.T
    (fx, skew, cx), (below, fy, cy), last = matrix.tolist()
    if fx <= 0 or fy <= 0 or below != 0 or last != [0, 0, 1] or (wide and stated[:, 3].any()):
        raise InputError(f'{where}: "{MATRIX}" is not a matrix of intrinsics: fx, 0, cx; 0, fy, cy; 0, 0, 1')
    if abs(skew) > _MAX_SKEW * fx:
        raise InputError(f'{where}: "{MATRIX}" has a skew of {skew:g}: only pixels with right angles can be read')
    return fx, fy, cx, cy


def with_intrinsic_matrix(scope: Mapping[str, Json], where: str) -> dict[str, Json]:
    """Return what a frame, or the head of a file, states, its matrix as nerfstudio's keys of a lens.

    Raises
    ------
    InputError
        As `read_intrinsic_matrix`, and where the same scope states another focal length.
    """
    found = dict(scope)
    lens = read_intrinsic_matrix(scope, where)
    for key, value in zip(("fl_x", "fl_y", "cx", "cy"), lens or (), strict=False):
        if scope.get(key) is not None and key.startswith("fl"):
            other = parse_number(scope[key], f'{where}, "{key}"')
            if abs(other / value - 1) > _SAME:
                raise InputError(
                    f'{where}: "{key}" is {other:g} and "{MATRIX}" says {value:g}: leave out the wrong one'
                )
        found[key] = value
    return found


def _parse_stamp(value: Json, where: str) -> float:
    if not isinstance(value, str):
        return parse_number(value, where)
    try:
        return parse_number(float(value), where)
    except ValueError:
        raise InputError(f"{where}: {value[:40]!r} is not a number") from None
