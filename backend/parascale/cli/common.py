"""What the commands share: output for machines, progress for people."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.core import TyperCommand, TyperOption

from parascale.cli.advice import sentence
from parascale.cli.numbers import number
from parascale.cli.voice import current_voice, progress_lines
from parascale.errors import InputError, Notice
from parascale.extras import is_installed

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot
    from parascale.parallax.subject_box import SubjectBox

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

DepthScale = Annotated[
    float | None,
    number("Multiplies the values of the depth map; default: 0.001 for 16-bit images, else 1.", above=0),
]


class Command(TyperCommand):
    """A command whose help names the rows of tables, which are imported only when the help is shown."""

    def get_help(self, ctx: object) -> str:
        """Give the help with the names of tables in place of {methods} and the like."""
        from parascale.parallax.lens import LENSES
        from parascale.parallax.methods import METHODS
        from parascale.parallax.residuals import Weights
        from parascale.parallax.settings import DEFAULT_PRESET, HORIZONS, PRESETS, SIZES, SOLVERS
        from parascale.retime.modes import MODES

        tables: dict[str, Iterable[str]] = {
            "methods": METHODS,
            "lenses": LENSES,
            "modes": MODES,
            "presets": PRESETS,
            "default_preset": [DEFAULT_PRESET],
            "horizons": HORIZONS,
            "solvers": SOLVERS,
            "sizes": SIZES,
            "weights": [each.name for each in fields(Weights)],
        }
        names = {name: ", ".join(table) for name, table in tables.items()}
        for parameter in self.params:
            if isinstance(parameter, TyperOption) and parameter.help:
                parameter.help = parameter.help.format(**names)
        return super().get_help(cast("typer.Context", ctx))


def parse_subjects(texts: Iterable[str]) -> "list[SubjectBox]":
    """Read what the user points at.

    Raises
    ------
    InputError
        As `parascale.parallax.subject_box.parse_subject_box`.
    """
    from parascale.parallax.subject_box import parse_subject_box

    return [parse_subject_box(text, number) for number, text in enumerate(texts, 1)]


def open_shot(path: Path) -> "Shot":
    """Read a shot file, and print what has to be said about it.

    Raises
    ------
    InputError
        As `parascale.files.shot_file.read_shot`.
    """
    from parascale.files.shot_file import read_shot

    notices: list[Notice] = []
    shot = read_shot(path, notices)
    print_notes(notices)
    return shot


class PartlyDoneError(InputError):
    """Some of what was asked for was refused; what was done is in the one object of JSON that is printed."""

    def __init__(self, message: str, told: Mapping[str, object]) -> None:
        super().__init__(message)
        self.told = told


def refuse_ignored(*options: tuple[bool, str, str, bool]) -> None:
    """Refuse an option that would change nothing: of each whether it is given, its name, what it needs, if that is so.

    Raises
    ------
    InputError
        Which says what to add.
    """
    for given, option, needs, has in options:
        if given and not has:
            raise InputError(f"{option} changes nothing here: it needs {needs}")


def print_notes(notes: Iterable[str | Notice]) -> None:
    """Print what a user should read on standard error."""
    for note in () if current_voice().quiet else notes:
        print(f"parascale: note: {note if isinstance(note, str) else sentence(note)}", file=sys.stderr)


def print_json(values: Mapping[str, object]) -> None:
    """Print one JSON object on standard output; what is not finite becomes null."""
    from parascale.types import to_json_values

    print(json.dumps(to_json_values(values), indent=2, allow_nan=False))


@contextmanager
def progress_bar() -> Iterator[Callable[[float, str], None]]:
    """Yield a progress callback, (fraction, phase): a bar where standard error is a terminal, else a line at times."""
    if current_voice().quiet:
        yield _say_nothing
        return
    if not sys.stderr.isatty():
        yield progress_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:28}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda fraction, phase: bar.update(task, completed=fraction, description=phase)


@contextmanager
def foreign_output_on_stderr() -> Iterator[None]:
    """Keep standard output for what a command prints itself: Blender's libraries print there past Python."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def libraries_write_to(log: Path) -> Iterator[None]:
    """Send to a file what libraries print past Python, as Blender does for every picture; keep the terminal for us."""
    streams = sys.stdout, sys.stderr
    kept = [os.dup(number) for number in (1, 2)]
    try:
        # Without closing what they write to: it is closed below, once it stands for itself again.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in kept)
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in enumerate(kept, 1):
            os.dup2(copy, number)
            os.close(copy)
        sys.stdout, sys.stderr = streams


def require_blender(what: str) -> None:
    """Refuse what needs Blender where it is not installed as a Python module.

    Raises
    ------
    InputError
    """
    if not is_installed("bpy"):
        raise InputError(f"{what} needs Blender as a Python module", "extra", ["bpy"])


def _say_nothing(_fraction: float, _phase: str) -> None:
    pass
