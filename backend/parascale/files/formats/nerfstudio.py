"""nerfstudio's transforms.json: camera-to-world with OpenGL camera axes, intrinsics for all frames or for each.

``applied_transform`` and ``applied_scale`` are what nerfstudio did to the world; they are taken back. What the format
has no key for (times, unit, depth) is under "parascale", which other readers ignore.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from parascale.camera.intrinsics import focal_from_fov
from parascale.errors import InputError
from parascale.files.cameras import choose_pictures, name_size
from parascale.files.disk import replace_files
from parascale.files.distortion import MODELS, coefficient, common_distortion, find_model, name_distortion
from parascale.files.format import Format, register
from parascale.files.frame_keys import read_frame_stamps, with_intrinsic_matrix
from parascale.files.json_text import format_json_rows, parse_number, parse_numbers, read_json
from parascale.files.matrices import OPENGL, from_squares, invert
from parascale.files.note import read_note, write_note
from parascale.files.picture_names import name_pictures
from parascale.files.raw_trajectory import RawTrajectory, Size
from parascale.parallax.distortion import distortion_at
from parascale.parallax.shot import Shot
from parascale.types import Array, Json, to_json_values

JsonObject = dict[str, Json]

_FILE = "transforms.json"
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")
# Those for all of whose coefficients transforms.json has keys.
_STORABLE_MODELS = ("SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
# What perspective cameras are called beside the names in `MODELS`.
_PERSPECTIVE = {"PERSPECTIVE", "PINHOLE", "SIMPLE_PINHOLE"}
_ANY_SIZE = (2, 2)
_CONVENTION = "camera-to-world, OpenGL camera axes, intrinsics in pixels"


def read_nerfstudio(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read one camera of transforms.json, or of the folder it lies in; frames in the order of their pictures' names.

    Raises
    ------
    InputError
        Where the file is not such JSON: with the frame. Where the pictures are panoramas, or there is no such camera.
    """
    path = path / _FILE if path.is_dir() else path
    document = read_json(path)
    document = document if isinstance(document, dict) else {}
    listed = document.get("frames")
    listed = listed if isinstance(listed, list) else []
    frames = [frame for frame in listed if isinstance(frame, dict)]
    if not frames or len(frames) < len(listed):
        raise InputError(f'{path} has no list of "frames": not a transforms.json of nerfstudio')
    document = with_intrinsic_matrix(document, str(path))
    frames = [_own_lens(with_intrinsic_matrix(frame, f"{path}, frame {index}")) for index, frame in enumerate(frames)]
    names = [str(frame.get("file_path") or "") for frame in frames]
    sizes = [_parse_size(document | frame, f"{path}, frame {index}") for index, frame in enumerate(frames)]
    order, notices = choose_pictures(names, camera, str(path), [name_size(size) for size in sizes])
    # What a frame does not state is that of all frames.
    cameras = [(f"{path}, frame {index}", document | frames[index]) for index in order]
    distortion, varying = common_distortion([_parse_distortion(camera, where) for where, camera in cameras])
    poses = np.array([_parse_pose(camera, where) for where, camera in cameras])
    own = document.get("parascale")
    own = own if isinstance(own, dict) else {}
    note = read_note(str(own.get("note", "")))
    own_times = _parse_series(own, "times", len(poses))
    times, numbers, timed = (own_times, None, ()) if own_times is not None else read_frame_stamps(cameras)
    return RawTrajectory(
        _undo_transform(document, poses, str(path)) @ OPENGL,
        lambda frame: f"frame {order[frame]}",
        lens=_parse_lens(cameras),
        note=dataclasses.replace(note, size=sizes[order[0]], fps=note.fps or _parse_rate(document, times, str(path))),
        times=times,
        frames=numbers,
        pictures=[names[index] for index in order],
        median_depth=_parse_series(own, "median_depth", len(poses)),
        distortion=distortion,
        notices=notices + varying + timed,
    )


