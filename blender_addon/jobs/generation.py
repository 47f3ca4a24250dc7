"""A generation from the scene to the backend: built, written to the journal and handed over."""

from collections.abc import Mapping
from typing import cast

import bpy

from parascale.errors import InputError
from parascale.types import Json

from ..scene.generation import GenerationSettings, build_request, describe_request
from ..settings import settings_of_object, settings_of_scene
from ..settings.generators import refuse_unknown_generator
from ..steps import Steps
from . import job_list, session, thumbnails
from .journal import Job


def submit_generation(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    settings: GenerationSettings | None = None,
    *,
    beside: bool = False,
) -> Steps[Job]:
    """Build the request for a video and hand it over, by the panel's settings where none are given."""
    now = session.current()
    yield from now.connect()
    # A generator's own settings are there only once a backend is connected.
    settings = settings or GenerationSettings.from_scene(scene)
    refuse_unknown_generator(settings.generator)
    request = yield from build_request(scene, camera, settings, beside=beside)
    # "asked" is the key that strips of earlier versions have.
    job = session.new_job(request, camera.name, scene, describe_request(request) | {"asked": settings.to_json()})
    job.frame_start, job.fps = settings_of_object(camera).calibration.frame_start, request.shot.fps
    thumbnails.save_picture(job, request.image)
    now.submit(job, request)
    settings_of_scene(scene).job_id = job.id
    job_list.update()
    return job


def camera_of_request(request: Mapping[str, Json]) -> bpy.types.Object:
    """Return the calibrated camera that a strip or a job was made along."""
    camera = bpy.data.objects.get(str(request.get("camera", "")))
    if camera is None or settings_of_object(camera).role != "CAMERA":
        raise InputError(f"the calibrated camera {request.get('camera')!r} is not in this file any more")
    return camera


def submit_again(scene: bpy.types.Scene, request: Mapping[str, Json], *, beside: bool = False) -> Steps[Job]:
    """Submit a request that a strip or a job keeps, from the scene as it is now.

    Raises
    ------
    InputError
        If its picture was one that Blender showed, as another may be shown by now.
    """
    camera = camera_of_request(request)
    settings = GenerationSettings.from_json(cast("Mapping[str, Json]", request.get("asked", request)))
    if settings.picture in ("RESULT", "IMAGE"):
        raise InputError(
            "this video started from a picture that Blender showed then, and by now it may show another: show that "
            "picture, and press Generate with the same settings"
        )
    return (yield from submit_generation(scene, camera, settings, beside=beside))
