import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, print_json
from parascale.cli.numbers import number

_GIGABYTE, _DAY = 1e9, 24 * 3600.0


class Format(StrEnum):
    """How events are logged."""

    text = "text"
    json = "json"


def serve(
    bind: Annotated[str, typer.Option(help="Address to listen on; port * takes a free port.")] = "tcp://127.0.0.1:5571",
    state: Annotated[Path | None, typer.Option(help="Folder for jobs and results.")] = None,
    workers: Annotated[int, number("Number of parallel jobs.", least=1, most=64)] = 1,
    ray: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Ray cluster whose nodes run the jobs; default: this machine."),
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="Folder of keys; required to accept other machines.")] = None,
    quota: Annotated[float, number("Gigabytes that all jobs may take.", above=0)] = 50.0,
    client_quota: Annotated[
        float | None, number("Gigabytes that the jobs of one client may take; default: half of --quota.", above=0)
    ] = None,
    client_jobs: Annotated[int, number("Jobs that one client may have under way.", least=1, most=500)] = 500,
    keep_results: Annotated[
        float | None, number("Days after which a result is deleted; default: when its client deletes it.", above=0)
    ] = None,
    worker_memory: Annotated[
        float | None, number("Gigabytes of memory a job may take; default: its share of 80 % of all.", above=0)
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="File for events, rotated at 10 MiB; default: standard error.")
    ] = None,
    log_format: Annotated[Format, typer.Option(help="How events are logged.")] = Format.text,
    private: Annotated[bool, typer.Option("--private", hidden=True, help="End when no one needs it.")] = False,
    held: Annotated[
        bool, typer.Option("--held", hidden=True, help="Be private from when standard input closes.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run a backend for the add-on and other commands, until Ctrl-C.

    Example: parascale serve
    """
    from parascale.link.paths import backend_folder
    from parascale.logs import log_service
    from parascale.service.limits import Limits
    from parascale.service.server import Server, run_until_signal, start_when_free

    folder = state or backend_folder()
    if private or held:  # who starts it holds the lock
        server = Server(bind, folder, workers, keys, private=True, held=held)
    else:
        log_service(log_format.value, log)
        share = quota if keys is None else quota / 2
        limits = Limits(
            quota=round(quota * _GIGABYTE),
            client_quota=round((client_quota or share) * _GIGABYTE),
            client_jobs=client_jobs,
            results_kept=None if keep_results is None else keep_results * _DAY,
            worker_memory=round((worker_memory or 0) * _GIGABYTE),
        )
        server = start_when_free(bind, folder, workers, keys, limits, ray)

    def announce() -> None:
        if json:
            print_json({"address": server.address, "state": str(folder), "workers": workers})
        else:
            print(f"backend at {server.address}, state in {folder}; Ctrl-C stops it")
        sys.stdout.flush()

    run_until_signal(server, announce)
