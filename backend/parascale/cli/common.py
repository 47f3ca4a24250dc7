"""What the commands share: output for machines, progress for people."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

DepthScale = Annotated[
    float | None,
    typer.Option(help="Multiplies what the depth map holds; 0.001 for 16-bit pictures and 1 for others if not given."),
]


def print_notes(sentences: Iterable[str]) -> None:
    """Print what a user should read on standard error."""
    for sentence in sentences:
        print(f"parascale: note: {sentence}", file=sys.stderr)


def print_json(values: dict[str, Any]) -> None:
    """Print one JSON object on standard output; what is not finite becomes null."""
    print(json.dumps(_finite(values), indent=2, allow_nan=False))


@contextmanager
def progress_bar() -> Iterator[Callable[[float, str], None]]:
    """Yield a progress callback, (fraction, phase), drawn on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield _silent
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


def _silent(fraction: float, phase: str) -> None:
    pass


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and value - value != 0:
        return None
    return value
