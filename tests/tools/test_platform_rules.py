"""The rules of Blender's public extensions platform, held against what the built zips really contain."""

import ast
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "build_extension.py"
FOLDERS = {"cp311": ".", "abi3": ".", "pure": "pure"}

# https://docs.blender.org/manual/en/latest/advanced/extensions/getting_started.html, and tags.html beside it.
PERMISSIONS = {"files", "network", "clipboard", "camera", "microphone"}
TAGS = {
    "3D View", "Add Curve", "Add Mesh", "Animation", "Bake", "Camera", "Compositing", "Development", "Game Engine",
    "Geometry Nodes", "Grease Pencil", "Import-Export", "Lighting", "Material", "Modeling", "Mesh", "Node", "Object",
    "Paint", "Pipeline", "Physics", "Render", "Rigging", "Scene", "Sculpt", "Sequencer", "System", "Text Editor",
    "Tracking", "User Interface", "UV",
}  # fmt: skip
OF_BLENDER = {"bpy", "bpy_extras", "bl_operators", "mathutils", "gpu", "gpu_extras", "blf", "bmesh", "imbuf", "numpy"}
# What reaches the network by itself; the link alone has sockets, and those of pyzmq.
NETWORK = {
    "urllib",
    "http",
    "requests",
    "ftplib",
    "smtplib",
    "xmlrpc",
    "httpx",
    "aiohttp",
    "socketserver",
    "webbrowser",
}
INSTALLERS = {"pip", "ensurepip", "setuptools", "venv", "site"}


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the zips: PARASCALE_ZIPS, else built here."""
    if named := os.environ.get("PARASCALE_ZIPS"):
        return Path(named).resolve()
    folder = tmp_path_factory.mktemp("zips")
    done = subprocess.run([sys.executable, TOOL, "--output-dir", folder], check=False, capture_output=True, text=True)
    if done.returncode and "could not be downloaded" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(params=FOLDERS)
def archive(zips: Path, request: pytest.FixtureRequest) -> Iterator[zipfile.ZipFile]:
    (path,) = (zips / FOLDERS[request.param]).glob(f"parascale-*-{request.param}.zip")
    with zipfile.ZipFile(path) as opened:
        yield opened


def manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    return tomllib.loads(archive.read("blender_manifest.toml").decode())


def addon(archive: zipfile.ZipFile) -> dict[str, ast.Module]:
    """The add-on's own modules."""
    return {name: ast.parse(archive.read(name)) for name in archive.namelist() if name.endswith(".py")}


def package(archive: zipfile.ZipFile) -> dict[str, ast.Module]:
    """The modules of the parascale wheel inside."""
    (name,) = (name for name in archive.namelist() if name.startswith("wheels/parascale-"))
    with zipfile.ZipFile(io.BytesIO(archive.read(name))) as wheel:
        return {name: ast.parse(wheel.read(name)) for name in wheel.namelist() if name.endswith(".py")}


def everything(archive: zipfile.ZipFile) -> dict[str, ast.Module]:
    return addon(archive) | package(archive)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Absolute imports: line, and the name of the top package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, (node.module or "").partition(".")[0]


