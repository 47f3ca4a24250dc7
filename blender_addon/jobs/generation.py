"""A generation from the scene to the backend: built, written to the journal and handed over."""

import bpy

from ..scene.generation import GenerationSettings, build_request, choose_frame_times, describe_request
from ..settings import settings_of_scene
from ..settings.generators import refuse_unknown_generator
from ..steps import Steps
from . import job_list, session, thumbnails
from .journal import Job


def submit_generation(
    scene: bpy.types.Scene, camera: bpy.types.Object, settings: GenerationSettings | None = None
) -> Steps[Job]:
    """Build the request for a video and hand it over.

    Parameters
    ----------
    scene, camera
    settings : GenerationSettings, optional
        Those of the scene's panel if not given. A generator's own are there only once a backend is connected.

    Raises
    ------
    InputError
        If no backend can be reached, or the request cannot be built or handed over.
    """
    now = session.current()
    yield from now.connect()
    settings = settings or GenerationSettings.from_scene(scene)
    refuse_unknown_generator(settings.generator)
    timing = choose_frame_times(scene, camera, settings)
    request = yield from build_request(scene, camera, timing, settings)
    # "asked" is the key that strips of earlier versions have.
    job = session.new_job("generate", camera.name, scene, describe_request(request) | {"asked": settings.to_json()})
    job.frame_start, job.fps = timing.frame_start, timing.fps
    thumbnails.save_picture(job, request.image)
    now.submit(job, request)
    settings_of_scene(scene).job_id = job.id
    job_list.update()
    return job
