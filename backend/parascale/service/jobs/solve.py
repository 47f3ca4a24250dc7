"""The solve job: a clip in, its shot out."""

from dataclasses import replace
from pathlib import Path

from parascale.errors import InputError
from parascale.link.kinds.solve import SolveRequest
from parascale.link.limits import SKETCH
from parascale.link.request import JobResult
from parascale.parallax.shot import Shot
from parascale.service.jobs import JobContext, in_own_words, save_shot
from parascale.service.models import resolve_model
from parascale.service.shot_pictures import write_shot_pictures, write_track_picture
from parascale.solve import solve
from parascale.types import Progress

SOLVE_SHARE = 0.4
"""Share of the solving in a solve with a depth model."""


def run(request: SolveRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    estimator = None
    progress = context.progress
    if request.depth_model is not None:
        from parascale.depth.models import load_estimator

        # Before the work: a missing weight is no reason to solve first.
        context.progress(0.0, "Loading the depth model")
        estimator = load_estimator(resolve_model(request.depth_model))
        progress = _part_of(context.progress, 0.0, SOLVE_SHARE)
    drawing = context.directory / "tracks.png"
    try:
        shot = _solve(request, context, progress, drawing)
    except InputError as error:
        if error.notice.remedy == "shot":
            write_shot_pictures(request.reference, error.notice.choices, context.directory / SKETCH)
        else:
            write_track_picture(drawing, context.directory / SKETCH)
        raise
    finally:
        drawing.unlink(missing_ok=True)
    if estimator is not None:
        from parascale.depth.reference_depth import with_model_depth

        progress = _part_of(context.progress, SOLVE_SHARE, 1.0)
        shot = with_model_depth(shot, request.reference, estimator, progress, context.cancelled)
    shot = replace(_told_by_owner(shot, request.reference, context.name), name=Path(context.name).stem or shot.name)
    summary = {
        "name": shot.name,
        "frames": len(shot),
        "motion_class": shot.motion_class,
        "quality": dict(shot.quality),
        "warnings": [str(notice) for notice in shot.notices],
    }
    return JobResult(summary, save_shot(shot, context.directory / "solved.shot.json"))


def _solve(request: SolveRequest, context: JobContext, progress: Progress, drawing: Path) -> Shot:
    return solve(
        request.reference,
        focal=request.focal,
        fov=request.fov,
        start=request.start,
        end=request.end,
        fps=request.fps,
        subjects=request.subjects,
        debug_picture=drawing,
        progress=progress,
        cancelled=context.cancelled,
    )


def _told_by_owner(shot: Shot, folder: Path, name: str) -> Shot:
    """Have what a shot says of its clip name a folder of pictures as its owner does."""
    if not folder.is_dir() or not name:
        return shot
    quality = dict(shot.quality)
    if isinstance(told := quality.get("notices"), list):
        quality["notices"] = [
            {**each, "message": in_own_words(str(each.get("message")), folder, name)} for each in told
        ]
    return replace(shot, quality=quality, provenance={**shot.provenance, "source": name})


def _part_of(progress: Progress, start: float, end: float) -> Progress:
    """Report a part of the work as a part of the whole."""
    return lambda fraction, phase: progress(start + (end - start) * fraction, phase)
