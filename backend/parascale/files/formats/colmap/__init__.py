"""COLMAP models: cameras, images and points3D, as text or binary; world-to-camera, OpenCV axes, pixel centres at +0.5.

Points are kept, and the median depth of a frame is that of the points it observed. Source: COLMAP's documentation,
"Output Format".
"""

import dataclasses
from pathlib import Path

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.rotations import orthonormalise, quaternions_from_matrices
from parascale.errors import InputError, Notice
from parascale.files.cameras import choose_pictures, name_size
from parascale.files.disk import make_folder, replace_files
from parascale.files.distortion import MODELS, common_distortion, join_parameters, split_parameters
from parascale.files.format import Format, register
from parascale.files.formats.colmap import binary, text
from parascale.files.formats.colmap.model import Camera, Image, Model
from parascale.files.matrices import from_parts, invert, rotations_from_quaternions
from parascale.files.note import read_note, write_note
from parascale.files.picture_names import name_pictures, natural_key
from parascale.files.point_depth import depth_from_points
from parascale.files.raw_trajectory import RawTrajectory
from parascale.parallax.distortion import distortion_at
from parascale.parallax.shot import Points, Shot
from parascale.types import Array


def read_colmap(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read one camera of a COLMAP model from its folder, or of the largest within; frames in the order of their names.

    Raises
    ------
    InputError
        Where there is none or it is broken: with file and line. Where it has no such camera.
    """
    folders = list_models(path)
    if not folders:
        raise InputError(f"{path} has neither cameras.txt and images.txt nor cameras.bin and images.bin")
    model, notices = _read_largest(folders)
    if not model.images:
        raise InputError(f"{path}: the model has no pictures")
    for image in model.images:
        if image.camera not in model.cameras:
            raise InputError(f"{path}, {image.location}: the camera {image.camera} is not among the cameras")
    names = [image.name for image in model.images]
    cameras = [model.cameras[image.camera] for image in model.images]
    sizes = [name_size((camera.width, camera.height)) for camera in cameras]
    order, others = choose_pictures(names, camera, str(path), sizes, _list_sensors(model))
    images = [model.images[index] for index in order]
    parts = [split_parameters(cameras[index].model, cameras[index].parameters) for index in order]
    distortion, varying = common_distortion([distortion for _, distortion in parts])
    lens, size = np.array([lens for lens, _ in parts]), (cameras[order[0]].width, cameras[order[0]].height)
    poses = _parse_poses(images, str(path))
    points = Points(model.positions.astype(np.float32), model.colours) if len(model.positions) else None
    return RawTrajectory(
        poses,
        lambda frame: images[frame].location,
        lens=lens,
        note=dataclasses.replace(read_note(model.comments), size=size),
        pictures=[image.name for image in images],
        median_depth=_measure_depth(model, images, poses, lens, size),
        distortion=distortion,
        points=points,
        notices=notices + others + varying,
    )


def write_colmap(shot: Shot, path: Path) -> None:
    """Write a model's text files into a folder."""
    files = text.format_model(_make_model(shot))
    replace_files({make_folder(path) / name: data for name, data in files.items()})


def write_colmap_binary(shot: Shot, path: Path) -> None:
    """Write a model's binary files into a folder."""
    files = binary.format_model(_make_model(shot))
    replace_files({make_folder(path) / name: data for name, data in files.items()})


def list_models(path: Path) -> list[Path]:
    """List the folders of models in or under a path; COLMAP numbers the parts that it could not join."""
    for folder in (path, path / "sparse"):
        if _is_model(folder):
            return [folder]
        numbered = folder.glob("[0-9]*") if folder.is_dir() else ()
        parts = sorted(filter(_is_model, numbered), key=lambda part: natural_key(part.name))
        if parts:
            return parts
    return []


def _is_model(folder: Path) -> bool:
    return any(all((folder / name).is_file() for name in names[:2]) for names in (binary.NAMES, text.NAMES))


def _read_largest(folders: list[Path]) -> tuple[Model, tuple[Notice, ...]]:
    """Read the model with the most pictures; the others are said."""
    models = [
        binary.read_model(folder) if (folder / binary.NAMES[1]).exists() else text.read_model(folder)
        for folder in folders
    ]
    counts = [len(model.images) for model in models]
    largest = counts.index(max(counts))
    if len(models) == 1:
        return models[0], ()
    listed = ", ".join(f"{folder.name} with {count}" for folder, count in zip(folders, counts, strict=True))
    where = folders[largest]
    return models[largest], (
        Notice(
            f"the reconstruction is in {len(models)} parts, whose worlds differ: read {where}, the largest "
            f"(pictures: {listed}); each can be read by its own folder"
        ),
    )


def _list_sensors(model: Model) -> list[str]:
    """Name each picture's camera where several are mounted on a rig; else the model's cameras are mere lenses."""
    mounted = any(len(sensors) > 1 for sensors in model.rigs)
    return [f"camera {image.camera}" for image in model.images] if mounted else []


def _parse_poses(images: list[Image], source: str) -> Array:
    quaternions = np.array([image.quaternion for image in images])
    rotations = rotations_from_quaternions(quaternions, source, lambda frame: images[frame].location)
    return invert(from_parts(rotations, np.array([image.translation for image in images])))


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
    found = [join_parameters(k, distortion_at(shot.distortion, t)) for t, k in enumerate(trajectory.intrinsics)]
    lenses = [(name, tuple(parameters)) for name, parameters in found]
    numbers = {lens: number for number, lens in enumerate(sorted(set(lenses)), start=1)}
    cameras = {number: Camera(name, *trajectory.size, np.array(values)) for (name, values), number in numbers.items()}
    world_to_camera = invert(trajectory.camera_to_world)
    quaternions = quaternions_from_matrices(world_to_camera[:, :3, :3])
    images = tuple(
        Image(name, quaternion, pose[:3, 3], numbers[lens], np.zeros(0, np.int64), "")
        for name, quaternion, pose, lens in zip(
            name_pictures(shot.frames), quaternions, world_to_camera, lenses, strict=True
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
    recognise=lambda sample: bool(list_models(sample.path)),
    precedence=2,
    points=True,
    cameras=True,
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
