"""Folders of camera files as CamI2V and CameraCtrl keep them: NAME.txt of RealEstate10K rows, and their index.

The index, camera_poses.json, gives each name its file; CamI2V's demo offers what stands in it.
"""

import json
from pathlib import Path

from parascale.errors import InputError
from parascale.files.camera_rows import COLUMNS
from parascale.files.contents import Contents
from parascale.files.disk import make_folder, replace_files
from parascale.files.formats.realestate10k import contents_from_rows, realestate10k_text
from parascale.files.json_text import read_json
from parascale.files.natural import natural_key
from parascale.files.rows import read_rows
from parascale.parallax.shot import Shot

INDEX = "camera_poses.json"


def read_pose_folder(path: Path, camera: str | None = None) -> Contents:
    """Read one camera of a folder: the one asked for, else the first by name.

    Raises
    ------
    InputError
        Where there is none of that name, or it is broken: with the file and the line.
    """
    names = sorted((file.stem for file in path.glob("*.txt")), key=natural_key)
    if not names:
        raise InputError(f"{path} holds no camera files, NAME.txt")
    if camera is not None and camera not in names:
        raise InputError(f"{path} has no camera {camera!r}; it has {', '.join(names)[:200]}")
    name = camera or names[0]
    rows = read_rows(path / f"{name}.txt", {COLUMNS}, header=True)
    more = f"{name!r} of {len(names)} cameras was read; choose another by --camera"
    return contents_from_rows(rows, (more,) if len(names) > 1 and camera is None else ())


def write_pose_folder(shot: Shot, path: Path) -> None:
    """Add a camera to a folder, under the shot's name; cameras of other names stay.

    Raises
    ------
    InputError
        Where the folder cannot be written, or its index is no JSON object.
    """
    make_folder(path)
    name = "".join(letter if letter.isalnum() or letter in " -_" else "_" for letter in shot.name).strip() or "camera"
    index = read_json(path / INDEX) if (path / INDEX).exists() else {}
    if not isinstance(index, dict):
        raise InputError(f"{path / INDEX} is no list of cameras by name")
    index[name] = f"{path.name}/{name}.txt"
    replace_files(
        {
            path / f"{name}.txt": realestate10k_text(shot).encode(),
            path / INDEX: (json.dumps(index, indent=4) + "\n").encode(),
        }
    )
