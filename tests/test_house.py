"""The house: imports point down, there is one version number, and what the add-on repeats of the backend is right."""

import ast
import re
import runpy
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import get_args

import pytest

import parascale
from parascale.errors import InputError, Notice, Remedy

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "backend" / "parascale"

# From the ground up; rooms on one floor do not import each other.
FLOORS = [
    ["types", "errors"],
    ["extras", "logs"],
    ["camera"],
    ["parallax"],
    ["retime"],
    ["files"],
    ["conditioning"],
    ["media"],
    ["projection"],
    ["weights"],
    ["link"],
    ["cluster"],
    ["blender"],
    ["generators", "solve", "depth"],
    ["evaluation"],
    ["service"],
    ["cli"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# The same inside `solve`, whose modules that are in none of its rooms stand on top.
SOLVE_FLOORS = ["tracking", "motion", "reconstruction", "lens", "depth", "subject"]

# The same for the add-on; panels only draw, so that they may stand beside operators.
ADDON = ROOT / "blender_addon"
ADDON_FLOORS = [
    ["advice", "stubs", "typed_properties"],
    ["tasks"],
    ["steps"],
    ["settings"],
    ["scene"],
    ["jobs"],
    ["operators", "overlay", "panels", "preferences", "request"],
    ["registration"],
    ["__init__"],
]
ADDON_FLOOR = {room: number for number, rooms in enumerate(ADDON_FLOORS) for room in rooms}

NUMPY_ALONE = ["types", "errors", "extras", "logs", "weights", "camera", "parallax", "retime", "files", "conditioning"]
HEAVY = {"av", "bpy", "cv2", "diffusers", "matplotlib", "numba", "pycolmap", "scipy", "torch", "transformers", "zmq"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "parascale" or len(parts) == 1 or parts[1] == room:
            continue
        assert FLOOR[parts[1]] < FLOOR[room], f"{room} imports {name}, which is not on a floor below it"


@pytest.mark.parametrize("path", sorted((PACKAGE / "solve").rglob("*.py")), ids=lambda path: path.stem)
def test_imports_inside_solve_point_down(path: Path) -> None:
    floors = {room: number for number, room in enumerate(SOLVE_FLOORS)}
    top = len(SOLVE_FLOORS)
    floor = floors.get(path.parent.name, top)
    for name in imports(path):
        parts = name.split(".")
        if parts[:2] == ["parascale", "solve"] and parts[2:3] != [path.parent.name] and floor < top:
            assert floors.get(parts[2], top) < floor, f"{path.name} imports {name}, which is not on a floor below it"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_lower_rooms_need_numpy_alone(path: Path) -> None:
    if room_of(path) in NUMPY_ALONE:
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY


def test_only_the_blender_room_imports_bpy() -> None:
    guilty = {room_of(p) for p in modules() if {n.split(".")[0] for n in imports(p)} & {"bpy", "mathutils"}}
    assert guilty <= {"blender"}


def defined_in(module: str) -> set[str]:
    """Names that a module of ours defines or imports, and the modules in it."""
    path = PACKAGE.parent / module.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = {inside.stem for inside in path.glob("*")} if path.is_dir() else set()
    for node in statements_of(ast.parse(source.read_text()).body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            stored = (each for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
            names.update(each.id for each in stored)
    return names


def statements_of(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module itself, those under a condition such as TYPE_CHECKING too, and none of a function."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from statements_of([*node.body, *node.orelse])


def test_what_a_function_keeps_for_itself_is_no_name_of_its_module() -> None:
    assert "digest" not in defined_in("parascale.evaluation.fingerprint")
    assert {"LIBRARIES", "fingerprint_of", "Path"} <= defined_in("parascale.evaluation.fingerprint")
    assert "SceneDepth" in defined_in("parascale.evaluation.stages")


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_imports_of_ours_is_there(path: Path) -> None:
    """No test runs them, so that a name which moves away is missed by none."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "parascale":
            assert {alias.name for alias in node.names} <= defined_in(node.module or ""), node.module


def test_one_version_number() -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert manifest["version"] == parascale.__version__


def addon_modules() -> list[Path]:
    return sorted(ADDON.rglob("*.py"))


def addon_room_of(path: Path) -> str:
    return path.relative_to(ADDON).parts[0].removesuffix(".py")


def siblings(path: Path, tree: ast.AST) -> Iterator[Path]:
    """Files of the add-on that a tree of one of them imports."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        folder = path.parents[node.level - 1]
        for name in [part for part in (node.module or "").split(".") if part]:
            folder /= name
        for candidate in (folder, *(folder / alias.name for alias in node.names)):
            module = candidate / "__init__.py" if candidate.is_dir() else candidate.with_suffix(".py")
            if module.is_file() and module != ADDON / "__init__.py":
                yield module


@pytest.mark.parametrize("path", addon_modules(), ids=lambda path: str(path.relative_to(ADDON)))
def test_add_on_imports_point_down(path: Path) -> None:
    room = addon_room_of(path)
    for module in siblings(path, ast.parse(path.read_text())):
        other = addon_room_of(module)
        assert other == room or ADDON_FLOOR[other] < ADDON_FLOOR[room], f"{room} imports {module}, which is not below"


def test_the_add_on_has_no_import_circle() -> None:
    # A room's own __init__ is loaded before any of its files.
    graph = {path: {*siblings(path, ast.parse(path.read_text()))} - {path} for path in addon_modules()}
    for path, imported in graph.items():
        imported -= {path.parent / "__init__.py"}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", addon_modules(), ids=lambda path: str(path.relative_to(ADDON)))
def test_the_add_on_hides_no_import_in_a_function(path: Path) -> None:
    # Enabling the add-on first forgets its old modules, then imports them.
    if path == ADDON / "__init__.py":
        return
    functions = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    assert [module for function in functions for module in siblings(path, function)] == []


def test_operators_do_not_import_each_other() -> None:
    for path in (ADDON / "operators").glob("*.py"):
        imported = {
            module.stem for module in siblings(path, ast.parse(path.read_text())) if "operators" in module.parts
        }
        assert path.stem == "__init__" or imported <= {"polls"}, path


@pytest.mark.parametrize("path", addon_modules(), ids=lambda path: str(path.relative_to(ADDON)))
def test_the_add_on_imports_rooms_that_its_build_holds(path: Path) -> None:
    rooms = runpy.run_path(str(ROOT / "tools" / "build_extension.py"))["ROOMS"]
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            room = name.split(".")[:2][-1]
            assert not name.startswith("parascale.") or room in rooms, f"{path} imports {name}"


def test_the_add_on_words_every_remedy_in_its_own_terms() -> None:
    advice = runpy.run_path(str(ADDON / "advice.py"))
    assert set(advice["ADVICE"]) == set(get_args(Remedy)) - {""}
    for remedy in get_args(Remedy):
        for said in (Notice("x is wrong", remedy, ("a", "b")), InputError("x is wrong", remedy, ("a", "b"))):
            sentence = advice["sentence"](said)
            assert sentence.startswith("X is wrong")
            assert "--" not in sentence
    assert advice["sentence"](InputError("x holds 2 shots", "shot", ("0:12", "12:30"))).endswith(": 0:12, 12:30")
    assert advice["sentence"]("  two\nlines ") == "Two lines"


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", (ROOT / page).read_text())
    assert named
    assert [name for name in named if not (PACKAGE / name).is_file() and not (ROOT / name).is_file()] == []
