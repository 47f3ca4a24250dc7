"""COLMAP models: cameras, images and points3D, as text or binary; world-to-camera, OpenCV axes, pixel centres at +0.5.

Points are kept, and the median depth of a frame is that of the points it observed. Source: COLMAP's documentation,
"Output Format".
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.rotations import orthonormalise, quaternions_from_matrices
from parascale.errors import InputError, Notice
from parascale.files.disk import make_folder, replace_files
from parascale.files.distortion import MODELS, join_parameters, split_parameters
from parascale.files.format import Format, register
from parascale.files.formats.colmap import binary, text
from parascale.files.formats.colmap.model import Camera, Image, Model
from parascale.files.matrices import from_parts, invert, rotations_from_quaternions
from parascale.files.note import read_note, write_note
from parascale.files.picture_names import name_pictures, natural_key, parse_frame_numbers
from parascale.files.point_depth import depth_from_points
from parascale.files.raw_trajectory import RawTrajectory
from parascale.parallax.shot import Points, Shot
from parascale.types import Array


def read_colmap(path: Path) -> RawTrajectory:
    """Read a COLMAP model from its folder, or from sparse/0 within; frames in the order of the pictures' names.

    Raises
    ------
    InputError
        Where there is none or it is broken: with file and line.
    """
    folder = find_model_folder(path)
    if folder is None:
        raise InputError(f"{path} has neither cameras.txt and images.txt nor cameras.bin and images.bin")
    is_binary = (folder / binary.NAMES[1]).exists()
    model = binary.read_model(folder) if is_binary else text.read_model(folder)
    images = sorted(model.images, key=lambda image: natural_key(image.name))
    if not images:
        raise InputError(f"{path}: the model has no pictures")
    poses = _parse_poses(images, str(path))
    lens, size, distortion, notices = _parse_lens(model, images, str(path))
    points = Points(model.positions.astype(np.float32), model.colours) if len(model.positions) else None
    return RawTrajectory(
        poses,
        lambda frame: images[frame].location,
        lens=lens,
        note=dataclasses.replace(read_note(model.comments), size=size),
        frames=parse_frame_numbers([image.name for image in images]),
        median_depth=_measure_depth(model, images, poses, lens, size),
        distortion=distortion,
        points=points,
        notices=notices,
    )


def write_colmap(shot: Shot, path: Path) -> None:
    """Write a model's text files into a folder."""
    files = text.format_model(_make_model(shot))
    replace_files({make_folder(path) / name: data for name, data in files.items()})


def write_colmap_binary(shot: Shot, path: Path) -> None:
    """Write a model's binary files into a folder."""
    files = binary.format_model(_make_model(shot))
    replace_files({make_folder(path) / name: data for name, data in files.items()})


def find_model_folder(path: Path) -> Path | None:
    """Folder of the model in or under a path."""
    for folder in (path, path / "sparse" / "0", path / "sparse", path / "0"):
        for names in (binary.NAMES, text.NAMES):
            if all((folder / name).is_file() for name in names[:2]):
                return folder
    return None


def _parse_poses(images: list[Image], source: str) -> Array:
    quaternions = np.array([image.quaternion for image in images])
    rotations = rotations_from_quaternions(quaternions, source, lambda frame: images[frame].location)
    return invert(from_parts(rotations, np.array([image.translation for image in images])))


def _parse_lens(
    model: Model, images: list[Image], source: str
) -> tuple[Array, tuple[int, int], Mapping[str, object] | None, tuple[Notice, ...]]:
    for image in images:
        if image.camera not in model.cameras:
            raise InputError(f"{source}, {image.location}: the camera {image.camera} is not among the cameras")
    parts = {number: split_parameters(camera.model, camera.parameters) for number, camera in model.cameras.items()}
    first = model.cameras[images[0].camera]
    used = {image.camera for image in images}
    for number in used:
        camera = model.cameras[number]
        if (camera.width, camera.height) != (first.width, first.height):
            raise InputError(f"{source}: the pictures differ in size, so they are not one shot")
    distortion = parts[images[0].camera][1]
    notices: tuple[Notice, ...] = ()
    if any(parts[number][1] != distortion for number in used):
        notices = (Notice("the lens distortion changes from picture to picture: kept that of the first"),)
    lens = np.array([parts[image.camera][0] for image in images])
    return lens, (first.width, first.height), distortion, notices


def _measure_depth(model: Model, images: list[Image], poses: Array, lens: Array, size: tuple[int, int]) -> Array | None:
    if not len(model.positions) or not (lens[:, :2] > 0).all():
        return None
    rigid = poses.copy()
    rigid[:, :3, :3] = orthonormalise(poses[:, :3, :3])
    trajectory = Trajectory(rigid, lens, np.arange(len(rigid), dtype=np.float64), *size)
    order = np.argsort(model.point_ids)
    ids = model.point_ids[order]
    seen = []
    for image in images:
        at = np.minimum(np.searchsorted(ids, image.points), len(ids) - 1)
        seen.append(order[at[ids[at] == image.points]])
    observed = any(len(points) for points in seen)
    return depth_from_points(trajectory, model.positions, seen if observed else None)


def _make_model(shot: Shot) -> Model:
    trajectory = shot.trajectory
    assert shot.frames is not None
    lenses, which = np.unique(trajectory.intrinsics, axis=0, return_inverse=True)
    cameras = {}
    for number, lens in enumerate(lenses, start=1):
        name, parameters = join_parameters(lens, shot.distortion)
        cameras[number] = Camera(name, *trajectory.size, np.array(parameters))
    world_to_camera = invert(trajectory.camera_to_world)
    quaternions = quaternions_from_matrices(world_to_camera[:, :3, :3])
    images = tuple(
        Image(name, quaternion, pose[:3, 3], int(camera) + 1, np.zeros(0, np.int64), "")
        for name, quaternion, pose, camera in zip(
            name_pictures(shot.frames), quaternions, world_to_camera, which.reshape(-1), strict=True
        )
    )
    points = shot.points or Points(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8))
    return Model(
        cameras,
        images,
        np.arange(1, len(points.positions) + 1),
        points.positions.astype(np.float64),
        points.colours,
        write_note(shot, "world-to-camera, OpenCV axes, pixels"),
    )


_TEXT = Format(
    name="colmap",
    description="COLMAP model, text files in a folder",
    suffix="",
    lens="each frame",
    time="even",
    read=read_colmap,
    write=write_colmap,
    # Models of both kinds of files.
    recognise=lambda sample: find_model_folder(sample.path) is not None,
    precedence=2,
    points=True,
    distortion=MODELS.__contains__,
)
register(
    _TEXT,
    dataclasses.replace(
        _TEXT,
        name="colmap-binary",
        description="COLMAP model, binary files in a folder",
        write=write_colmap_binary,
        recognise=lambda _sample: False,
        unit=False,
    ),
)
