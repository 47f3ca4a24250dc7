"""Results put to use: a video becomes a strip, a clip the reference, a depth map a surface; a report is opened."""

import tempfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple, cast

import bpy
import numpy as np

from parascale.blender.scene_state import frame_rate
from parascale.blender.strips import (
    edit_where_unset,
    insert_strip,
    make_active,
    request_of,
    sequencer_scene,
    span,
    strips_of,
)
from parascale.errors import InputError
from parascale.files.shot_file import read_shot
from parascale.link.request import Request
from parascale.types import Array, Json

from ..scene import photo
from ..scene.reference_camera import adopt_reference, describe_shot
from ..settings import settings_of_object
from ..settings.preferences import results_folder
from ..steps import Call, Steps
from ..stubs import Context
from . import job_list, session
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


def run_job(context: Context, request: Request, title: str, record: Mapping[str, Json], call: Call) -> Steps[None]:
    """Submit a job; from the interface its result arrives by itself, a script waits for it and puts it to use."""
    now, scene = session.current(), context.scene
    yield from now.connect()
    job = session.new_job(request, title, scene, record)
    now.submit(job, request)
    job_list.update()
    if call.is_task:
        call.report({"INFO"}, f"{title} is submitted: go on working, its result arrives by itself")
        return
    yield from now.follow_job(job)
    call.report({"INFO"}, insert_result(context, job))


def _insert_shot(_context: Context, scene: bpy.types.Scene, job: Job) -> str:
    shot = read_shot(Path(job.files["shot"]))
    adopt_reference(scene, shot, clip=Path(str(job.request.get("filepath", ""))))
    return f"{job.title} is the reference: {describe_shot(shot)}"


def _insert_depth(_context: Context, scene: bpy.types.Scene, job: Job) -> str:
    estimate = cast("photo.DepthEstimate", job.summary)
    request = cast("photo.PhotoRequest", job.request)
    depth_map = Path(job.files["depth_map"])
    return photo.place_estimate(scene, Path(request["picture"]), request["fov"], depth_map, estimate)


def _insert_video(context: Context, scene: bpy.types.Scene, job: Job) -> str:
    target = sequencer_scene(context, scene)
    used = target.render.use_sequencer
    path = Path(job.files["video"])
    request = job.request | {"job": job.id, "result": job.summary, "frame_start": job.frame_start}
    strip = insert_strip(target, path, job.frame_start, fps=job.fps, request=request)
    strip.name = job.title.removesuffix(" Camera")
    if bpy.data.filepath:
        strip.filepath = bpy.path.relpath(str(path))
    edit_where_unset(target)
    message = f"{strip.name} is in the sequencer of {target.name} from frame {job.frame_start}: press Show Result"
    if used and not target.render.use_sequencer:
        message += "; rendering still renders the scene: switch Post Processing > Sequencer on to render the strips"
    if not bpy.data.filepath:
        message += f"; the file is not saved, so the video is in {path.parent}"
    return message


def film_path(camera: bpy.types.Object) -> Path:
    """Return where a film of a camera goes: beside the results of the file, and over no other."""
    saved = Path(bpy.data.filepath)
    folder = results_folder(saved.parent) if bpy.data.filepath else Path(tempfile.gettempdir()) / "parascale"
    name = bpy.path.clean_name(camera.name)
    return next(path for number in count(1) if not (path := folder / f"{name}_{number:03}.mp4").exists())


def insert_film(
    context: Context, scene: bpy.types.Scene, camera: bpy.types.Object, path: Path, span: tuple[int, int]
) -> str:
    """Put a film of a camera, of the frames from one to another, into the sequencer; return a sentence about it."""
    target = sequencer_scene(context, scene)
    frame_start, rate = span[0], frame_rate(scene)
    request: dict[str, Json] = {"camera": camera.name, "frames": span[1] - span[0] + 1, "fps": rate}
    strip = insert_strip(target, path, frame_start, fps=rate, request=request | {"frame_start": frame_start})
    strip.name = f"{camera.name} Render"
    if bpy.data.filepath:
        strip.filepath = bpy.path.relpath(str(path))
    edit_where_unset(target)
    return f"{path.name} is in the sequencer of {target.name} from frame {frame_start}: press Show Result"


def result_strips(context: Context) -> list[bpy.types.Strip]:
    """Return the results in the sequencer, the one inserted last at the end."""
    scene = sequencer_scene(context, context.scene) if context.workspace else context.scene
    if scene is None or scene.sequence_editor is None:
        return []
    found = [strip for strip in strips_of(scene) if request_of(strip) is not None]
    active = scene.sequence_editor.active_strip
    return sorted(found, key=lambda strip: strip == active)


def show_result(context: Context) -> None:
    """Show the last result, or the active one, in a sequencer that is open, else in a window of its own."""
    scene = sequencer_scene(context, context.scene)
    strip = result_strips(context)[-1]
    make_active(scene, strip)
    edit_where_unset(scene)
    start, end = span(strip)
    if not start <= scene.frame_current < end:
        scene.frame_set(start)
    if bpy.app.background:
        return
    open_areas = [
        (window, area)
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.type == "SEQUENCE_EDITOR"
    ]
    if open_areas:
        window, area = open_areas[0]
    else:
        bpy.ops.wm.window_new()
        window = context.window_manager.windows[-1]
        area = max(window.screen.areas, key=lambda item: item.width * item.height)
        area.ui_type = "SEQUENCE_EDITOR"
        area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.sequencer.view_all()


class Film(NamedTuple):
    """What was made along a camera, and the frames (T,) of the scene that its pictures show."""

    path: Path
    frames: Array


def film_of_camera(context: Context, camera: bpy.types.Object) -> Film | None:
    """Return the newest result that was made along a camera, or the active one; None where none is on the disk."""
    for strip in reversed(result_strips(context)):
        request, path = request_of(strip) or {}, Path(bpy.path.abspath(strip.filepath))  # type: ignore[attr-defined]
        if request.get("camera") == camera.name and "frames" in request and path.is_file():
            count, fps = cast("int", request["frames"]), cast("float", request["fps"])
            start = cast("int", request.get("frame_start", settings_of_object(camera).calibration.frame_start))
            return Film(path, start + np.arange(count) * (frame_rate(context.scene) / fps))
    return None


def _open_page(_context: Context, _scene: bpy.types.Scene, job: Job) -> str:
    page = Path(job.files["page"])
    if not page.is_file():
        raise InputError(f"{page} is not there any more: press Open Report again")
    # Blender without a window has nobody to show it to.
    if not bpy.app.background:
        bpy.ops.wm.url_open(url=page.as_uri())
    return f"The report of {job.title} is {page}"


INSERT = {"solve": _insert_shot, "depth": _insert_depth, "generate": _insert_video, "report": _open_page}


def active_request(context: Context) -> dict[str, Json] | None:
    """Return the request kept on the active strip; None if there is no such strip or it is not ours."""
    scene = sequencer_scene(context, context.scene) if context.workspace else context.scene
    strip = scene.sequence_editor.active_strip if scene.sequence_editor is not None else None
    return request_of(strip) if strip is not None else None
