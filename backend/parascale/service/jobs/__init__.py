"""The kinds of jobs run: the module called like a kind of `parascale.link.kinds` turns its requests into files."""

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from parascale.errors import InputError
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
    job = cast("_Job", importlib.import_module(f"{__name__}.{request.kind}"))
    try:
        return job.run(request, context)
    except InputError as error:
        notice = error.notice
        told = in_own_words(notice.message, getattr(request, "reference", None), context.name)
        raise InputError(told, notice.remedy, notice.choices) from error


def in_own_words(text: str, reference: Path | None, name: str) -> str:
    """Name a folder of pictures as its owner does, where a text has the name that the store gives it."""
    if reference is None or not name or not reference.is_dir():
        return text
    return re.sub(rf"(?<![\w./\\-]){re.escape(reference.name)}(?![\w./\\-])", lambda _: name, text)


def save_shot(shot: Shot, path: Path) -> dict[str, Path]:
    """Write a shot and return the files of a job's result: the shot, and the points beside it if it has some."""
    write_shot(shot, path)
    points = points_file(path)
    return {"shot": path} | ({"points": points} if points.exists() else {})
