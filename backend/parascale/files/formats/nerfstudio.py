"""nerfstudio's transforms.json: camera-to-world with OpenGL camera axes, intrinsics for all frames or for each.

``applied_transform`` and ``applied_scale`` are what nerfstudio did to the world; they are taken back. What the format
has no key for (times, unit, depth) stands under "parascale", which other readers pass over.
"""

from pathlib import Path
from typing import Any

import numpy as np

from parascale.camera.intrinsics import focal_from_fov
from parascale.errors import InputError
from parascale.files.contents import Contents
from parascale.files.disk import replace_files
from parascale.files.distortion import MODELS, distortion_model
from parascale.files.json_text import dump, number, numbers, read_json
from parascale.files.matrices import OPENGL, fixed_lens, invert
from parascale.files.natural import frame_numbers, natural_key, picture_names
from parascale.files.note import read_note, write_note
from parascale.parallax.shot import Shot
from parascale.types import Array, to_json_values

_FILE = "transforms.json"
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")
_CONVENTION = "camera-to-world, OpenGL camera axes, intrinsics in pixels"


def read_nerfstudio(path: Path) -> Contents:
    """Read transforms.json, or the folder it lies in; frames are ordered by the names of their pictures.

    Raises
    ------
    InputError
        Where the file is no such JSON; with the frame.
    """
    path = path / _FILE if path.is_dir() else path
    document = read_json(path)
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise InputError(f'{path} holds no "frames", so it is no transforms.json of nerfstudio')
    names = [str(frame.get("file_path", "")) for frame in frames]
    order = sorted(range(len(frames)), key=lambda index: natural_key(names[index])) if all(names) else range(len(names))
    places = [f"frame {index}" for index in order]
    ordered = [frames[index] for index in order]
    poses = np.array([_pose(frame, f"{path}, {place}") for frame, place in zip(ordered, places, strict=True)])
    lens = _lens(document, ordered, places, str(path))
    own = document.get("parascale")
    own = own if isinstance(own, dict) else {}
    note = read_note(str(own.get("note", "")))
    return Contents(
        _undo(document, poses, str(path)) @ OPENGL,
        places.__getitem__,
        lens=None if lens is None else fixed_lens(lens),
        size=_size(document, ordered, str(path)),
        times=_series(own, "times", len(poses)),
        frames=frame_numbers([names[index] for index in order]),
        fps=note.fps,
        unit=note.unit,
        metres_per_unit=note.metres_per_unit,
        median_depth=_series(own, "median_depth", len(poses)),
        distortion=_distortion(document, str(path)),
    )


def write_nerfstudio(shot: Shot, path: Path) -> None:
    """Write transforms.json; pictures are named images/frame_000000.png and so on."""
    assert shot.frames is not None
    width, height = shot.trajectory.size
    head: dict[str, Any] = {"w": width, "h": height, **_camera(shot)}
    poses = (shot.trajectory.camera_to_world @ OPENGL).tolist()
    frames = [
        {"file_path": f"images/{name}", "transform_matrix": pose}
        | dict(zip(("fl_x", "fl_y", "cx", "cy"), lens, strict=True))
        for name, pose, lens in zip(picture_names(shot.frames), poses, shot.trajectory.intrinsics.tolist(), strict=True)
    ]
    head["parascale"] = {
        "note": write_note(shot, _CONVENTION),
        "times": shot.trajectory.times.tolist(),
        "median_depth": to_json_values(shot.median_depth),
    }
    top = dump([head]).strip()[1:-1].strip().removesuffix("}")
    replace_files({path: f'{top}, "frames": {dump(frames)}}}\n'.encode()})


def _camera(shot: Shot) -> dict[str, Any]:
    if shot.distortion is None:
        return {"camera_model": "OPENCV"}
    model = distortion_model(shot.distortion)
    fisheye = "FISHEYE" in model
    coefficients = {key: float(shot.distortion.get(key, 0.0)) for key in MODELS[model].parameters}
    kept = {key: value for key, value in coefficients.items() if key in _DISTORTION}
    return {"camera_model": "OPENCV_FISHEYE" if fisheye else "OPENCV", **kept}


def holds_distortion(model: str) -> bool:
    """Tell whether transforms.json has keys for all coefficients of a model."""
    return model in {"SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"}


