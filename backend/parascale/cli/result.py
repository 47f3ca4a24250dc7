import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import JsonOption, print_json, print_notes, progress_bar
from parascale.cli.jobs import Connect, JobId, KeysFolder, find_job
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot
from parascale.errors import InputError
from parascale.files.disk import destination, is_stream, move_file

if TYPE_CHECKING:
    from parascale.link.client import Client

_MAIN = {"video": "video", "shot": "shot", "depth_map": "depth map"}
"""The role of the file that the output names, and the kind of output it is."""


def result(
    job: JobId,
    output: Annotated[Path, typer.Option("-o", "--output", help="The video, shot or depth file to write.")],
    connect: Connect = None,
    keys: KeysFolder = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Fetch the files of a finished job, then delete the job on the backend; one of your team's stays.

    Example: parascale result 1f3a9c20 -o desk.mp4
    """
    from parascale.cli.run import client_of

    check_outputs("result", output_of("result", output), overwrite=True)
    with client_of(connect, keys) as client:
        found = find_job(client, job, team=True)
        fetched = fetch(client, found.job_id, output, "result", overwrite=overwrite, keep=bool(found.owner))
    print_fetched(fetched, json)


def fetch(
    client: "Client", job_id: str, output: Path, command: str, *, overwrite: bool = False, keep: bool = False
) -> dict[str, object]:
    """Fetch a job's files to an output and others beside it; in place, have the job forgotten unless it is kept.

    Returns
    -------
    dict
        The job's summary, and ``files``: by role, where they are.

    Raises
    ------
    InputError
        Where they cannot be written: the backend keeps them, and the message says how they are fetched.
    """
    try:
        with _scratch_folder(output) as scratch, progress_bar() as progress:
            found = client.fetch(job_id, scratch, progress)
            files = _put_in_place(found.files, output, command, overwrite=overwrite)
    except InputError as error:
        told = f"{error.notice.message}; the backend keeps the result"
        raise InputError(told, "fetch-result", [job_id[:8]]) from error
    if not keep:
        client.delete(job_id)
    return {**found.summary, "files": files}


@contextmanager
def _scratch_folder(output: Path) -> Iterator[Path]:
    """Yield a folder beside the output, so that its files only have to be moved; it is gone at the end."""
    beside = None if is_stream(output) else destination(output).parent
    try:
        with tempfile.TemporaryDirectory(dir=beside, prefix=".parascale-") as scratch:
            yield Path(scratch)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from error


def _put_in_place(found: Mapping[str, Path], output: Path, command: str, *, overwrite: bool) -> dict[str, str]:
    """Move a job's files to the output and beside it, and return where they are by role."""
    from parascale.files.shot_file import read_shot

    main = next((role for role in _MAIN if role in found), None)
    places = {}
    for role, path in found.items():
        if role == "points":
            continue  # written with its shot
        if role == main:
            places[role] = output
        elif not is_stream(output):
            places[role] = place_beside(output, role, path.suffix)
        else:
            print_notes([f"{output} takes one file: the {role.replace('_', ' ')} is left out"])
    outputs = [each for role, place in places.items() for each in output_of(_MAIN.get(role, "video"), place)]
    check_outputs(command, outputs, overwrite=overwrite)
    for role, place in places.items():
        if role == "shot":
            save_shot(read_shot(found[role]), place, command)
        else:
            move_file(found[role], place)
    return {role: str(place) for role, place in places.items()}


def place_beside(output: Path, role: str, suffix: str) -> Path:
    """Return where a job's file goes that is not the one the output names."""
    return output.with_name(f"{output.stem}.{role}{suffix}")


def print_fetched(fetched: dict[str, object], json: bool) -> None:
    """Print what `fetch` returned."""
    if json:
        print_json(fetched)
        return
    warnings, files = fetched.get("warnings"), fetched["files"]
    print_notes(warnings if isinstance(warnings, list) else ())
    assert isinstance(files, dict)
    for role, path in files.items():
        print(f"{role:12} {path}")


def print_made_up(fetched: Mapping[str, object]) -> None:
    """Print how much of the pictures a generator made up, where it knows: what the first picture did not show."""
    shares = fetched.get("hole_share")
    if isinstance(shares, list) and shares:
        print(f"{'made up':12} {sum(shares) / len(shares):.1%} of the pictures, {max(shares):.1%} at most")