def dotted(node: ast.AST) -> str:
    """A name as it is written, a.b.c; empty where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def names(tree: ast.AST) -> set[str]:
    return {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}


def test_tagline_and_reasons_fit_and_end_without_a_stop(archive: zipfile.ZipFile) -> None:
    told = manifest(archive)
    for sentence in (told["tagline"], *told["permissions"].values()):
        assert 0 < len(sentence) <= 64, sentence
        assert sentence[-1].isalnum() or sentence[-1] in ")]}", sentence


def test_every_value_is_filled_in_and_of_the_platforms_own_lists(archive: zipfile.ZipFile) -> None:
    told = manifest(archive)
    assert all(value not in ("", [], {}) for value in told.values()), told
    assert told["schema_version"] == "1.0.0"
    assert told["type"] == "add-on"
    assert told["license"] == ["SPDX:GPL-3.0-or-later"]
    assert set(told["tags"]) <= TAGS
    assert set(told["permissions"]) <= PERMISSIONS
    assert "blender" not in told["name"].lower()
    assert tuple(map(int, told["blender_version_min"].split("."))) >= (4, 2, 0)
    assert len(told["version"].split(".")) == 3


def test_the_zip_holds_the_add_on_at_its_top_and_nothing_hidden(archive: zipfile.ZipFile) -> None:
    inside = archive.namelist()
    assert {"__init__.py", "blender_manifest.toml", "LICENSE"} <= set(inside)
    assert "GNU GENERAL PUBLIC LICENSE" in archive.read("LICENSE").decode()
    for name in inside:
        assert not any(part.startswith(".") or part in {"__pycache__", "__MACOSX"} for part in Path(name).parts), name
        assert Path(name).suffix in {".py", ".toml", ".whl", ""}, name
    assert len(inside) == len(set(inside))


def test_platforms_are_those_the_wheels_serve(archive: zipfile.ZipFile) -> None:
    told = manifest(archive)
    wheels = " ".join(told["wheels"])
    served = {
        "linux-x64": "manylinux_2_28_x86_64",
        "macos-arm64": "universal2",
        "macos-x64": "universal2",
        "windows-x64": "win_amd64",
        "windows-arm64": "win_arm64",
    }
    found = {platform for platform, tag in served.items() if tag in wheels}
    assert set(told.get("platforms", ())) == found


def test_the_add_on_imports_its_own_modules_relatively(archive: zipfile.ZipFile) -> None:
    """It is imported as bl_ext.REPOSITORY.parascale, under a name nobody knows beforehand."""
    allowed = OF_BLENDER | {"parascale", "zmq"} | set(sys.stdlib_module_names)
    for name, tree in addon(archive).items():
        for line, top in imports(tree):
            assert top in allowed, f"{name}, line {line}: import {top}"


def test_nothing_installs_packages_or_bends_the_path(archive: zipfile.ZipFile) -> None:
    for name, tree in everything(archive).items():
        assert not {top for _, top in imports(tree)} & INSTALLERS, name
        told = names(tree)
        assert not {"sys.path", "sys.meta_path", "sys.path_hooks", "importlib.reload"} & told, name
        calls = {dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not {"exec", "eval", "os.system", "pickle.loads", "pickle.load", "__import__"} & calls, name


def test_nothing_downloads_or_updates_itself(archive: zipfile.ZipFile) -> None:
    for name, tree in everything(archive).items():
        assert not {top for _, top in imports(tree)} & NETWORK, name
        assert not [told for told in names(tree) if told.startswith("bpy.ops.extensions")], name
        assert not [told for told in names(tree) if told.startswith("bpy.ops.preferences.addon_install")], name


def test_sockets_are_the_links_alone(archive: zipfile.ZipFile) -> None:
    for name, tree in everything(archive).items():
        if {top for _, top in imports(tree)} & {"socket", "zmq", "ssl"}:
            assert name.startswith("parascale/link/"), name


def test_whoever_connects_to_another_machine_asks_whether_blender_may_go_online(archive: zipfile.ZipFile) -> None:
    connecting = []
    for name, tree in addon(archive).items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            calls = {dotted(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
            if {"local.connect", "Client", "zmq.Context"} & calls:
                connecting.append(node.name)
                assert "bpy.app.online_access" in names(node), f"{name}: {node.name}"
    assert connecting, "nothing connects any more: this test looks for the wrong names"


def test_every_permission_is_asked_for_and_used(archive: zipfile.ZipFile) -> None:
    asked = set(manifest(archive)["permissions"])
    told = {name for tree in addon(archive).values() for name in names(tree)}
    assert ("clipboard" in asked) == any(name.endswith(".clipboard") for name in told)
    assert "files" in asked
    (wheel,) = (name for name in archive.namelist() if name.startswith("wheels/parascale-"))
    assert ("network" in asked) == (len([name for name in archive.namelist() if name.startswith("wheels/")]) > 1), wheel


INSTALL = """
import os, sys
from pathlib import Path
import bpy

def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path: path.stat().st_mtime_ns for path in found}

bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
folder = Path(bpy.utils.user_resource("EXTENSIONS")) / "user_default" / "parascale"
before = files(folder)
bpy.ops.object.camera_add()
bpy.context.scene.camera = bpy.context.object
bpy.ops.mesh.primitive_plane_add(size=50, location=(0, 0, -5))
bpy.ops.parascale.measure()
kept = Path(bpy.utils.extension_path_user("bl_ext.user_default.parascale"))
bpy.ops.preferences.addon_disable(module="bl_ext.user_default.parascale")
assert files(folder) == before, set(files(folder).items()) ^ set(before.items())
resources = Path(os.environ["BLENDER_USER_RESOURCES"])
stray = [path for path in files(Path.home()) if not path.is_relative_to(resources)]
assert not stray, stray
assert kept.is_relative_to(resources)
print("CLEAN")
"""


def test_installed_used_and_disabled_it_wrote_where_extensions_may(zips: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("no bpy here to install the zip in")
    variant = "cp311" if sys.version_info < (3, 12) else "abi3"
    (path,) = zips.glob(f"parascale-*-{variant}.zip")
    folders = {"HOME": tmp_path, "BLENDER_USER_RESOURCES": tmp_path / "resources", "TMPDIR": tmp_path / "temporary"}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    variables = {name: str(folder) for name, folder in folders.items()}
    command = [sys.executable, "-c", INSTALL, str(path)]
    done = subprocess.run(command, env=variables, check=False, capture_output=True, text=True)
    assert "CLEAN" in done.stdout, done.stdout + done.stderr


def test_a_static_repository_can_be_made_of_the_zips(zips: Path, tmp_path: Path) -> None:
    bpy_spec = importlib.util.find_spec("bpy")
    if bpy_spec is None or bpy_spec.origin is None:
        pytest.skip("no bpy here, whose tool would list them")
    (tool,) = Path(bpy_spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    repository = shutil.copytree(zips, tmp_path / "zips")
    for folder in (repository, repository / "pure"):
        command = [sys.executable, tool, "server-generate", "--repo-dir", folder]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"id": "parascale"' in (folder / "index.json").read_text()