def write_nerfstudio(shot: Shot, path: Path) -> None:
    """Write transforms.json; pictures are named images/frame_000000.png and so on."""
    assert shot.frames is not None
    width, height = shot.trajectory.size
    own = [_format_camera(distortion_at(shot.distortion, frame)) for frame in range(len(shot))]
    shared = {key: value for key, value in own[0].items() if all(camera[key] == value for camera in own)}
    head: JsonObject = {"w": width, "h": height, **shared}
    poses = (shot.trajectory.camera_to_world @ OPENGL).tolist()
    frames = [
        {"file_path": f"images/{name}", "transform_matrix": pose}
        | dict(zip(("fl_x", "fl_y", "cx", "cy"), lens, strict=True))
        | {key: value for key, value in camera.items() if key not in shared}
        for name, pose, lens, camera in zip(
            name_pictures(shot.frames), poses, shot.trajectory.intrinsics.tolist(), own, strict=True
        )
    ]
    head["parascale"] = {
        "note": write_note(shot, _CONVENTION),
        "times": shot.trajectory.times.tolist(),
        "median_depth": to_json_values(shot.median_depth),
    }
    top = format_json_rows([head]).strip()[1:-1].strip().removesuffix("}")
    replace_files({path: f'{top}, "frames": {format_json_rows(frames)}}}\n'.encode()})


def _format_camera(distortion: Mapping[str, object] | None) -> JsonObject:
    if distortion is None:
        return {"camera_model": "OPENCV"}
    model = find_model(distortion)
    fisheye = "FISHEYE" in model
    coefficients = {key: coefficient(distortion, key) for key in MODELS[model].parameters}
    kept = {key: value for key, value in coefficients.items() if key in _DISTORTION}
    return {"camera_model": "OPENCV_FISHEYE" if fisheye else "OPENCV", **kept}


def _parse_distortion(camera: JsonObject, where: str) -> JsonObject | None:
    model = str(camera.get("camera_model") or "OPENCV").upper()
    if model not in MODELS and model not in _PERSPECTIVE:
        raise InputError(
            f"{where}: the camera model {model} is not that of a lens: only a perspective or fisheye camera has a path "
            "whose motion can be measured"
        )
    values = {key: parse_number(camera[key], f'{where}, "{key}"') for key in _DISTORTION if camera.get(key) is not None}
    if "FISHEYE" not in model and camera.get("is_fisheye") is not True:
        return name_distortion(values)
    model = model if "FISHEYE" in model else "OPENCV_FISHEYE"
    return {"model": model} | {key: values.get(key, 0.0) for key in MODELS[model].parameters}


def _own_lens(frame: JsonObject) -> JsonObject:
    """Hide the focal length of all frames from a frame that states its own angle."""
    states_angle = any(frame.get(key) is not None for key in ("camera_angle_x", "camera_angle_y"))
    states_focal = any(frame.get(key) is not None for key in ("fl_x", "fl_y"))
    return {"fl_x": None, "fl_y": None} | frame if states_angle and not states_focal else frame


def _parse_rate(document: JsonObject, times: Array | None, source: str) -> float | None:
    """Read the frame rate, which nerfstudio itself does not write; None where times tell it."""
    if times is not None or document.get("fps") is None:
        return None
    fps = parse_number(document["fps"], f'{source}, "fps"')
    if fps <= 0:
        raise InputError(f'{source}: "fps" is not positive')
    return fps


def _parse_pose(frame: JsonObject, where: str) -> Array:
    matrix = frame.get("transform_matrix")
    if isinstance(matrix, list) and len(matrix) == 3:
        matrix = [*matrix, [0, 0, 0, 1]]
    numbers = parse_numbers(matrix, (4, 4), f'{where}, "transform_matrix"')
    pose: Array = from_squares(numbers, where, lambda _frame: '"transform_matrix"')[0]
    return pose


