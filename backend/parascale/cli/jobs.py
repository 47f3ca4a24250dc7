import json as json_module
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.advice import sentence
from parascale.cli.common import JsonOption, print_json
from parascale.errors import InputError, Notice

if TYPE_CHECKING:
    from parascale.link.client import Client
    from parascale.link.messages import JobStatus

_REFRESH = 0.5  # seconds

Connect = Annotated[str | None, typer.Option(help="Address of the backend; default: this machine's.")]
KeysFolder = Annotated[Path | None, typer.Option("--keys", help="Folder with the keys of a remote backend.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="Job id, or its first characters.")]


def jobs(
    clean: Annotated[bool, typer.Option("--clean", help="Forget jobs that failed or were cancelled.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show them as they go on, until Ctrl-C.")] = False,
    team: Annotated[bool, typer.Option("--team", help="Also the jobs of the other clients of your team.")] = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    json: JsonOption = False,
) -> None:
    """List your jobs on a backend; failed and cancelled ones are kept for a week.

    Example: parascale jobs
    """
    from parascale.link.local import connect as connect_to

    with connect_to(connect, keys) as client:
        cleaned = client.clean() if clean else None
        found = client.jobs(team=team)
        if watch:
            _watch(client, json=json, team=team)
            return
    if json:
        print_json({"jobs": [asdict(job) for job in found]} | ({} if cleaned is None else {"cleaned": cleaned}))
        return
    if cleaned is not None:
        print(f"{cleaned} failed and cancelled jobs forgotten")
    for job in found:
        print("  ".join(_columns(job)).rstrip())
    if not found:
        print("no jobs")


def _columns(job: "JobStatus") -> tuple[str, str, str, str, str]:
    """Word a job: the beginning of its id, when it was made, its state, its label, and how it goes."""
    created = datetime.fromtimestamp(job.created).strftime("%Y-%m-%d %H:%M")
    how = sentence(Notice(job.message, job.remedy, job.choices))
    if job.state == "running":
        left = "" if job.left is None else f", {job.left:.0f} s left"
        how = f"{job.fraction:.0%} {job.phase}{left}"
    label = f"{job.label} of {job.owner}" if job.owner else job.label
    return job.job_id[:8], created, f"{job.state:9}", label, how


def _watch(client: "Client", *, json: bool, team: bool) -> None:
    """Show all jobs in a table that stays up to date; as JSON, or where nobody looks, a line for every change."""
    from parascale.link.events import JobChanged

    if json or not sys.stdout.isatty():
        known: dict[str, JobStatus] = {}
        while True:
            # Changes of our own jobs are told as they happen; those of our team are asked for.
            others = [job for job in client.jobs(team=team) if job.owner and known.get(job.job_id) != job]
            known |= {job.job_id: job for job in others}
            for job in [*others, *(event.job for event in client.pump() if isinstance(event, JobChanged))]:
                print(json_module.dumps(asdict(job)) if json else "  ".join(_columns(job)).rstrip(), flush=True)
            time.sleep(_REFRESH)
    from rich.live import Live
    from rich.table import Table

    with Live(auto_refresh=False, screen=True) as live:
        while True:
            table = Table("id", "made", "state", "job", "how it goes", title=f"jobs at {client.address}", expand=True)
            for job in client.jobs(team=team):
                table.add_row(*_columns(job))
            live.update(table, refresh=True)
            time.sleep(_REFRESH)


def find_job(client: "Client", beginning: str, *, team: bool = False) -> "JobStatus":
    """Return the one job whose id begins so, of ours or, where that is asked, of our team.

    Raises
    ------
    InputError
        Where there is none, or more than one.
    """
    found = [job for job in client.jobs(team=team) if job.job_id.startswith(beginning.lower())]
    if len(found) != 1:
        count = "no job" if not found else f"{len(found)} jobs"
        raise InputError(f"{count} of yours at {client.address} begins with {beginning!r}: see `parascale jobs`")
    return found[0]
