"""Camera paths as files: a reference read from a file of any format, and a camera's move written as one."""

import dataclasses
from pathlib import Path

import bpy
import numpy as np

from parascale import retime
from parascale.blender.scene_state import frame_rate
from parascale.conditioning.tensor_file import TENSORS, find_tensor_format, write_tensor
from parascale.errors import InputError, Notice
from parascale.files.fit import measure_parallax
from parascale.files.formats import FORMATS
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.shot_file import FORMAT, read_shot, write_shot
from parascale.files.trajectory_file import Imported, find_format, read_trajectory, write_trajectory
from parascale.parallax.depth_source import ConstantDepth
from parascale.parallax.shot import Shot
from parascale.types import Array

from .sampling import frames_of_move

SHOT = "parascale-shot"
READ_FORMATS = (
    ("AUTO", "Recognise", "Recognise the format by the file's content"),
    (SHOT, "ParaScale Shot", "Shot file, NAME.shot.json"),
    *((known.name, known.name, known.description) for known in FORMATS.values()),
)
WRITE_FORMATS = (
    (SHOT, "ParaScale Shot", "Shot file, NAME.shot.json: holds everything"),
    *((known.name, known.name, known.description) for known in FORMATS.values() if known.write is not None),
    *((known.name, known.name, known.description) for known in TENSORS),
)

# Folders of one file a picture: any of them stands for all.
_FOLDERS = {"corrected_cameras", "pose"}
# Where a format is a folder, the file browser still names a file in it.
_FILES_OF_FOLDERS = {"images.txt", "cameras.txt", "images.bin", "cameras.bin", "poses.npy", "intrinsics.npy"}


def read_reference(path: Path, file_format: str, overrides: UserOverrides, depth: float = 0.0) -> Imported:
    """Read a reference of one of the `READ_FORMATS`; a median depth of 0 is unknown."""
    if file_format == SHOT or (file_format == "AUTO" and is_shot_file(path)):
        notices: list[Notice] = []
        return Imported(read_shot(path, notices), SHOT, tuple(notices))
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


def suffix_of(file_format: str) -> str:
    """Return the ending of a format's files."""
    if file_format == SHOT:
        return ".shot.json"
    return ".npz" if find_tensor_format(file_format) else find_format(file_format).suffix


def frames_for_format(
    scene: bpy.types.Scene, camera: bpy.types.Object, file_format: str, fps: float, count: int
) -> Array:
    """Return the scene frames to sample, which may be fractions, for a file of one of the `WRITE_FORMATS`.

    A rate of 0 takes the tool's own, else the scene's; a count of 0 what the tool likes, else what the move lasts.
    """
    spanned = frames_of_move(scene, camera)
    rate = frame_rate(scene)
    seconds = float(spanned[-1] - spanned[0]) / rate
    tensor = find_tensor_format(file_format)
    known = None if tensor or file_format == SHOT else find_format(file_format).rate
    fps = fps or (known.fps if known and known.fps else 0.0)
    count = count or (known.frames if known and known.step is None else 0)
    if count:
        step = rate / fps if fps else seconds * rate / max(1, count - 1)
        return np.asarray(spanned[0] + np.arange(count) * step)
    multiple = tensor.step if tensor else known.step or 1 if known else 1
    return np.asarray(spanned[0] + retime.generator_times(seconds, fps or rate, multiple) * rate)


def write_path(shot: Shot, path: Path, file_format: str) -> tuple[str, ...]:
    """Write a move and return what the format could not hold."""
    if file_format == SHOT:
        write_shot(shot, path)
        return ()
    tensor = find_tensor_format(file_format)
    return write_trajectory(shot, path, file_format) if tensor is None else write_tensor(shot, path, tensor)
