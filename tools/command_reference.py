"""Write docs/commands.md, the page of the site on all commands, from the commands themselves."""

import contextlib
import io
import re
from pathlib import Path
from typing import cast

import click
import typer

from parascale.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
HEAD = """# Commands

Every command takes `--help`, and ends with 0 where it is done, 2 where it was used wrongly, 3 where it cannot be done
with this input: one sentence says what is wrong and what to do. What commands write and refuse is in
[command-line.md](command-line.md).
"""


def main() -> None:
    """Write the page."""
    group = cast("click.Group", typer.main.get_command(app))
    with contextlib.redirect_stdout(io.StringIO()):
        described = [_describe(command, f"parascale {name}") for name, command in _commands(group)]
    PAGE.write_text(HEAD + "".join(described), "utf-8")


def _commands(group: click.Group, prefix: str = "") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += _commands(command, f"{prefix}{name} ")
        elif not command.hidden:
            found.append((prefix + name, command))
    return found


def _describe(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name)
    # Fills in the names of methods and the like, and prints.
    command.get_help(context)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = ["", f"## {name}", "", _plain(command.help or ""), "", f"    {name} {usage}", ""]
    rows = [row for parameter in command.params if (row := _row(parameter, context))]
    return "\n".join([*lines, *(["| option | what it does |", "| --- | --- |", *rows, ""] if rows else [])])


def _row(parameter: click.Parameter, context: click.Context) -> str | None:
    record = parameter.get_help_record(context)
    if record is None:
        return None
    return f"| `{_cell(record[0])}` | {_cell(_plain(record[1]))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


if __name__ == "__main__":
    main()