def _distortion(document: dict[str, Any], source: str) -> dict[str, Any] | None:
    values = {key: number(document[key], f'{source}, "{key}"') for key in _DISTORTION if document.get(key) is not None}
    kept = {key: value for key, value in values.items() if value}
    if not kept:
        return None
    if document.get("camera_model") == "OPENCV_FISHEYE":
        return {"model": "OPENCV_FISHEYE"} | {key: values.get(key, 0.0) for key in ("k1", "k2", "k3", "k4")}
    if kept.keys() <= {"k1"}:
        return {"model": "SIMPLE_RADIAL", **kept}
    if kept.keys() <= {"k1", "k2"}:
        return {"model": "RADIAL"} | {key: values.get(key, 0.0) for key in ("k1", "k2")}
    model = "OPENCV" if kept.keys() <= {"k1", "k2", "p1", "p2"} else "FULL_OPENCV"
    return {"model": model} | {key: values.get(key, 0.0) for key in MODELS[model].parameters}


def _pose(frame: dict[str, Any], where: str) -> Array:
    matrix = frame.get("transform_matrix")
    if isinstance(matrix, list) and len(matrix) == 3:
        matrix = [*matrix, [0, 0, 0, 1]]
    return numbers(matrix, (4, 4), f'{where}, "transform_matrix"')


def _undo(document: dict[str, Any], poses: Array, source: str) -> Array:
    """Take back what was applied to the world."""
    if document.get("applied_scale") is not None:
        scale = number(document["applied_scale"], f'{source}, "applied_scale"')
        if scale <= 0:
            raise InputError(f'{source}: "applied_scale" is not positive')
        poses[:, :3, 3] /= scale
    if document.get("applied_transform") is None:
        return poses
    rows = document["applied_transform"]
    shape = (4, 4) if isinstance(rows, list) and len(rows) == 4 else (3, 4)
    applied = np.eye(4)
    applied[: shape[0]] = numbers(rows, shape, f'{source}, "applied_transform"')
    if np.abs(applied[:3, :3] @ applied[:3, :3].T - np.eye(3)).max() > 1e-6:
        raise InputError(f'{source}: "applied_transform" is not a rotation and a translation')
    undone: Array = invert(applied[None])[0] @ poses
    return undone


def _lens(document: dict[str, Any], frames: list[dict[str, Any]], places: list[str], source: str) -> Array | None:
    rows = []
    for frame, place in zip(frames, places, strict=True):
        row = _intrinsics(document | frame, f"{source}, {place}")
        if row is None:
            return None
        rows.append(row)
    return np.array(rows)


def _intrinsics(camera: dict[str, Any], where: str) -> list[float] | None:
    width, height = camera.get("w"), camera.get("h")
    focal_x = _focal(camera, "fl_x", "camera_angle_x", width, where)
    focal_y = _focal(camera, "fl_y", "camera_angle_y", height, where)
    focal_x, focal_y = focal_x or focal_y, focal_y or focal_x
    if focal_x is None or focal_y is None:
        return None
    middle = [
        camera.get(key, None if extent is None else number(extent, where) / 2)
        for key, extent in (("cx", width), ("cy", height))
    ]
    if None in middle:
        return None
    return [focal_x, focal_y, *(number(value, f"{where}, principal point") for value in middle)]


def _focal(camera: dict[str, Any], key: str, angle: str, extent: Any, where: str) -> float | None:
    if camera.get(key) is not None:
        return number(camera[key], f'{where}, "{key}"')
    if camera.get(angle) is not None and extent is not None:
        return focal_from_fov(number(camera[angle], f'{where}, "{angle}"'), number(extent, where))
    return None


def _size(document: dict[str, Any], frames: list[dict[str, Any]], source: str) -> tuple[int, int] | None:
    stated = {(camera.get("w"), camera.get("h")) for camera in ({**document, **frame} for frame in frames)}
    if len(stated) > 1:
        raise InputError(f"{source}: the pictures are of different sizes")
    width, height = stated.pop()
    if width is None or height is None:
        return None
    size = number(width, f'{source}, "w"'), number(height, f'{source}, "h"')
    if not all(value >= 1 and value == int(value) for value in size):
        raise InputError(f"{source}: a picture size of {size[0]:g}x{size[1]:g} is none")
    return int(size[0]), int(size[1])


def _series(own: dict[str, Any], key: str, count: int) -> Array | None:
    """One of our own lists; nothing where it does not fit, as after an edit by another tool."""
    values = own.get(key)
    if not isinstance(values, list) or len(values) != count:
        return None
    try:
        return np.array([np.nan if value is None else float(value) for value in values])
    except (TypeError, ValueError):
        return None
