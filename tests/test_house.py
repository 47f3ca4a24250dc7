"""The house: imports point down, there is one version number, and what the add-on repeats of the backend is right."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import parascale
from parascale.depth.catalogue import CATALOGUE

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "backend" / "parascale"

# From the ground up; rooms on one floor do not import each other.
FLOORS = [
    ["types", "errors"],
    ["camera"],
    ["parallax"],
    ["retime"],
    ["files", "conditioning"],
    ["media"],
    ["projection"],
    ["link"],
    ["blender"],
    ["generators", "solve", "depth"],
    ["evaluation"],
    ["service"],
    ["cli"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
NUMPY_ALONE = ["types", "errors", "camera", "parallax", "retime", "files", "conditioning"]
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


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_lower_rooms_need_numpy_alone(path: Path) -> None:
    if room_of(path) in NUMPY_ALONE:
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY


def test_only_the_blender_room_imports_bpy() -> None:
    guilty = {room_of(p) for p in modules() if {n.split(".")[0] for n in imports(p)} & {"bpy", "mathutils"}}
    assert guilty <= {"blender"}


def test_one_version_number() -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert manifest["version"] == parascale.__version__


def test_the_add_on_suggests_the_depth_models_there_are() -> None:
    tree = ast.parse((ROOT / "blender_addon" / "backend_lists.py").read_text())
    listed = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert listed == tuple(model.name for model in CATALOGUE)
