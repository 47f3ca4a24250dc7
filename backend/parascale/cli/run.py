"""A job from submission to its files, as the commands do it that wait for one."""

import base64
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from parascale.cli.common import progress_bar
from parascale.cli.result import fetch
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.evaluation.probe import Make
    from parascale.link.client import Client
    from parascale.link.kinds.generate import GenerationRequest
    from parascale.link.request import JobResult, Request
    from parascale.types import Progress


def run_job(
    request: "Request",
    output: Path,
    command: str,
    address: str | None,
    keys: Path | None,
    *,
    sketch: Path | None = None,
    overwrite: bool = False,
) -> dict[str, object]:
    """Have a job done, by a backend of our own where none is named, and fetch its files.

    Ctrl-C cancels it. Where ``sketch`` is given, that PNG shows meanwhile what the result looks like so far.

    Returns
    -------
    dict
        As `parascale.cli.result.fetch` returns it.
    """
    with client_of(address, keys) as client:
        with progress_bar() as progress:
            job = run_through(client, request, progress, sketch)
        return fetch(client, job, output, command, overwrite=overwrite)


def run_through(client: "Client", request: "Request", progress: "Progress", sketch: Path | None = None) -> str:
    """Have a job done by a backend and return its id; Ctrl-C cancels it.

    Raises
    ------
    InputError
        Where it fails, with the backend's own sentence.
    """
    job = uuid.uuid4().hex
    request = _with_paths(client, request)
    try:
        client.submit(request, job)
        status = client.wait(job, progress if sketch is None else _showing(client, job, progress, sketch))
    except KeyboardInterrupt:
        with suppress(InputError):  # where it never came that far
            client.cancel(job)
        raise
    if status.state != "done":
        raise InputError(f"job {job[:8]} {status.state}: {status.message}", status.remedy, status.choices)
    return job


def _with_paths(client: "Client", request: "Request") -> "Request":
    """Make the paths that a request names absolute, and have files sent along: a backend works in another folder."""
    from parascale.link.kinds.generate import GenerationRequest
    from parascale.link.parameters import resolve_paths

    given = {name: getattr(request, name) for name in request.models if getattr(request, name)}
    folders = {name: Path(value).expanduser().absolute() for name, value in given.items()}
    found = {name: str(path) for name, path in folders.items() if path.exists()}
    request = cast("Request", replace(cast("Any", request), **found)) if found else request
    if not isinstance(request, GenerationRequest) or not any(isinstance(v, str) for v in request.parameters.values()):
        return request
    known = {info.name: info.parameters for info in client.hello().generators}
    parameters, files = resolve_paths(known.get(request.generator, ()), request.parameters)
    return replace(request, parameters=parameters, files={**request.files, **files})


def _showing(client: "Client", job: str, progress: "Progress", path: Path) -> Callable[[float, str], None]:
    from parascale.files.disk import replace_files

    def report(fraction: float, phase: str) -> None:
        progress(fraction, phase)
        picture = client.status(job).sketch
        if picture:
            replace_files({path: base64.b64decode(picture)})

    return report


def answered_by(client: "Client") -> "Make":
    """Return what has a backend answer a request, its files put into a folder."""

    def make(request: "GenerationRequest", folder: Path, progress: "Progress") -> "JobResult":
        job = run_through(client, request, progress)
        result = client.fetch(job, folder)
        client.delete(job)
        return result

    return make


@contextmanager
def client_of(address: str | None, keys: Path | None) -> Iterator["Client"]:
    """Yield a client of the backend that is named, else of a private one, which others may use at the same time."""
    from parascale.link.local import connect, join_backend

    with connect(address, keys) if address is not None else join_backend()[1] as client:
        yield client
