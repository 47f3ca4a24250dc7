"""Facts that lower rooms report, worded for the command line."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

import parascale
from parascale.cli import app
from parascale.cli.advice import ADVICE, sentence
from parascale.errors import InputError, Notice, Remedy

PACKAGE = Path(parascale.__file__).parent


def test_every_remedy_is_worded() -> None:
    assert set(ADVICE) == set(get_args(Remedy)) - {"", "extra", "shot"}


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (Notice("the clip is empty"), "the clip is empty"),
        (
            Notice("no lens in the file; assuming 60 degrees", "fov"),
            "no lens in the file; assuming 60 degrees: override with --fov",
        ),
        (
            Notice("x.blend has no camera 'a'", "blend-camera", ("b", "c")),
            "x.blend has no camera 'a': name one with --camera (b, c)",
        ),
        (
            Notice("EXR needs OpenEXR", "extra", ("depth",)),
            f'EXR needs OpenEXR: pip install -e "{PACKAGE.parents[1]}[depth]"',
        ),
        (
            Notice("x.mp4 holds 2 shots", "shot", ("0:12", "12:30")),
            "x.mp4 holds 2 shots: choose one with --shot 1 (--start 0 --end 12), or --shot 2 (--start 12 --end 30)",
        ),
    ],
)
def test_the_option_follows_the_fact(notice: Notice, expected: str) -> None:
    assert sentence(notice) == expected
    assert sentence(InputError(notice.message, notice.remedy, notice.choices)) == expected


COMMANDS = "|".join([*(command.name or "" for command in app.registered_commands), "weights"])
OPTION = re.compile(rf"(?<![\w-])--[a-z][a-z-]+|parascale ({COMMANDS})\b")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=name)
        for path in sorted(PACKAGE.rglob("*.py"))
        if not (name := str(path.relative_to(PACKAGE))).startswith("cli/")
    ],
)
def test_no_sentence_below_names_an_option_or_a_command(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    docstrings = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    arguments = {id(item) for node in nodes if isinstance(node, ast.List) for item in node.elts}
    # Names of options where they are declared are no sentences.
    declared = [
        node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument"
    ]
    arguments |= {id(item) for node in declared for item in node.args}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | arguments:
            assert not OPTION.search(node.value), f"line {node.lineno}: {node.value}"
