"""Build the zips of the Blender extension.

The small ones talk to a backend elsewhere: cp311 (Blender 4.5 - 5.0), abi3 (5.1 and later) and pure (no binary); they
keep to the rules of Blender's public platform. Those under ``own`` hold the whole package and can set a backend up. The
complete ones, one a platform and Python, bring the solver and the preview along, run by Blender's own Python.
Binary wheels are downloaded once and kept in a cache folder; with them there, a build needs no network.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.tags import Tag, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "backend" / "parascale"
ADDON = ROOT / "blender_addon"

# What an animator's Blender needs of the package; everything else runs in the backend.
GROUND = ("types", "errors", "extras", "camera", "parallax", "retime")
ROOMS = (*GROUND, "files", "conditioning", "media", "projection", "weights", "link", "blender")

# What the complete zips bring along.
BROUGHT = ("av", "opencv-python-headless", "openexr", "pillow", "pycolmap", "scipy", "pyzmq")
MAX_ZIP_BYTES = 200_000_000
# What the public platform's rules forbid: only zips with the whole package have it.
NOT_PUBLIC = ("operators/set_up.py",)

# pip's platform tags of what Blender runs on. One universal2 wheel serves both kinds of Mac.
PLATFORMS = ("manylinux_2_28_x86_64", "macosx_11_0_universal2", "win_amd64", "win_arm64")
BLENDER_PLATFORMS = ("linux-x64", "macos-arm64", "macos-x64", "windows-x64", "windows-arm64")


@dataclass(frozen=True)
class Variant:
    """One of the zips.

    Attributes
    ----------
    name : str
    folder : str
        Under the output folder. All zips share one id, so two that fit the same Blender need repositories of their own.
    python, abi : str or None
        Tags of the binary wheels; None for no binary wheel.
    blender : tuple of str
        Lines of the manifest that say which Blender it fits.
    """

    name: str
    folder: str = "."
    python: str | None = None
    abi: str | None = None
    blender: tuple[str, ...] = ()


@dataclass(frozen=True)
class Complete:
    """One of the complete zips.

    Attributes
    ----------
    platform : str
        Blender's name of it.
    tags : tuple of str
        pip's platform tags of the wheels it loads, best first.
    """

    platform: str
    tags: tuple[str, ...]


COMPLETE = (
    # Blender's own limit: glibc 2.28.
    Complete("linux-x64", (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)), "manylinux2014_x86_64")),
    Complete("windows-x64", ("win_amd64",)),
    Complete("macos-arm64", tuple(mac_platforms((14, 0), "arm64"))),
)
# Blender's Pythons, and the lines of the manifest that say which Blender has them.
PYTHONS = {"3.11": 'blender_version_max = "5.1.0"', "3.13": 'blender_version_min = "5.1.0"'}
# A Linux distribution's Blender has the distribution's Python: built only where it is asked for.
OTHER_PYTHONS = {"3.14": PYTHONS["3.13"]}

VARIANTS = (
    Variant("cp311", python="3.11", abi="cp311", blender=('blender_version_max = "5.1.0"',)),
    Variant("abi3", python="3.12", abi="abi3", blender=('blender_version_min = "5.1.0"',)),
    Variant("pure", folder="pure"),
)


def build(output: Path, cache: Path) -> list[Path]:
    """Write the zips and return their paths.

    Parameters
    ----------
    output : Path
        Folder of the static repository; ``pure/`` under it is a repository of its own.
    cache : Path
        Where downloaded wheels are kept.
    """
    version = _manifest_version()
    # Blender keeps the files of a wheel whose version it has already, so every build gets a new one.
    wheel = package_wheel(f"{version}.post{time.time_ns() // 1_000_000}")
    zips = []
    for variant in VARIANTS:
        wheels = {wheel[0]: wheel[1]}
        wheels |= {path.name: path.read_bytes() for path in pyzmq_wheels(variant, cache)}
        path = output / variant.folder / f"parascale-{version}-{variant.name}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_zip(path, addon_files() | {"blender_manifest.toml": manifest(variant, sorted(wheels)).encode()}, wheels)
        zips.append(path)
    return zips


def build_own(output: Path, cache: Path) -> list[Path]:
    """Write the small zips with the whole package and the setup of a backend under ``own/`` and return their paths."""
    version = _manifest_version()
    wheel = package_wheel(f"{version}.post{time.time_ns() // 1_000_000}", complete=True)
    zips = []
    for variant in (known for known in VARIANTS if known.abi):
        wheels = {wheel[0]: wheel[1]} | {path.name: path.read_bytes() for path in pyzmq_wheels(variant, cache)}
        path = output / "own" / f"parascale-{version}-{variant.name}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        files = addon_files(public=False) | {"blender_manifest.toml": manifest(variant, sorted(wheels)).encode()}
        _write_zip(path, files, wheels)
        zips.append(path)
    return zips


def build_complete(output: Path, cache: Path, platforms: Sequence[str], pythons: Sequence[str]) -> list[Path]:
    """Write the complete zips of some platforms and Pythons under ``complete/`` and return their paths."""
    version = _manifest_version()
    wheel = package_wheel(f"{version}.post{time.time_ns() // 1_000_000}", complete=True)
    zips = []
    for python in pythons:
        for target in (known for known in COMPLETE if known.platform in platforms):
            wheels = {wheel[0]: wheel[1]}
            wheels |= {path.name: path.read_bytes() for path in brought_wheels(target, python, cache)}
            lines = ((PYTHONS | OTHER_PYTHONS)[python],)
            variant = Variant(f"{target.platform}-py{python.replace('.', '')}", "complete", python, "own", lines)
            path = output / variant.folder / f"parascale-{version}-{variant.name}.zip"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = manifest(variant, sorted(wheels), (target.platform,))
            _write_zip(path, addon_files(public=False) | {"blender_manifest.toml": text.encode()}, wheels)
            if path.stat().st_size > MAX_ZIP_BYTES:
                sys.exit(f"{path} has {path.stat().st_size} bytes: the limit is {MAX_ZIP_BYTES}")
            zips.append(path)
    return zips


def brought_wheels(target: Complete, python: str, cache: Path) -> list[Path]:
    """Return the binary wheels of a complete zip, downloaded where the cache has none."""
    version = tuple(int(part) for part in python.split("."))
    tags = set(cpython_tags(version, [f"cp{python.replace('.', '')}", "abi3"], target.tags))
    return [_brought_wheel(name, _pin(name, python), tags, target, python, cache) for name in BROUGHT]


def _brought_wheel(name: str, pin: str, tags: set[Tag], target: Complete, python: str, cache: Path) -> Path:
    def kept() -> Path | None:
        for path in cache.glob(f"{name.replace('-', '_')}-{pin}-*.whl"):
            if parse_wheel_filename(path.name)[3] & tags:
                return path
        return None

    if kept() is None:
        cache.mkdir(parents=True, exist_ok=True)
        abis = (f"cp{python.replace('.', '')}", "abi3")
        # fmt: off
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", f"{name}=={pin}",
            "--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python,
            *(part for abi in abis for part in ("--abi", abi)),
            *(part for tag in target.tags for part in ("--platform", tag)), "--dest", str(cache),
        ]
        # fmt: on
        subprocess.run(command, check=False)
    found = kept()
    if found is None:
        sys.exit(f"{name} {pin} for {target.platform} could not be downloaded to {cache}: check the network")
    return found


def addon_files(*, public: bool = True) -> dict[str, bytes]:
    """Content of the add-on's own files by their path in the zip, of the public platform's or of one's own."""
    files = {path.relative_to(ADDON).as_posix(): path.read_bytes() for path in _sources(ADDON)}
    files = {name: content for name, content in files.items() if not (public and name in NOT_PUBLIC)}
    return files | {"LICENSE": (ROOT / "LICENSE").read_bytes()}


