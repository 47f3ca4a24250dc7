import sys
from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, print_json
from parascale.cli.numbers import number


def serve(
    bind: Annotated[str, typer.Option(help="Address to listen on; port * takes a free port.")] = "tcp://127.0.0.1:5571",
    state: Annotated[Path | None, typer.Option(help="Folder for jobs and results.")] = None,
    workers: Annotated[int, number("Number of parallel jobs.", least=1, most=64)] = 1,
    keys: Annotated[Path | None, typer.Option(help="Folder of keys; required to accept other machines.")] = None,
    private: Annotated[bool, typer.Option("--private", hidden=True, help="End when no one needs it.")] = False,
    held: Annotated[
        bool, typer.Option("--held", hidden=True, help="Be private from when standard input closes.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run a backend for the add-on and other commands, until Ctrl-C."""
    from parascale.link.paths import backend_folder
    from parascale.service.server import Server, start_when_free, stop_on_signals

    folder = state or backend_folder()
    if private or held:  # who starts it holds the lock
        server = Server(bind, folder, workers, keys, private=True, held=held)
    else:
        server = start_when_free(bind, folder, workers, keys)
    stop_on_signals(server)
    if json:
        print_json({"address": server.address, "state": str(folder), "workers": workers})
    else:
        print(f"backend at {server.address}, state in {folder}; Ctrl-C stops it")
    sys.stdout.flush()
    server.run()
