from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.advice import sentence
from parascale.cli.common import JsonOption, print_json
from parascale.errors import InputError, Notice

if TYPE_CHECKING:
    from parascale.link.client import Client

Connect = Annotated[str | None, typer.Option(help="Address of the backend; default: this machine's.")]
KeysFolder = Annotated[Path | None, typer.Option("--keys", help="Folder with the keys of a remote backend.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="Job id, or its first characters.")]


def jobs(
    clean: Annotated[bool, typer.Option("--clean", help="Forget jobs that failed or were cancelled.")] = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    json: JsonOption = False,
) -> None:
    """List your jobs on a backend; failed and cancelled ones are kept for a week."""
    from dataclasses import asdict

    from parascale.link.local import connect as connect_to

    with connect_to(connect, keys) as client:
        cleaned = client.clean() if clean else None
        found = client.jobs()
    if json:
        print_json({"jobs": [asdict(job) for job in found]} | ({} if cleaned is None else {"cleaned": cleaned}))
        return
    if cleaned is not None:
        print(f"{cleaned} failed and cancelled jobs forgotten")
    for job in found:
        created = datetime.fromtimestamp(job.created).strftime("%Y-%m-%d %H:%M")
        failure = sentence(Notice(job.message, job.remedy, job.choices))
        how = f"{job.fraction:.0%} {job.phase}" if job.state == "running" else failure
        print(f"{job.job_id[:8]}  {created}  {job.state:10} {job.label}  {how}".rstrip())
    if not found:
        print("no jobs")


def find_job(client: "Client", beginning: str) -> str:
    """Return the id of the one job whose id begins so.

    Raises
    ------
    InputError
        Where there is none, or more than one.
    """
    found = [job.job_id for job in client.jobs() if job.job_id.startswith(beginning.lower())]
    if len(found) != 1:
        count = "no job" if not found else f"{len(found)} jobs"
        raise InputError(f"{count} of yours at {client.address} begins with {beginning!r}: see `parascale jobs`")
    return found[0]
