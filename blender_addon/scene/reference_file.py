"""A reference from a file: a shot file, or a file or folder of any format there is."""

import dataclasses
from pathlib import Path

from parascale.errors import InputError
from parascale.files.fit import measure_parallax
from parascale.files.formats import FORMATS
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.shot_file import FORMAT, read_shot
from parascale.files.trajectory_file import Imported, read_trajectory
from parascale.parallax.depth_source import ConstantDepth

SHOT = "parascale-shot"
READ_FORMATS = (
    ("AUTO", "Recognise", "Recognise the format by the file's content"),
    (SHOT, "ParaScale Shot", "Shot file, NAME.shot.json"),
    *((known.name, known.name, known.description) for known in FORMATS.values()),
)

# Folders of one file a picture: any of them stands for all.
_FOLDERS = {"corrected_cameras", "pose"}
# Where a format is a folder, the file browser still names a file in it.
_FILES_OF_FOLDERS = {"images.txt", "cameras.txt", "images.bin", "cameras.bin", "poses.npy", "intrinsics.npy"}


def read_reference(path: Path, file_format: str, overrides: UserOverrides, depth: float = 0.0) -> Imported:
    """Read a reference.

    Parameters
    ----------
    path : Path
    file_format : str
        One of `READ_FORMATS`.
    overrides : UserOverrides
        What the user says of a file that does not say it.
    depth : float
        Median depth for a file that says none; 0 is unknown.

    Raises
    ------
    InputError
        Where the file cannot be used.
    """
    if file_format == SHOT or (file_format == "AUTO" and is_shot_file(path)):
        return Imported(read_shot(path), SHOT, ())
    if path.name in _FILES_OF_FOLDERS or path.suffix == ".camera" or path.parent.name in _FOLDERS:
        path = path.parent
    try:
        imported = read_trajectory(path, None if file_format == "AUTO" else file_format, overrides)
    except InputError as error:
        if error.notice.remedy != "format":
            raise
        raise InputError(f"{path} is not a shot file, and of no other format that is recognised", "format") from None
    if depth > 0:
        imported = dataclasses.replace(imported, shot=measure_parallax(imported.shot, ConstantDepth(depth)))
    return imported


def is_shot_file(path: Path) -> bool:
    """Whether a file is a shot file by its beginning, or should be one by its name."""
    if path.suffix != ".json":
        return False
    if path.name.endswith(".shot.json"):
        return True
    try:
        with path.open("rb") as file:
            return f'"{FORMAT}"'.encode() in file.read(1000)
    except OSError:
        return False
