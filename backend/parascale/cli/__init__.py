"""The ``parascale`` command: one file a command, no logic of its own."""

import io
import logging
import os
import signal
import sys
from threading import Event
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
    release,
    report,
    result,
    retime,
    serve,
    solve,
    stitch,
    subject,
    verify,
    view,
    weights,
)
from parascale.cli.advice import sentence
from parascale.cli.common import Command, PartlyDoneError, print_json, print_notes
from parascale.cli.voice import Voice, current_voice, speak, with_voice
from parascale.errors import Cancelled, InputError
from parascale.extras import missing_package
from parascale.logs import log_level

UNUSABLE, STOPPED, UNREAD, TERMINATED = 3, 130, 141, 143
"""Exit codes, beside 0, done, and 2, wrong usage."""

PRINTED = "what is printed cannot be written"

app = typer.Typer(
    name="parascale",
    help="Transfer the camera motion of a shot to a scene of any scale, by its Parallax Number.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
GROUPS = {
    "From a clip to a video": (solve, subject, info, calibrate, depth, generate, verify, report, view),
    "Camera paths": (retime, stitch, import_, export, formats, metrics),
    "The backend and its jobs": (serve, jobs, cancel, result, release),
    "Measuring generators and methods": (probe, evaluate),
    "This machine": (doctor,),
}
for group, modules in GROUPS.items():
    for module in modules:
        function = module.__name__.rpartition(".")[2]
        command = with_voice(getattr(module, function))
        app.command(function.rstrip("_"), cls=Command, rich_help_panel=group)(command)
for group_of_commands in (keys.keys, weights.weights):
    for each in group_of_commands.registered_commands:
        assert each.callback is not None
        each.callback = with_voice(each.callback)
app.add_typer(keys.keys, name="keys", rich_help_panel="The backend and its jobs")
app.add_typer(weights.weights, name="weights", rich_help_panel="This machine")


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Set up logging; PARASCALE_LOG=debug prints more."""
    level = log_level()
    logging.basicConfig(level=logging.WARNING if level is None else level, format="%(name)s: %(message)s")
    if level is None:
        print_notes([f"PARASCALE_LOG is {os.environ['PARASCALE_LOG']!r}, which is no level: debug, info or warning is"])
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line.

    Exit code 0: done; 2: wrong usage; 3: an input, an output or a value that cannot be used; 130: stopped by Ctrl-C;
    141: nobody reads what is printed; 143: told to terminate.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal of ASCII alone gets what it cannot show in another form, and no error.
            stream.reconfigure(errors="backslashreplace")
    printed, terminated = sys.stdout, Event()

    def terminate(*_: object) -> NoReturn:
        terminated.set()
        raise KeyboardInterrupt  # all that ends by Ctrl-C ends in the same way

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        code = _flush(_run())
    finally:
        signal.signal(signal.SIGTERM, before)
        sys.stdout = printed
    if code == STOPPED:
        print("parascale: terminated" if terminated.is_set() else "parascale: stopped", file=sys.stderr)
        code = TERMINATED if terminated.is_set() else STOPPED
    sys.exit(code)


def _run() -> int:
    """Run a command and return its exit code."""
    speak(Voice())
    try:
        app()
    except SystemExit as end:
        # Typer turns Ctrl-C into the code STOPPED, and a closed pipe into a stream of its own and 1; both silently.
        if not isinstance(sys.stdout, io.TextIOBase):
            return UNREAD
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Cancelled, KeyboardInterrupt):
        return STOPPED
    except (InputError, ImportError, OSError) as error:
        refusal = _as_refusal(error)
        # What cannot be printed is no place to say so.
        unprinted = isinstance(error, OSError) and error.filename is None
        return _refuse(sentence(refusal), None if unprinted else refusal)
    return 0


def _as_refusal(error: Exception) -> InputError:
    """Give what ended a command as a refusal; a mistake of ours stays what it is."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, OSError):
        place = f"{error.filename} cannot be read or written" if error.filename else PRINTED
        return InputError(f"{place}: {error.strerror or error}")
    if isinstance(error, ImportError) and (refusal := missing_package(error, "this command")) is not None:
        return refusal
    raise error


def _flush(code: int) -> int:
    """Write out what was printed, and return the exit code: another one where that cannot be written."""
    try:
        if code != UNREAD:
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        code = UNREAD
    except OSError as error:
        code = _refuse(f"{PRINTED}: {error.strerror}")
    # What is still held back would fail again when Python ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return code


def _refuse(told: str, refusal: InputError | None = None) -> int:
    print(f"parascale: {told}", file=sys.stderr)
    if current_voice().json and refusal is not None:
        done = refusal.told if isinstance(refusal, PartlyDoneError) else {}
        remedy, choices = refusal.notice.remedy, list(refusal.notice.choices)
        print_json({**done, "error": told, "remedy": remedy, "choices": choices, "exit_code": UNUSABLE})
    return UNUSABLE
