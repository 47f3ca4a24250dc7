"""What the cameras hold: marks in the reference and in the target, and where they stand in the picture."""

import bpy
import numpy as np

from parascale.camera.intrinsics import projection
from parascale.parallax.composition import SubjectPoint
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack
from parascale.types import Array

from ..settings import CalibrationSettings
from .reference_camera import world_of_shot


def marked_subject(shot: Shot, mark: bpy.types.Object) -> SubjectTrack:
    """Follow a mark among a reference's points through its picture."""
    place = np.append(np.array(mark.matrix_world.translation, np.float64), 1.0)
    path = shot.trajectory
    point = (np.linalg.inv(world_of_shot(shot)) @ place)[:3]
    turned = path.camera_to_world[:, :3, :3]
    local = np.einsum("tij,ti->tj", turned, point - path.centres)
    centre = picture_places(projection(local, path.intrinsics), path.size)
    ahead = local[:, 2] > 0
    half = np.array([0.5, 0.5 * path.height / path.width])
    seen = ahead & (np.abs(centre) <= half).all(axis=1)
    return SubjectTrack(mark.name, np.where(seen[:, None], centre, np.nan), depth=np.where(ahead, local[:, 2], np.nan))


def subject_points(settings: CalibrationSettings) -> tuple[SubjectPoint, ...]:
    """Where the target's subject stands; empty where none is marked."""
    mark = settings.target_subject
    return () if mark is None else (np.array(mark.matrix_world.translation, np.float64),)


def picture_places(pixels: Array, size: tuple[int, int]) -> Array:
    """Turn pixels (..., 2) into places in frame widths from the middle of the picture, y down."""
    return np.asarray((pixels - np.array(size) / 2) / size[0])
