"""The three zips: what is in them, and that Blender's own tool takes them."""

import importlib.util
import io
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "build_extension.py"
FOLDERS = {"cp311": ".", "abi3": ".", "pure": "pure"}


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zips")
    done = subprocess.run([sys.executable, TOOL, "--output-dir", folder], check=False, capture_output=True, text=True)
    if done.returncode and "could not be downloaded" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return folder


def opened(zips: Path, variant: str) -> zipfile.ZipFile:
    (path,) = (zips / FOLDERS[variant]).glob(f"parascale-*-{variant}.zip")
    return zipfile.ZipFile(path)


def manifest(zips: Path, variant: str) -> dict[str, object]:
    with opened(zips, variant) as archive:
        return tomllib.loads(archive.read("blender_manifest.toml").decode())


def package_wheel(zips: Path, variant: str) -> tuple[str, zipfile.ZipFile]:
    with opened(zips, variant) as archive:
        (name,) = (name for name in archive.namelist() if name.startswith("wheels/parascale-"))
        return name, zipfile.ZipFile(io.BytesIO(archive.read(name)))


@pytest.mark.parametrize("variant", FOLDERS)
def test_blender_takes_the_zip(zips: Path, variant: str) -> None:
    bpy_spec = importlib.util.find_spec("bpy")
    if bpy_spec is None or bpy_spec.origin is None:
        pytest.skip("no bpy here, whose tool would check the zip")
    (checker,) = Path(bpy_spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    with opened(zips, variant) as archive:
        command = [sys.executable, checker, "validate", str(archive.filename)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_zip_fits_its_blenders(zips: Path) -> None:
    assert manifest(zips, "cp311")["blender_version_min"] == "4.5.0"
    assert manifest(zips, "cp311")["blender_version_max"] == "5.1.0"
    assert manifest(zips, "abi3")["blender_version_min"] == "5.1.0"
    assert "blender_version_max" not in manifest(zips, "abi3")
    assert "blender_version_max" not in manifest(zips, "pure")
    assert {manifest(zips, variant)["id"] for variant in FOLDERS} == {"parascale"}


@pytest.mark.parametrize("variant", FOLDERS)
def test_manifest_names_exactly_the_wheels_inside(zips: Path, variant: str) -> None:
    with opened(zips, variant) as archive:
        inside = {f"./{name}" for name in archive.namelist() if name.endswith(".whl")}
    assert set(manifest(zips, variant)["wheels"]) == inside  # type: ignore[call-overload]


@pytest.mark.parametrize(("variant", "tag"), [("cp311", "-cp311-cp311-"), ("abi3", "-cp312-abi3-")])
def test_one_pyzmq_wheel_for_every_platform(zips: Path, variant: str, tag: str) -> None:
    with opened(zips, variant) as archive:
        binary = [name for name in archive.namelist() if "pyzmq" in name]
    assert all(tag in name for name in binary)
    endings = sorted(name.rsplit(tag)[1].rsplit(".whl")[0] for name in binary)
    assert [end.split("_")[0] for end in endings] == ["macosx", "manylinux", "win", "win"]
    assert len({name.split("-")[1] for name in binary}) == 1


def test_the_pure_zip_holds_no_binary_and_asks_for_no_network(zips: Path) -> None:
    with opened(zips, "pure") as archive:
        wheels = [name for name in archive.namelist() if name.startswith("wheels/")]
    assert [name.endswith("-py3-none-any.whl") for name in wheels] == [True]
    assert "network" not in manifest(zips, "pure")["permissions"]  # type: ignore[operator]


@pytest.mark.parametrize("variant", FOLDERS)
def test_no_zip_brings_what_blender_has_or_what_the_backend_does(zips: Path, variant: str) -> None:
    with opened(zips, variant) as archive:
        assert not [name for name in archive.namelist() if "numpy" in name or "__pycache__" in name]
    _, wheel = package_wheel(zips, variant)
    rooms = {name.split("/")[1].removesuffix(".py") for name in wheel.namelist() if name.startswith("parascale/")}
    assert {"camera", "parallax", "files", "link", "blender", "projection", "errors"} <= rooms
    assert not rooms & {"solve", "service", "cli", "generators", "evaluation", "depth"}


def test_package_wheel_installs_with_pip(zips: Path, tmp_path: Path) -> None:
    name, _ = package_wheel(zips, "pure")
    path = tmp_path / Path(name).name
    with opened(zips, "pure") as archive:
        path.write_bytes(archive.read(name))
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", tmp_path / "site", path]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "parascale" / "camera" / "trajectory.py").is_file()


def test_two_builds_have_wheels_of_different_versions(zips: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, TOOL, "--output-dir", tmp_path], check=True, capture_output=True)
    assert package_wheel(zips, "pure")[0] != package_wheel(tmp_path, "pure")[0]
