import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import Json, print_json, print_notes, progress_bar
from parascale.cli.jobs import Connect, JobId, KeysFolder, find_job
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.link.client import Client

_MAIN = ("video", "shot", "depth_map")


def result(
    job: JobId,
    output: Annotated[Path, typer.Option("-o", "--output", help="The video, shot or depth file to write.")],
    connect: Connect = None,
    keys: KeysFolder = None,
    json: Json = False,
) -> None:
    """Fetch the files of a finished job, then delete the job on the backend."""
    from parascale.link.local import connect as connect_to

    with connect_to(connect, keys) as client:
        fetched = fetch(client, find_job(client, job), output)
    print_fetched(fetched, json)


def fetch(client: "Client", job_id: str, output: Path) -> dict[str, object]:
    """Fetch a job's files to an output and others beside it, then have the job forgotten.

    Returns
    -------
    dict
        The job's summary, and ``files``: by role, where they are.
    """
    from parascale.files.shot_file import read_shot, write_shot

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=output.parent, prefix=".parascale-") as scratch,
            progress_bar() as progress,
        ):
            found = client.fetch(job_id, Path(scratch), progress)
            main = next((role for role in _MAIN if role in found.files), None)
            files = {}
            for role, path in found.files.items():
                if role == "points":
                    continue  # written with its shot
                target = output if role == main else output.with_name(f"{output.stem}.{role}{path.suffix}")
                if role == "shot":
                    write_shot(read_shot(path), target)
                else:
                    shutil.move(path, target)
                files[role] = str(target)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from error
    client.delete(job_id)
    return {**found.summary, "files": files}


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
