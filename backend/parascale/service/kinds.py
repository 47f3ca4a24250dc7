"""The kinds of jobs: each turns a request into files. Heavy rooms are imported when they are needed."""

from dataclasses import replace
from pathlib import Path

from parascale.errors import InputError
from parascale.files.shot_file import write_shot
from parascale.link.messages import JobKind
from parascale.link.requests import DepthRequest, GenerationRequest, JobResult, Request, SolveRequest, VerifyRequest
from parascale.types import CancelCheck, Progress

GRACE: dict[JobKind, float] = {"solve": 0.5, "verify": 0.5, "depth": 5.0, "generate": 5.0}
"""Seconds a cancelled job has to stop by itself before its worker is ended."""

SOLVING = 0.4
"""How much of a solve with a depth model is solving."""


def run(request: Request, name: str, directory: Path, progress: Progress, cancelled: CancelCheck) -> JobResult:
    """Do a job.

    Parameters
    ----------
    request : GenerationRequest, SolveRequest, DepthRequest or VerifyRequest
    name : str
        What people call what is asked for.
    directory : Path
        Existing folder that takes the files.
    progress : callable
        Takes the fraction done, 0 .. 1, and the phase.
    cancelled : callable
        Answers True where the work is to stop.

    Raises
    ------
    InputError
        Where it cannot be done.
    CancelCheck
        Where ``cancelled`` answered True.
    """
    if isinstance(request, SolveRequest):
        return _solve(request, name, directory, progress, cancelled)
    if isinstance(request, VerifyRequest):
        return _verify(request, directory, progress, cancelled)
    if isinstance(request, DepthRequest):
        from parascale.depth.job import estimate_depth

        return estimate_depth(request, directory, progress, cancelled)
    return _generate(request, directory, progress, cancelled)


def _solve(request: SolveRequest, name: str, directory: Path, progress: Progress, cancelled: CancelCheck) -> JobResult:
    from parascale.solve import solve

    estimator = None
    solving = progress
    if request.depth_model is not None:
        from parascale.depth.registry import load_estimator

        # Before the work: a missing weight is no reason to solve first.
        progress(0.0, "Loading the depth model")
        estimator = load_estimator(request.depth_model)
        solving = _part_of(progress, 0.0, SOLVING)
    shot = solve(
        request.reference,
        focal=request.focal,
        fov=request.fov,
        start=request.start,
        end=request.end,
        progress=solving,
        cancelled=cancelled,
    )
    if estimator is not None:
        from parascale.depth.reference_depth import with_model_depth

        shot = with_model_depth(shot, request.reference, estimator, _part_of(progress, SOLVING, 1.0), cancelled)
    shot = replace(shot, name=Path(name).stem or shot.name)
    path = directory / "solved.shot.json"
    write_shot(shot, path)
    summary = {"name": shot.name, "frames": len(shot), "motion_class": shot.motion_class, "quality": dict(shot.quality)}
    return JobResult(summary, _written(path))


def _part_of(progress: Progress, start: float, end: float) -> Progress:
    """Tell of a part of the work as of the whole."""
    return lambda fraction, phase: progress(start + (end - start) * fraction, phase)


def _verify(request: VerifyRequest, directory: Path, progress: Progress, cancelled: CancelCheck) -> JobResult:
    from parascale.evaluation.verify import verify

    verification = verify(request.video, request.shot, progress=progress, cancelled=cancelled)
    path = directory / "realised.shot.json"
    write_shot(verification.shot, path)
    return JobResult(verification.metrics.as_json(), _written(path))


def _generate(request: GenerationRequest, directory: Path, progress: Progress, cancelled: CancelCheck) -> JobResult:
    from parascale.generators.registry import generators

    known = generators()
    if request.generator not in known:
        raise InputError(f"there is no generator {request.generator!r} here: take one of {', '.join(known)}")
    return known[request.generator].generate(request, directory, progress, cancelled)


def _written(shot: Path) -> dict[str, Path]:
    """Name what `write_shot` left: the shot, and the points beside it where it has some."""
    points = shot.with_name(shot.name.replace(".shot.json", ".points.npz"))
    return {"shot": shot} | ({"points": points} if points.exists() else {})
