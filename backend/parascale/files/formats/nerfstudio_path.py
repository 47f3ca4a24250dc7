"""camera_path.json, which nerfstudio's viewer writes and `ns-render camera-path` plays.

Camera-to-world row by row with OpenGL camera axes, the vertical field of view in degrees, one frame rate.
"""

import dataclasses
from pathlib import Path

import numpy as np

from parascale.camera.intrinsics import fov_from_focal
from parascale.errors import InputError, Notice
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.frame_keys import MATRIX, read_frame_stamps, read_intrinsic_matrix
from parascale.files.json_text import format_json_rows, parse_number, parse_numbers, read_json
from parascale.files.matrices import OPENGL, frame_location, from_squares
from parascale.files.note import read_note, write_note
from parascale.files.raw_trajectory import RawTrajectory, lens_from_vertical_fov
from parascale.parallax.shot import Shot
from parascale.types import Json

_CONVENTION = "camera-to-world, OpenGL camera axes"
# Fields of view of one lens that are stated twice differ by less; the middle of its picture may be off by a few pixels.
_SAME_DEGREES = 1.0
# What a file says of its rate, and the share by which the number of its frames may differ from that.
_RATE, _SAME_LENGTH = ("fps", "seconds"), 0.05


def read_nerfstudio_path(path: Path) -> RawTrajectory:
    """Read camera_path.json.

    Raises
    ------
    InputError
        Where the file is not such JSON: with the frame. Where it is for panoramas or fisheye pictures.
    """
    document = read_json(path)
    document = document if isinstance(document, dict) else {}
    listed = document.get("camera_path")
    cameras = [camera for camera in listed if isinstance(camera, dict)] if isinstance(listed, list) else []
    if not cameras:
        raise InputError(f'{path} has no frames in "camera_path": play or export the path in the viewer first')
    kind = document.get("camera_type", "perspective")
    if kind != "perspective":
        raise InputError(f"{path}: the path is for {kind} pictures, and only perspective ones can be read")
    where = [f"{path}, frame {index}" for index in range(len(cameras))]
    placed = list(zip(cameras, where, strict=True))
    numbers = [parse_numbers(camera.get("camera_to_world"), (16,), f'{at}, "camera_to_world"') for camera, at in placed]
    fov = np.array([parse_number(camera.get("fov"), f'{at}, "fov"') for camera, at in placed])
    for degrees, (camera, at) in zip(fov.tolist(), placed, strict=True):
        _check_matrix(camera, at, degrees)
    note = read_note(str(document.get("parascale", "")))
    times, frame_numbers, notices = read_frame_stamps([(at, camera) for camera, at in placed])
    fps, contradiction = _parse_rate(document, len(cameras), str(path)) if times is None else (None, ())
    return RawTrajectory(
        from_squares(np.array(numbers), str(path), frame_location) @ OPENGL,
        lens=lens_from_vertical_fov(fov, str(path), frame_location),
        note=dataclasses.replace(
            note,
            size=_parse_size(document, str(path)),
            fps=fps,
        ),
        times=times,
        frames=frame_numbers,
        notices=notices + contradiction,
    )


def _parse_rate(document: dict[str, Json], count: int, source: str) -> tuple[float | None, tuple[Notice, ...]]:
    """Read the frame rate, or tell it by the seconds that the whole path takes; and say where the two differ."""
    stated = [None if document.get(key) is None else parse_number(document[key], f'{source}, "{key}"') for key in _RATE]
    fps, seconds = stated
    by_length = count / seconds if seconds is not None and seconds > 0 else None
    if fps is None or by_length is None:
        return fps or by_length, ()
    # Some writers count the frames, others the steps between them.
    if abs(seconds * fps - count) > 1 + _SAME_LENGTH * count:  # type: ignore[operator]
        told = (
            f"the file states {fps:g} frames a second, and {count} frames in {seconds:g} seconds: the former is taken"
        )
        return fps, (Notice(told, "fps"),)
    return fps, ()


def _check_matrix(camera: dict[str, Json], where: str, degrees: float) -> None:
    """Refuse a matrix of intrinsics that has another vertical field of view than its frame states."""
    lens = read_intrinsic_matrix(camera, where)
    if lens is not None and abs(float(np.degrees(fov_from_focal(lens[1], 2 * lens[3]))) - degrees) > _SAME_DEGREES:
        raise InputError(
            f'{where}: the field of view of {degrees:g} degrees contradicts "{MATRIX}": leave out the wrong one'
        )


def write_nerfstudio_path(shot: Shot, path: Path) -> None:
    """Write camera_path.json."""
    trajectory = shot.trajectory
    width, height = trajectory.size
    head = {
        "camera_type": "perspective",
        "render_height": height,
        "render_width": width,
        "fps": shot.fps,
        "seconds": len(shot) / shot.fps,
        "smoothness_value": 0.0,
        "is_cycle": False,
        "crop": None,
        "keyframes": [],
        "parascale": write_note(shot, _CONVENTION),
    }
    cameras = [
        {"camera_to_world": pose, "fov": float(np.degrees(fov_from_focal(focal, height))), "aspect": width / height}
        for pose, focal in zip(
            (trajectory.camera_to_world @ OPENGL).reshape(-1, 16).tolist(), trajectory.intrinsics[:, 1], strict=True
        )
    ]
    top = format_json_rows([head]).strip()[1:-1].strip().removesuffix("}")
    replace_files({path: f'{top}, "camera_path": {format_json_rows(cameras)}}}\n'.encode()})


def _parse_size(document: dict[str, Json], source: str) -> tuple[int, int] | None:
    if document.get("render_width") is None or document.get("render_height") is None:
        return None
    size = [parse_number(document[key], f'{source}, "{key}"') for key in ("render_width", "render_height")]
    if min(size) < 1 or not all(value.is_integer() for value in size):
        raise InputError(f"{source}: the picture size {size[0]:g}x{size[1]:g} is not two positive whole numbers")
    return int(size[0]), int(size[1])


register(
    Format(
        name="nerfstudio-path",
        description="nerfstudio camera_path.json of the viewer",
        suffix=".json",
        lens="height",
        time="even",
        read=read_nerfstudio_path,
        write=write_nerfstudio_path,
        recognise=lambda sample: sample.has_key("camera_path"),
        precedence=2,
    )
)
