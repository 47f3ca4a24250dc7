"""How much the command line says: -q, -v and a log file of every command, and progress where there is no terminal."""

import functools
import inspect
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from parascale.errors import InputError
from parascale.logs import TextFormatter

# Seconds from one line of progress to the next where no bar can be drawn.
PROGRESS_INTERVAL = 10.0
LEVELS = {1: "info", 2: "debug"}

_PANEL = "How much is said"
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No notes and no progress; errors alone.", rich_help_panel=_PANEL)
]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Log more; -vv most.", rich_help_panel=_PANEL)
]
LogFile = Annotated[
    Path | None, typer.Option("--log-file", help="Append log lines to this file.", rich_help_panel=_PANEL)
]


@dataclass(frozen=True)
class Voice:
    """How much is said on standard error, whether as JSON, and the file that log lines go to as well."""

    quiet: bool = False
    json: bool = False
    verbose: int = 0
    log_file: Path | None = None


_voice = Voice()
log = logging.getLogger(__name__)


def current_voice() -> Voice:
    """Return how much the running command says."""
    return _voice


def with_voice(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options -q, -v and --log-file."""
    own = inspect.signature(command)
    extra = {"quiet": (Quiet, False), "verbose": (Verbose, 0), "log_file": (LogFile, None)}

    @functools.wraps(command)
    def run(*args: Any, quiet: bool, verbose: int, log_file: Path | None, **options: Any) -> None:
        speak(Voice(quiet, bool(options.get("json", False)), verbose, log_file))
        log.info("%s", " ".join(sys.argv[1:]))
        command(*args, **options)

    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in extra.items()
    ]
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), *parameters])  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, **{name: kind for name, (kind, _) in extra.items()}}
    return run


def speak(asked: Voice) -> None:
    """Set how much is said from here on, by this process and those it starts.

    Raises
    ------
    InputError
        Where the log file cannot be written, or both less and more is asked for.
    """
    global _voice  # noqa: PLW0603 - one command line a process
    if asked.quiet and asked.verbose:
        raise InputError("--quiet and --verbose ask for opposite things: give one of them")
    _voice = replace(asked)
    root = logging.getLogger()
    if asked.verbose:
        level = LEVELS[min(asked.verbose, max(LEVELS))]
        os.environ["PARASCALE_LOG"] = level
        root.setLevel(level.upper())
    elif asked.quiet:
        root.setLevel(logging.ERROR)
    if asked.log_file is not None:
        log_to(asked.log_file, verbose=bool(asked.verbose))


def log_to(path: Path, *, verbose: bool) -> None:
    """Write log lines to a file too; the terminal keeps what it had unless more was asked for.

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    root = logging.getLogger()
    try:
        handler = logging.FileHandler(path, encoding="utf-8", delay=False)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    handler.setFormatter(TextFormatter())
    for other in root.handlers:
        other.setLevel(root.level if verbose else max(root.level, logging.WARNING))
    if not verbose:
        root.setLevel(min(root.level, logging.INFO))
    root.addHandler(handler)


def progress_lines(now: Callable[[], float] = time.monotonic) -> Callable[[float, str], None]:
    """Return a progress callback that prints a line on standard error, at most one in `PROGRESS_INTERVAL` seconds."""
    last = now()

    def report(fraction: float, phase: str) -> None:
        nonlocal last
        if now() - last < PROGRESS_INTERVAL:
            return
        last = now()
        if _voice.json:
            told = json.dumps({"progress": round(fraction, 4), "phase": phase})
        else:
            told = f"parascale: {fraction:4.0%} {phase}"
        print(told, file=sys.stderr, flush=True)

    return report
