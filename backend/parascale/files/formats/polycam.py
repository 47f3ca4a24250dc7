"""Polycam's keyframes: a JSON file a picture, t_00 ... t_23 camera-to-world in ARKit's axes (OpenGL's), in metres."""

from pathlib import Path

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.format import Format, register
from parascale.files.json_text import parse_number, read_json
from parascale.files.matrices import OPENGL, from_rows
from parascale.files.note import Note
from parascale.files.picture_names import natural_key
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.sample import Sample
from parascale.files.stamps import read_stamps
from parascale.parallax.subject import Up
from parascale.types import Json

# Corrected ones are those after loop closure; their pictures are of their own.
_FOLDERS = ("keyframes/corrected_cameras", "corrected_cameras", "keyframes/cameras", "cameras", ".")
_POSE = [f"t_{row}{column}" for row in range(3) for column in range(4)]
_LENS = ("fx", "fy", "cx", "cy", "width", "height")


def read_polycam(path: Path) -> RawTrajectory:
    """Read the cameras of a capture's folder, corrected ones where there are any, in the order of their stamps.

    Raises
    ------
    InputError
        Where there are none, one is broken, or the pictures differ in size: with the file.
    """
    files = _list_files(path)
    if not files:
        raise InputError(f"{path} has no keyframes/corrected_cameras/*.json of Polycam")
    frames = [_read_frame(file) for file in files]
    table = np.array(
        [
            [parse_number(frame.get(key), f'{file}, "{key}"') for key in (*_POSE, *_LENS)]
            for file, frame in zip(files, frames, strict=True)
        ]
    )
    sizes = table[:, 16:]
    for index in np.flatnonzero((sizes != sizes[0]).any(axis=1) | (sizes < 1).any(axis=1))[:1]:
        raise InputError(f"{files[index]}: the picture size is not positive, or differs from the first")
    stamps = [float(file.stem) if file.stem.isdigit() else np.nan for file in files]
    increasing = bool(np.all(np.diff(stamps) > 0))
    times, _, notices = read_stamps(np.array(stamps)) if increasing else (None, None, ())
    if "corrected_cameras" not in files[0].parent.name:
        notices = (*notices, Notice("there are no corrected cameras: read those before loop closure"))
    return RawTrajectory(
        from_rows(table[:, :12]) @ OPENGL,
        lambda frame: files[frame].name,
        lens=table[:, 12:16],
        note=Note(size=(int(sizes[0, 0]), int(sizes[0, 1]))),
        times=times,
        notices=notices,
    )


def _list_files(path: Path) -> list[Path]:
    for folder in _FOLDERS:
        files = sorted((path / folder).glob("*.json"), key=lambda file: natural_key(file.name))
        if files and '"t_00"' in files[0].read_text(errors="replace")[:10_000]:
            return files
    return []


def _read_frame(file: Path) -> dict[str, Json]:
    frame = read_json(file)
    return frame if isinstance(frame, dict) else {}


def _recognise(sample: Sample) -> bool:
    return sample.path.is_dir() and bool(_list_files(sample.path))


register(
    Format(
        name="polycam",
        description="Polycam keyframes folder",
        suffix="",
        lens="each frame",
        time="exact",
        read=read_polycam,
        write=None,
        recognise=_recognise,
        precedence=2,
        defaults=FormatDefaults(unit="m"),
        unit=False,
        metric=True,
        # ARKit's world: its y axis is the direction of gravity by the device's own sensors, to about a degree.
        up=Up(np.array([0.0, 1.0, 0.0]), 0.95, "gravity, as ARKit measures it"),
    )
)
