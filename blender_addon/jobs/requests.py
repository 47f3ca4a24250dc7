"""Jobs that bring something: a clip solved, a photo's depth estimated, a report of what was made.

Operators and the list of jobs take the same steps: an operator that works in steps cannot start another one.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import bpy

from parascale.errors import InputError
from parascale.link.kinds.depth import DepthRequest
from parascale.link.kinds.report import ReportRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.media.sequences import sequence_files
from parascale.types import Json, to_json_values

from ..scene import photo
from ..scene.cameras import reference_of_camera
from ..scene.reference_camera import film_of_reference, whole_shot
from ..scene.report import report_of_camera
from ..scene.sampling import frames_of_move, sample_shot
from ..scene.staleness import reason_stale
from ..settings import settings_of_scene
from ..steps import Call, Steps
from ..stubs import Context
from .results import film_of_camera, run_job


def solve_clip(context: Context, asked: Mapping[str, Json], call: Call) -> Steps[None]:
    """Have a clip solved, by what Solve Clip asks for; the job keeps that for Retry."""
    path = Path(bpy.path.abspath(str(asked["filepath"])))
    names = ("focal", "fov", "fps", "start", "end")
    focal, fov, fps, start, end = (cast("float", asked.get(name, 0)) for name in names)
    model = str(asked.get("depth_model", ""))
    lens = focal or None, fov or None
    request = SolveRequest(path, *lens, int(start), int(end) or None, model or None, fps or None)
    record: dict[str, Json] = {"filepath": str(path), "fov": fov, "focal": focal, "fps": fps}
    record |= {"depth_model": model, "start": int(start), "end": int(end)}
    yield from run_job(context, request, path.stem, record, call)


def estimate_photo_depth(context: Context, call: Call) -> Steps[None]:
    """Have the depth of the scene's photo estimated by the model that its panel names."""
    asked = settings_of_scene(context.scene).photo
    path, model = Path(bpy.path.abspath(asked.picture)), asked.model
    record: dict[str, Json] = {"picture": str(path), "model": model, "fov": asked.fov}
    yield 0.0, "Reading the photo"
    picture = photo.read_photo(path)
    if not model:
        raise InputError("no depth model is named: enter one, such as depth-anything-v2-small")
    yield from run_job(context, DepthRequest(picture, model), path.stem, record, call)


def write_report(context: Context, camera: bpy.types.Object, call: Call) -> Steps[None]:
    """Have a page written that shows the reference beside a calibrated camera, as it moves now, and its film."""
    scene: bpy.types.Scene = context.scene
    reference, film = reference_of_camera(camera), film_of_camera(context, camera)
    frames = frames_of_move(scene, camera) if film is None else film.frames
    shot = yield from sample_shot(scene, camera, frames)
    found = report_of_camera(camera)
    verdict, warnings = (found.get("verdict", []), found["warnings"]) if found else ([], [])
    if found and (reason := reason_stale(scene, camera)):
        warnings = [
            f"This was said before the {reason.removesuffix(' changed')} changed: Rebuild says it anew.",
            *warnings,
        ]
    shot = dataclasses.replace(shot, quality={"verdict": to_json_values(verdict), "warnings": [*warnings]})
    request = ReportRequest(whole_shot(reference), shot, _clip_of(reference, call), None if film is None else film.path)
    yield from run_job(context, request, camera.name, {"camera": camera.name}, call)


def _clip_of(reference: bpy.types.Object, call: Call) -> Path | None:
    """Return a reference's clip; where there is no video on the disk, say so."""
    film = film_of_reference(reference)
    if film is None:
        return None
    clip = Path(film)
    if clip.is_file() and sequence_files(clip) is None:
        return clip
    reason = "is a picture and no video" if clip.is_file() else "is not there any more"
    call.report({"WARNING"}, f"{clip.name} {reason}: the report shows no pictures of the reference")
    return None
