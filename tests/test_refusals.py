"""The page of refusals names every sentence that solving and reading end with, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "refusals.md"
ROOMS = ("solve", "media")
# Reasons that a sentence is made of: the names they are given, and the functions that return them.
REASONS, MAKERS = {"reason", "reasons", "what", "lost", "SMALL_MOVE"}, {"describe_missing_frames", "_too_many"}
GATES = {"gate.py", "linking.py", "motion_class.py", "pipeline.py"}
VALUE = "…"


def template(node: ast.expr) -> str:
    """What a sentence reads like, with VALUE where something is put in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in parts)
        case ast.BinOp(left=left, right=right):
            return template(left) + template(right)
    return VALUE


def outermost_texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield template(node)
        return
    for child in ast.iter_child_nodes(node):
        yield from outermost_texts(child)


def refusals() -> Iterator[tuple[str, str]]:
    """Every sentence that is raised, and every reason that goes into one, with its place."""
    for room in ROOMS:
        for path in sorted((ROOT / "backend" / "parascale" / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                for text in sentences_of(node, gate=path.name in GATES):
                    yield f"{path.name}:{getattr(node, 'lineno', 0)}", text


def sentences_of(node: ast.AST, *, gate: bool) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id="InputError"), args=[first, *_]):
            if not (isinstance(first, ast.Call) and getattr(first.func, "id", "") in MAKERS):
                yield template(first)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="reasons"), attr="append"), args=[text]):
            yield from outermost_texts(text)
        case ast.FunctionDef(name=name) if name in MAKERS:
            returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
            yield from (text for value in returned for text in outermost_texts(value))
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if gate and name in REASONS:
            yield from outermost_texts(value)


REFUSALS = list(refusals())
NAMED = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)


def like(sentence: str, pattern: str) -> bool:
    """Whether a sentence is what the page's pattern shows; what is put in may stand for several values in a row."""
    wanted = re.sub(f"{VALUE}+", VALUE, pattern)
    return re.sub(f"{VALUE}+", VALUE, sentence) == wanted


@pytest.mark.parametrize(("place", "sentence"), REFUSALS)
def test_every_refusal_is_on_the_page(place: str, sentence: str) -> None:
    assert len(sentence.replace(VALUE, "").strip()) > 3, f"{place} raises a sentence that is made elsewhere"
    assert any(like(sentence, pattern) for pattern in NAMED), f"{place}: {sentence!r} is not in {PAGE.name}"


def test_the_page_names_no_refusal_that_is_gone() -> None:
    assert len(NAMED) == len(set(NAMED))
    gone = [pattern for pattern in NAMED if not any(like(sentence, pattern) for _, sentence in REFUSALS)]
    assert gone == []


def test_every_refusal_has_a_reason_and_a_remedy() -> None:
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 3, line
            assert all(len(cell) > 3 for cell in cells), line