def package_wheel(version: str, *, complete: bool = False) -> tuple[str, bytes]:
    """Name and content of the pure wheel that holds the rooms Blender needs, or all that a backend does.

    That of the small zips states no dependencies: Blender brings NumPy, and pyzmq comes as a wheel beside it. That of
    the complete ones is the whole package, which pip can install elsewhere; Blender does not look at what it states.
    """
    files = {"parascale/__init__.py": (PACKAGE / "__init__.py").read_bytes()}
    for path in _sources(PACKAGE):
        if complete or path.relative_to(PACKAGE).parts[0].removesuffix(".py") in ROOMS:
            files[f"parascale/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    info = f"parascale-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: parascale\nVersion: {version}\n"
    if complete:
        metadata += _requirements()
        files[f"{info}/entry_points.txt"] = b"[console_scripts]\nparascale = parascale.cli:main\n"
    files[f"{info}/METADATA"] = metadata.encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: build_extension\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return f"parascale-{version}-py3-none-any.whl", _zipped(files)


def _requirements() -> str:
    """Lines of a complete wheel's metadata: pip installs it outside Blender with all that a backend needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {line}" for line in project["dependencies"]]
    for extra, needed in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        for line in needed:
            package, _, marker = line.partition(";")
            condition = f"({marker.strip()}) and " if marker else ""
            lines.append(f"Requires-Dist: {package.strip()} ; {condition}extra == '{extra}'")
    return "\n".join(lines) + "\n"


def manifest(variant: Variant, wheels: list[str], platforms: Sequence[str] = BLENDER_PLATFORMS) -> str:
    """Fill in the template for one zip."""
    template = (ROOT / "blender_manifest.toml").read_text()
    lines = [line for line in template.splitlines() if not line.startswith("#")]
    if any(line.startswith("blender_version_min") for line in variant.blender):
        lines = [line for line in lines if not line.startswith("blender_version_min")]
    extra = list(variant.blender)
    if variant.abi:
        extra.append(f"platforms = {json.dumps([*platforms])}")
    else:
        lines = [line for line in lines if not line.startswith("network")]
    extra += ["wheels = [", *(f'    "./wheels/{name}",' for name in wheels), "]"]
    table = lines.index("[permissions]")
    return "\n".join([*lines[:table], *extra, "", *lines[table:]]) + "\n"


def pyzmq_wheels(variant: Variant, cache: Path) -> list[Path]:
    """Return the binary wheels of one zip, one a platform, downloaded where the cache has none."""
    if variant.abi is None:
        return []
    pin = _pin("pyzmq")
    return [_pyzmq_wheel(pin, variant, platform, cache) for platform in PLATFORMS]


def _pyzmq_wheel(pin: str, variant: Variant, platform: str, cache: Path) -> Path:
    family, machine = re.fullmatch(r"([a-z]+)[\d_]*_(.+)", platform).groups()  # type: ignore[union-attr]  # our own
    pattern = f"pyzmq-{pin}-*-{variant.abi}-*{family}*{machine}.whl"
    if not list(cache.glob(pattern)):
        cache.mkdir(parents=True, exist_ok=True)
        # fmt: off
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", f"pyzmq=={pin}",
            "--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", variant.python or "",
            "--abi", variant.abi or "", "--platform", platform, "--dest", str(cache),
        ]
        # fmt: on
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"pyzmq {pin} for {platform} could not be downloaded to {cache}: check the network and try again")
    return next(iter(cache.glob(pattern)))


def _pin(name: str, python: str = "3.11") -> str:
    pinned = [*PYTHONS][-1] if python in OTHER_PYTHONS else python
    path = ROOT / "constraints" / f"py{pinned.replace('.', '')}.txt"
    found = re.search(rf"^{name}==(\S+)$", path.read_text(), re.MULTILINE)
    assert found, f"{path} pins no {name}"
    return found[1]


def _manifest_version() -> str:
    return str(tomllib.loads((ROOT / "blender_manifest.toml").read_text())["version"])


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # Wheels are compressed already.
            archive.writestr(name, content, zipfile.ZIP_STORED if name.endswith(".whl") else None)
    return buffer.getvalue()


def _write_zip(path: Path, files: dict[str, bytes], wheels: dict[str, bytes]) -> None:
    partial = path.with_suffix(".part")
    partial.write_bytes(_zipped(files | {f"wheels/{name}": content for name, content in wheels.items()}))
    partial.replace(path)


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parascale" / "wheels"


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--wheel-cache", type=Path, default=_default_cache())
    names = [known.platform for known in COMPLETE]
    parser.add_argument(
        "--complete", nargs="*", choices=names, help="also build the complete zips, of these platforms or of all"
    )
    parser.add_argument("--own", action="store_true", help="also build the small ones that can set a backend up")
    pythons = [*PYTHONS, *OTHER_PYTHONS]
    parser.add_argument("--python", nargs="*", choices=pythons, default=[*PYTHONS], help="of the complete zips")
    arguments = parser.parse_args()
    zips = build(arguments.output_dir, arguments.wheel_cache)
    if arguments.own:
        zips += build_own(arguments.output_dir, arguments.wheel_cache)
    if arguments.complete is not None:
        platforms = arguments.complete or names
        zips += build_complete(arguments.output_dir, arguments.wheel_cache, platforms, arguments.python)
    for path in zips:
        print(f"{path} {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
