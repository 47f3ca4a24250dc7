"""Camera files of Strecha's multi-view stereo benchmark: a folder of NAME.camera, one a picture.

Nine numbers of K, three zeros, nine of R (camera-to-world), the centre in metres, width and height.
Source: Strecha et al., On Benchmarking Camera Calibration and Multi-View Stereo, CVPR 2008.
"""

from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.files.disk import make_folder, read_text, replace_files
from parascale.files.format import Format, register
from parascale.files.matrices import from_camera_matrices, from_parts, to_camera_matrices
from parascale.files.note import Note
from parascale.files.picture_names import name_pictures, natural_key
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import format_rows
from parascale.parallax.shot import Shot

_NUMBERS = 26
_LONGEST = 100_000


def read_strecha(path: Path) -> RawTrajectory:
    """Read a folder of .camera files, in the order of their names.

    Raises
    ------
    InputError
        Where there is none, one is broken, or the pictures differ in size.
    """
    files = sorted(path.glob("*.camera"), key=lambda file: natural_key(file.name))
    if not files:
        raise InputError(f"{path} has no .camera files")
    values = np.array([_read_values(file) for file in files])
    sizes = values[:, 24:]
    for index in np.flatnonzero((sizes != sizes[0]).any(axis=1) | (sizes < 1).any(axis=1))[:1]:
        raise InputError(f"{files[index]}, line 9: the picture size is not positive, or differs from the first")
    return RawTrajectory(
        from_parts(values[:, 12:21].reshape(-1, 3, 3), values[:, 21:24]),
        lambda frame: files[frame].name,
        lens=from_camera_matrices(values[:, :9].reshape(-1, 3, 3)),
        note=Note(size=(int(sizes[0, 0]), int(sizes[0, 1]))),
        pictures=[file.name.removesuffix(".camera") for file in files],
    )


def write_strecha(shot: Shot, path: Path) -> None:
    """Write a folder of .camera files."""
    make_folder(path)
    trajectory = shot.trajectory
    assert shot.frames is not None
    files = {}
    matrices = to_camera_matrices(trajectory.intrinsics)
    for frame, name in enumerate(name_pictures(shot.frames)):
        blocks = [matrices[frame], np.zeros((1, 3)), trajectory.rotations[frame], trajectory.centres[frame][None]]
        text = "".join(map(format_rows, blocks)) + f"{trajectory.width} {trajectory.height}\n"
        files[path / f"{name}.camera"] = text.encode()
    replace_files(files)


def _read_values(path: Path) -> list[float]:
    values: list[float] = []
    for number, line in enumerate(read_text(path, _LONGEST).split("\n"), start=1):
        for word in line.split():
            try:
                value = float(word)
            except ValueError:
                raise InputError(f"{path}, line {number}: {word[:40]!r} is not a number") from None
            if not np.isfinite(value):
                raise InputError(f"{path}, line {number}: {word!r} is not finite")
            values.append(value)
    if len(values) != _NUMBERS:
        raise InputError(f"{path}, line 9: {len(values)} numbers where {_NUMBERS} are needed")
    return values


register(
    Format(
        name="strecha",
        description="folder of Strecha .camera files",
        suffix="",
        lens="each frame",
        time="even",
        read=read_strecha,
        write=write_strecha,
        recognise=lambda sample: sample.has_file("*.camera"),
        precedence=1,
        defaults=FormatDefaults(unit="m"),
        unit=False,
        metric=True,
    )
)