def _undo_transform(document: JsonObject, poses: Array, source: str) -> Array:
    """Take back what was applied to the world."""
    if document.get("applied_scale") is not None:
        scale = parse_number(document["applied_scale"], f'{source}, "applied_scale"')
        if scale <= 0:
            raise InputError(f'{source}: "applied_scale" is not positive')
        poses[:, :3, 3] /= scale
    if document.get("applied_transform") is None:
        return poses
    rows = document["applied_transform"]
    shape = (4, 4) if isinstance(rows, list) and len(rows) == 4 else (3, 4)
    applied = np.eye(4)
    applied[: shape[0]] = parse_numbers(rows, shape, f'{source}, "applied_transform"')
    if np.abs(applied[:3, :3] @ applied[:3, :3].T - np.eye(3)).max() > 1e-6:
        raise InputError(f'{source}: "applied_transform" is not a rotation and a translation')
    undone: Array = invert(applied[None])[0] @ poses
    return undone


def _parse_lens(cameras: list[tuple[str, JsonObject]]) -> Array | Callable[[Size], Array] | None:
    """Intrinsics; of the size that is asked for, where the file states angles and no size."""
    if any(_parse_intrinsics(camera, where, _ANY_SIZE) is None for where, camera in cameras):
        return None

    def lens(size: Size) -> Array:
        return np.array([_parse_intrinsics(camera, where, size) for where, camera in cameras])

    return lens


def _parse_intrinsics(camera: JsonObject, where: str, asked: Size) -> list[float] | None:
    size = [
        extent if camera.get(key) is None else parse_number(camera[key], where)
        for key, extent in zip("wh", asked, strict=True)
    ]
    focal_x = _parse_focal(camera, "fl_x", "camera_angle_x", size[0], where)
    focal_y = _parse_focal(camera, "fl_y", "camera_angle_y", size[1], where)
    focal_x, focal_y = focal_x or focal_y, focal_y or focal_x
    if focal_x is None or focal_y is None:
        return None
    middle = [
        extent / 2 if camera.get(key) is None else parse_number(camera[key], f"{where}, principal point")
        for key, extent in (("cx", size[0]), ("cy", size[1]))
    ]
    return [focal_x, focal_y, *middle]


def _parse_focal(camera: JsonObject, key: str, angle: str, extent: float, where: str) -> float | None:
    if camera.get(key) is not None:
        return parse_number(camera[key], f'{where}, "{key}"')
    if camera.get(angle) is not None:
        return focal_from_fov(parse_number(camera[angle], f'{where}, "{angle}"'), extent)
    return None


def _parse_size(camera: JsonObject, where: str) -> Size | None:
    width, height = camera.get("w"), camera.get("h")
    if width is None or height is None:
        return None
    size = parse_number(width, f'{where}, "w"'), parse_number(height, f'{where}, "h"')
    if not all(value >= 1 and value == int(value) for value in size):
        raise InputError(f"{where}: the picture size {size[0]:g}x{size[1]:g} is not two positive whole numbers")
    return int(size[0]), int(size[1])


def _parse_series(own: JsonObject, key: str, count: int) -> Array | None:
    """One of our own lists; nothing where it does not fit, as after an edit by another tool."""
    values = own.get(key)
    if not isinstance(values, list) or len(values) != count:
        return None
    try:
        return np.array([np.nan if value is None else parse_number(value, key) for value in values])
    except InputError:
        return None


register(
    Format(
        name="nerfstudio",
        description="nerfstudio transforms.json",
        suffix=".json",
        lens="each frame",
        time="exact",
        read=read_nerfstudio,
        write=write_nerfstudio,
        recognise=lambda sample: (
            sample.has_file(_FILE) or sample.has_key("transform_matrix") or sample.has_key("frames")
        ),
        precedence=1,
        depth=True,
        cameras=True,
        distortion=_STORABLE_MODELS.__contains__,
    )
)
