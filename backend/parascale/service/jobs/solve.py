"""The solve job: a clip in, its shot out."""

from dataclasses import replace
from pathlib import Path

from parascale.link.kinds.solve import SolveRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext, save_shot
from parascale.service.models import resolve_model
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
    shot = solve(
        request.reference,
        focal=request.focal,
        fov=request.fov,
        start=request.start,
        end=request.end,
        fps=request.fps,
        subjects=request.subjects,
        progress=progress,
        cancelled=context.cancelled,
    )
    if estimator is not None:
        from parascale.depth.reference_depth import with_model_depth

        progress = _part_of(context.progress, SOLVE_SHARE, 1.0)
        shot = with_model_depth(shot, request.reference, estimator, progress, context.cancelled)
    shot = replace(shot, name=Path(context.name).stem or shot.name)
    summary = {
        "name": shot.name,
        "frames": len(shot),
        "motion_class": shot.motion_class,
        "quality": dict(shot.quality),
        "warnings": [str(notice) for notice in shot.notices],
    }
    return JobResult(summary, save_shot(shot, context.directory / "solved.shot.json"))


def _part_of(progress: Progress, start: float, end: float) -> Progress:
    """Report a part of the work as a part of the whole."""
    return lambda fraction, phase: progress(start + (end - start) * fraction, phase)
