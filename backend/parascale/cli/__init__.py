"""The ``parascale`` command: one file a command, no logic of its own."""

import logging
import os
import sys
from typing import NoReturn

import typer

from parascale import __version__
from parascale.cli import (
    calibrate,
    cancel,
    depth,
    doctor,
    evaluate,
    export,
    formats,
    generate,
    import_,
    info,
    jobs,
    keys,
    metrics,
    probe,
    result,
    retime,
    serve,
    solve,
    stitch,
    verify,
    view,
    weights,
)
from parascale.cli.advice import sentence
from parascale.cli.common import Command
from parascale.errors import Cancelled, InputError

STOPPED = 130

app = typer.Typer(
    name="parascale",
    help="Transfer the camera motion of a shot to a scene of any scale, by its Parallax Number.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (
    *(solve, info, view, depth, calibrate, retime, stitch, import_, export, formats, generate, verify, metrics),
    *(serve, jobs, cancel, result, keys, probe, evaluate, doctor),
):
    function = module.__name__.rpartition(".")[2]
    app.command(function.rstrip("_"), cls=Command)(getattr(module, function))
app.add_typer(weights.weights, name="weights")


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Set up logging; PARASCALE_LOG=debug prints more."""
    logging.basicConfig(level=os.environ.get("PARASCALE_LOG", "warning").upper(), format="%(name)s: %(message)s")
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: exit code 0 done, 2 wrong usage, 3 unusable input, 130 stopped."""
    try:
        app()
    except InputError as error:
        print(f"parascale: {sentence(error)}", file=sys.stderr)
        sys.exit(3)
    except (Cancelled, KeyboardInterrupt):
        _exit_stopped()
    except SystemExit as end:
        # Typer turns Ctrl-C into this code, and is silent.
        if end.code == STOPPED:
            _exit_stopped()
        raise


def _exit_stopped() -> NoReturn:
    print("parascale: stopped", file=sys.stderr)
    sys.exit(STOPPED)
