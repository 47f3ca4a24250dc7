"""ReCamMaster's camera JSON: {"frame0": {"cam01": "[r r r 0] [r r r 0] [r r r 0] [x y z 1] ", ...}, ...}.

The rows are an Unreal matrix for row vectors: the camera's axes forward, right, up, then its centre in centimetres, in
a left-handed z-up world. Ours is that world mirrored in y: right-handed, z up, in metres.
"""

import re
from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.files.cameras import choose_camera
from parascale.files.disk import replace_files
from parascale.files.format import Format, Rate, register
from parascale.files.json_text import read_json
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.parallax.shot import Shot
from parascale.types import Array, Json

_CENTIMETRES = 100.0
_FRAME = re.compile(r"frame(\d{1,9})")
_NUMBER = r"[-+]?[0-9.]+(?:[eE][-+]?\d+)?"
_ROW = rf"\[\s*({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})\s*\]"
_MATRIX = re.compile(r"\s*" + r"\s*".join([_ROW] * 4) + r"\s*")


def read_recammaster(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read one camera of a ReCamMaster file: the one asked for, else the first.

    Raises
    ------
    InputError
        Where the file is not such JSON, or has no camera of that name.
    """
    frames = _parse_frames(read_json(path), str(path))
    chosen, notices = choose_camera(sorted(frames[0][1]), camera, str(path))
    rows = np.array([_parse_matrix(cameras, chosen, f"{path}, frame{number}") for number, cameras in frames])
    return RawTrajectory(
        _from_unreal(rows),
        lambda frame: f"frame{frames[frame][0]}",
        frames=np.array([number for number, _ in frames]),
        notices=notices,
    )


def write_recammaster(shot: Shot, path: Path) -> None:
    """Write a ReCamMaster file of one camera, cam01; frames count from 0, as the tool asks for them."""
    lines = []
    for frame, matrix in enumerate(_to_unreal(shot.trajectory.camera_to_world).tolist()):
        text = "".join("[" + " ".join(map(repr, row)) + "] " for row in matrix)
        lines.append(f'    "frame{frame}": {{\n        "cam01": "{text}"\n    }}')
    replace_files({path: ("{\n" + ",\n".join(lines) + "\n}\n").encode()})


def _parse_frames(document: Json, source: str) -> list[tuple[int, dict[str, Json]]]:
    found = []
    for key, cameras in document.items() if isinstance(document, dict) else ():
        number = _FRAME.fullmatch(key)
        if number and isinstance(cameras, dict) and cameras:
            found.append((int(number[1]), cameras))
    if not found:
        raise InputError(f'{source} has no "frame0": {{"cam01": ...}}: not a ReCamMaster file')
    return sorted(found, key=lambda item: item[0])


def _parse_matrix(cameras: dict[str, Json], camera: str, where: str) -> Array:
    if camera not in cameras:
        raise InputError(f"{where}: {camera} is missing")
    text = cameras[camera]
    found = _MATRIX.fullmatch(text) if isinstance(text, str) else None
    try:
        values = np.array([float(word) for word in found.groups()]) if found else np.full(16, np.nan)
    except ValueError:
        values = np.full(16, np.nan)
    if not np.isfinite(values).all():
        raise InputError(f"{where}, {camera}: four rows of four numbers in brackets are needed")
    return values.reshape(4, 4)


def _from_unreal(rows: Array) -> Array:
    columns = np.swapaxes(rows, 1, 2)
    poses = columns[:, :, [1, 2, 0, 3]]
    poses[:, :, 1] *= -1
    poses[:, :3, 3] /= _CENTIMETRES
    poses[:, 1] *= -1
    return poses


def _to_unreal(camera_to_world: Array) -> Array:
    poses = camera_to_world.copy()
    poses[:, 1] *= -1
    poses[:, :3, 3] *= _CENTIMETRES
    poses[:, :, 1] *= -1
    return np.swapaxes(poses[:, :, [2, 0, 1, 3]], 1, 2)


register(
    Format(
        name="recammaster",
        description="ReCamMaster camera JSON, Unreal matrices in centimetres",
        suffix=".json",
        lens="none",
        time="even",
        read=read_recammaster,
        write=write_recammaster,
        recognise=lambda sample: sample.has_key("frame0") and "[" in sample.text,
        precedence=2,
        defaults=FormatDefaults(size=(832, 480), fps=15, unit="m"),
        cameras=True,
        unit=False,
        size=False,
        metric=True,
        rate=Rate(None, None, 81),
    )
)
