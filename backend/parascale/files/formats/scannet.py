"""ScanNet's and 7-Scenes' folders: a file a picture, each a 4x4 camera-to-world matrix in metres, OpenCV axes.

`pose/0.txt` ... with the lens in `intrinsic/intrinsic_color.txt`, or `frame-000000.pose.txt` ...
"""

import dataclasses
from pathlib import Path

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.direction import describe_direction
from parascale.files.disk import read_text
from parascale.files.format import Format, register
from parascale.files.matrices import from_camera_matrices, from_squares, size_from_centre
from parascale.files.picture_names import natural_key
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import read_rows
from parascale.files.sample import Sample
from parascale.types import Array

_LENSES = ("intrinsic/intrinsic_color.txt", "intrinsic_color.txt")


def read_scannet(path: Path) -> RawTrajectory:
    """Read a folder of camera-to-world matrices, or the scene's folder above it.

    Raises
    ------
    InputError
        As `read_matrix_folder`.
    """
    raw = read_matrix_folder(path)
    return dataclasses.replace(raw, notices=(*raw.notices, *describe_direction(raw.camera_to_world)))


def read_matrix_folder(path: Path) -> RawTrajectory:
    """Read the matrices of a folder as they are; pictures without a pose (-inf) are left out.

    Raises
    ------
    InputError
        Where there is none, or one is broken: with the file.
    """
    files = _list_files(path)
    if not files:
        raise InputError(f"{path} has no files of one 4x4 matrix each")
    tracked = [file for file in files if "inf" not in read_text(file).lower()]
    if not tracked:
        raise InputError(f"{path}: none of the {len(files)} pictures has a pose")
    numbers = np.array([_read_matrix(file) for file in tracked])
    lens = _read_lens(path)
    lost = len(files) - len(tracked)
    return RawTrajectory(
        from_squares(numbers, str(path), lambda frame: tracked[frame].name),
        lambda frame: tracked[frame].name,
        lens=lens,
        middle=size_from_centre(lens),
        pictures=[file.name.removesuffix(".txt").removesuffix(".pose") for file in tracked],
        notices=(Notice(f"{lost} of {len(files)} pictures have no pose and are left out"),) if lost else (),
    )


def _list_files(path: Path) -> list[Path]:
    for folder in (path / "pose", path):
        files = sorted(folder.glob("*.txt"), key=lambda file: natural_key(file.name)) if folder.is_dir() else []
        poses = [file for file in files if file.name.endswith(".pose.txt")]
        files = poses or [file for file in files if "intrinsic" not in file.name and "extrinsic" not in file.name]
        if files and _is_matrix(files[0]):
            return files
    return []


def _is_matrix(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as opened:
            lines = [line.split() for line in opened.read(2000).split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError):
        return False
    return [len(words) for words in lines] == [4, 4, 4, 4]


def _read_matrix(file: Path) -> Array:
    rows = read_rows(file, {4})
    if len(rows.values) != 4:
        raise InputError(f"{file}, line {rows.lines[-1]}: {len(rows.values)} rows in place of the four of a matrix")
    return rows.values


def _read_lens(path: Path) -> Array | None:
    for folder in (path, path.parent):
        for name in _LENSES:
            if (folder / name).is_file():
                return from_camera_matrices(_read_matrix(folder / name)[None, :3, :3])
    return None


def _recognise(sample: Sample) -> bool:
    return sample.path.is_dir() and bool(_list_files(sample.path))


register(
    Format(
        name="scannet",
        description="folder of 4x4 matrices as ScanNet and 7-Scenes keep them",
        suffix="",
        lens="one",
        time="even",
        read=read_scannet,
        write=None,
        recognise=_recognise,
        precedence=1,
        defaults=FormatDefaults(size=(640, 480), fps=30, unit="m"),
        unit=False,
        size=False,
        metric=True,
    )
)
