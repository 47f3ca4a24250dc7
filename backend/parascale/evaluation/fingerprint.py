"""A fingerprint of the program: what has to be the same for figures of two runs to go together."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import parascale

# What figures are computed by beside our own code.
LIBRARIES = ("av", "bpy", "numpy", "opencv-python-headless", "pycolmap", "scipy")
# What the generators that run a model here compute by.
GENERATOR_LIBRARIES = ("accelerate", "diffusers", "torch", "transformers")
_ROOT = Path(parascale.__file__).parent


@cache
def fingerprint_of(*modules: str) -> str:
    """Give twelve hexadecimal digits of what modules compute: their sources, all they import of ours, and libraries.

    Parameters
    ----------
    modules : str
        Full names, such as ``parascale.evaluation.faithfulness``.
    """
    digest = hashlib.sha256()
    for path in sources_of(*modules):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library} {_version_of(library)}\n".encode())
    return digest.hexdigest()[:12]


def generator_libraries() -> str:
    """Name the libraries that generators run on, each with its version, or as absent."""
    return ", ".join(f"{library} {_version_of(library)}" for library in GENERATOR_LIBRARIES)


def digest_of(text: str) -> str:
    """Give twelve hexadecimal digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def sources_of(*modules: str) -> tuple[Path, ...]:
    """Give the files of modules and of all that they import of ours, at the top or in a function, in order."""
    found: set[Path] = set()
    waiting = [path for module in modules for path in _files_of(module)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for name in _imported_by(path) for file in _files_of(name)]
    return tuple(sorted(found))


def _imported_by(path: Path) -> Iterator[str]:
    """Name what a file imports: modules, and what may be modules or names in one."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files_of(name: str) -> list[Path]:
    """Give the files that importing a name of ours runs: of its packages, and its own where it is a module."""
    package, *parts = name.split(".")
    if package != parascale.__name__:
        return []
    folders = [_ROOT.joinpath(*parts[:count]) for count in range(len(parts) + 1)]
    candidates = [file for folder in folders for file in (folder / "__init__.py", folder.with_suffix(".py"))]
    return [file for file in candidates if file.is_file()]


def _version_of(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "absent"
