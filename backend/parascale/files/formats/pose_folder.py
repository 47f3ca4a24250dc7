"""Folders of camera files as CamI2V and CameraCtrl keep them: NAME.txt of RealEstate10K rows, and their index.

The index, camera_poses.json, gives each name its file; CamI2V's demo offers those in it.
"""

import json
from pathlib import Path

from parascale.errors import InputError
from parascale.files.camera_rows import COLUMNS
from parascale.files.cameras import choose_camera
from parascale.files.disk import make_folder, replace_files
from parascale.files.format import Format, register
from parascale.files.formats.realestate10k import format_shot, parse_camera_rows
from parascale.files.json_text import read_json
from parascale.files.picture_names import natural_key
from parascale.files.raw_trajectory import RawTrajectory
from parascale.files.rows import read_rows
from parascale.parallax.shot import Shot

INDEX = "camera_poses.json"


def read_pose_folder(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read one camera of a folder: the one asked for, else the first by name.

    Raises
    ------
    InputError
        Where there is none of that name, or it is broken: with the file and the line.
    """
    names = sorted((file.stem for file in path.glob("*.txt")), key=natural_key)
    if not names:
        raise InputError(f"{path} has no camera files, NAME.txt")
    name, notices = choose_camera(names, camera, str(path))
    rows = read_rows(path / f"{name}.txt", {COLUMNS}, header=True)
    return parse_camera_rows(rows, str(path / f"{name}.txt"), notices)


def write_pose_folder(shot: Shot, path: Path) -> None:
    """Add a camera to a folder, under the shot's name; cameras of other names stay.

    Raises
    ------
    InputError
        Where the folder cannot be written, or its index is not a JSON object.
    """
    make_folder(path)
    name = "".join(letter if letter.isalnum() or letter in " -_" else "_" for letter in shot.name).strip() or "camera"
    index = read_json(path / INDEX) if (path / INDEX).exists() else {}
    if not isinstance(index, dict):
        raise InputError(f"{path / INDEX} not a JSON object of cameras by name")
    index[name] = f"{path.name}/{name}.txt"
    replace_files(
        {path / f"{name}.txt": format_shot(shot).encode(), path / INDEX: (json.dumps(index, indent=4) + "\n").encode()}
    )


register(
    Format(
        name="pose-folder",
        description="folder of camera files as CamI2V and CameraCtrl keep them",
        suffix="",
        lens="each frame",
        time="microseconds",
        read=read_pose_folder,
        write=write_pose_folder,
        recognise=lambda sample: sample.has_file("*.txt"),
        cameras=True,
    )
)
