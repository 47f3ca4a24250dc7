"""RealityScan's and RealityCapture's csv of camera parameters: centre, heading, pitch and roll in degrees, lens.

Camera-to-world is Rz(-heading) Rx(pitch) Ry(roll) with OpenGL camera axes; f, px and py are shares of the larger side.
Source: Epic's "Camera math" and nerfstudio's importer, whose conventions these are.
"""

from pathlib import Path

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.cameras import choose_pictures
from parascale.files.disk import read_text
from parascale.files.distortion import common_distortion, name_distortion
from parascale.files.euler import rotations_from_angles
from parascale.files.format import Format, register
from parascale.files.matrices import OPENGL, from_parts
from parascale.files.raw_trajectory import RawTrajectory, Size
from parascale.files.rows import parse_rows
from parascale.files.sample import Sample
from parascale.types import Array

_POSE = ("x", "y", "alt", "heading", "pitch", "roll")
_DISTORTION = {"k1": "k1", "k2": "k2", "k3": "k3", "t1": "p1", "t2": "p2"}
# Width of the film that focal lengths are stated for, in millimetres.
_FILM = 36.0


def read_realityscan(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read the csv; frames in the order of their pictures' names.

    Raises
    ------
    InputError
        Where a column is missing or a cell is no number: with the line. Where there is no camera of that name.
    """
    head, _, body = read_text(path).partition("\n")
    columns = _parse_head(head)
    missing = [name for name in ("name", *_POSE) if name not in columns]
    if missing:
        raise InputError(f"{path}, line 1: the column {missing[0]!r} is missing")
    cells = [[cell.strip() for cell in line.split(",")] if line.strip() else [] for line in body.split("\n")]
    at = columns.index("name")
    # The name is no number and may hold blanks.
    numbers = [" ".join(row[:at] + row[at + 1 :]) for row in cells]
    rows = parse_rows("\n".join(["#", *numbers]), str(path), {len(columns) - 1})
    names = [row[at] for row in cells if row]
    order, notices = choose_pictures([name.replace("\\", "/") for name in names], camera, str(path))
    found = dict(zip([name for name in columns if name != "name"], rows.values[order].T, strict=True))
    angles = np.column_stack([found["pitch"], found["roll"], -found["heading"]])
    poses = from_parts(rotations_from_angles(angles, "zxy"), np.column_stack([found[name] for name in _POSE[:3]]))
    nothing = np.zeros(len(order))
    if np.any(found.get("k4", nothing)):
        notices = (*notices, Notice("the lens distortion's k4 of r^8 is left out"))
    coefficients = {ours: found.get(theirs, nothing) for theirs, ours in _DISTORTION.items()}
    each = [{name: float(values[row]) for name, values in coefficients.items()} for row in range(len(order))]
    distortion, varying = common_distortion([name_distortion(values) for values in each])

    def lens(size: Size) -> Array:
        focal = found["f"] * max(size) / _FILM
        middle = np.column_stack([found.get(name, nothing) for name in ("px", "py")]) * max(size) + np.array(size) / 2
        return np.column_stack([focal, focal, middle])

    return RawTrajectory(
        poses @ OPENGL,
        lambda row: rows.location(order[row]),
        lens=lens if "f" in found else None,
        pictures=[names[index] for index in order],
        distortion=distortion,
        notices=notices + varying,
    )


def _parse_head(head: str) -> list[str]:
    return [name.strip().lstrip("#").lower() for name in head.split(",")]


def _recognise(sample: Sample) -> bool:
    return {"name", *_POSE} <= set(_parse_head(sample.text.partition("\n")[0]))


register(
    Format(
        name="realityscan",
        description="RealityScan and RealityCapture csv of camera parameters",
        suffix=".csv",
        lens="each frame",
        time="even",
        read=read_realityscan,
        write=None,
        recognise=_recognise,
        precedence=2,
        cameras=True,
        unit=False,
        size=False,
    )
)
