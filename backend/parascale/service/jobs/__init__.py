"""The kinds of jobs run: the module called like a kind of `parascale.link.kinds` turns its requests into files."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from parascale.files.shot_file import points_file, write_shot
from parascale.link.request import JobResult, Request
from parascale.parallax.shot import Shot
from parascale.types import CancelCheck, Progress


@dataclass(frozen=True)
class JobContext:
    """What a job is run with, beside its request.

    Attributes
    ----------
    name : str
        What people call the job.
    directory : Path
        Existing folder that takes the files.
    progress : callable
        See `parascale.types.Progress`.
    cancelled : callable
        See `parascale.types.CancelCheck`.
    """

    name: str
    directory: Path
    progress: Progress
    cancelled: CancelCheck


class _Job(Protocol):
    """A module of this folder."""

    def run(self, request: Request, context: JobContext) -> JobResult: ...


def run_job(request: Request, context: JobContext) -> JobResult:
    """Run a job by the module of its kind, which is imported only now because it needs heavy packages.

    Raises
    ------
    InputError
        If it cannot be done.
    Cancelled
        If ``context.cancelled`` returned True.
    """
    return cast("_Job", importlib.import_module(f"{__name__}.{request.kind}")).run(request, context)


def save_shot(shot: Shot, path: Path) -> dict[str, Path]:
    """Write a shot and return the files of a job's result: the shot, and the points beside it if it has some."""
    write_shot(shot, path)
    points = points_file(path)
    return {"shot": path} | ({"points": points} if points.exists() else {})
