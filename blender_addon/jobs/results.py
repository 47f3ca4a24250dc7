"""Results put to use: a video becomes a strip, a solved clip the reference, a depth map the photo's surface."""

from pathlib import Path
from typing import cast

import bpy

from parascale.blender.strips import insert_strip, request_of, sequencer_scene
from parascale.errors import InputError
from parascale.files.shot_file import read_shot
from parascale.types import Json

from ..scene import photo
from ..scene.reference_camera import adopt_reference
from ..stubs import Context
from . import session
from .journal import Job


def insert_result(context: Context, job: Job) -> str:
    """Put a fetched result to use and return a sentence about it."""
    if not job.has_result:
        raise InputError(f"{job.title} has no result to insert: it is {job.state}. {job.message}")
    if job.kind not in INSERT:
        raise InputError(f"{job.title}: the result of a {job.kind} job cannot be inserted")
    message = INSERT[job.kind](context, bpy.data.scenes.get(job.scene) or context.scene, job)
    session.current().set_state(job, "used")
    return message


def _insert_shot(_context: Context, scene: bpy.types.Scene, job: Job) -> str:
    shot = read_shot(Path(job.files["shot"]))
    adopt_reference(scene, shot)
    return f"{job.title} is the reference: {len(shot)} frames"


def _insert_depth(_context: Context, scene: bpy.types.Scene, job: Job) -> str:
    estimate = cast("photo.DepthEstimate", job.summary)
    request = cast("photo.PhotoRequest", job.request)
    depth_map = Path(job.files["depth_map"])
    return photo.place_estimate(scene, Path(request["picture"]), request["fov"], depth_map, estimate)


def _insert_video(context: Context, scene: bpy.types.Scene, job: Job) -> str:
    target = sequencer_scene(context, scene)
    used = target.render.use_sequencer
    path = Path(job.files["video"])
    request = job.request | {"job": job.id, "result": job.summary}
    strip = insert_strip(target, path, job.frame_start, fps=job.fps, request=request)
    if bpy.data.filepath:
        strip.filepath = bpy.path.relpath(str(path))
    message = f"{strip.name} starts at frame {job.frame_start} of {target.name}"
    if used and not target.render.use_sequencer:
        message += "; rendering still renders the scene: switch Post Processing > Sequencer on to render the strips"
    if not bpy.data.filepath:
        message += f"; the file is not saved, so the video is in {path.parent}"
    return message


INSERT = {"solve": _insert_shot, "depth": _insert_depth, "generate": _insert_video}


def active_request(context: Context) -> dict[str, Json] | None:
    """Return the request kept on the active strip; None if there is no such strip or it is not ours."""
    scene = sequencer_scene(context, context.scene) if context.workspace else context.scene
    strip = scene.sequence_editor.active_strip if scene.sequence_editor is not None else None
    return request_of(strip) if strip is not None else None
