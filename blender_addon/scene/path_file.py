"""A camera's move as a file of another tool: the frames it is sampled at, and how it is written."""

from pathlib import Path

import bpy
import numpy as np

from parascale import retime
from parascale.blender.scene_state import frame_rate
from parascale.conditioning.tensor_file import TENSORS, find_tensor_format, write_tensor
from parascale.files.formats import FORMATS
from parascale.files.shot_file import write_shot
from parascale.files.trajectory_file import find_format, write_trajectory
from parascale.parallax.shot import Shot
from parascale.types import Array

from .reference_file import SHOT
from .sampling import frames_of_move

WRITE_FORMATS = (
    (SHOT, "ParaScale Shot", "Shot file, NAME.shot.json: holds everything"),
    *((known.name, known.name, known.description) for known in FORMATS.values() if known.write is not None),
    *((known.name, known.name, known.description) for known in TENSORS),
)


def suffix_of(file_format: str) -> str:
    """Return the ending of a format's files."""
    if file_format == SHOT:
        return ".shot.json"
    return ".npz" if find_tensor_format(file_format) else find_format(file_format).suffix


def frames_for_format(
    scene: bpy.types.Scene, camera: bpy.types.Object, file_format: str, fps: float, count: int
) -> Array:
    """Return the scene frames to sample, which may be fractions, at the rate and in the number that the tool takes.

    Parameters
    ----------
    scene : bpy.types.Scene
    camera : bpy.types.Object
    file_format : str
        One of `WRITE_FORMATS`.
    fps : float
        Frames a second of the file; 0 takes the tool's own, else the scene's.
    count : int
        Frames of the file; 0 takes as many as the tool likes and the move lasts.
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
