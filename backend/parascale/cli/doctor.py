import sys
from importlib import metadata
from typing import Any

from parascale import __version__
from parascale.cli.common import Json, print_json

# What each extra brings, by the name it is imported with and the name it is installed by.
PARTS = {
    "solve": (("pycolmap", "pycolmap"), ("cv2", "opencv-python-headless"), ("av", "av"), ("scipy", "scipy")),
    "preview": (("numba", "numba"), ("av", "av")),
    "evaluate": (("matplotlib", "matplotlib"),),
    "bpy": (("bpy", "bpy"),),
}


def doctor(json: Json = False) -> None:
    """Tell what is installed, which devices there are, what is missing and how to get it."""
    found = examine()
    if json:
        print_json(found)
        return
    print(f"parascale {found['version']}, Python {found['python']}, {found['processors']} processors")
    for extra, part in found["extras"].items():
        state = "ready" if part["ready"] else f"missing {', '.join(part['missing'])}: {part['install']}"
        print(f"  {extra:10} {state}")
    for name, generator in found["generators"].items():
        print(f"  generator {name}: class {generator['scale_class']}")


def examine() -> dict[str, Any]:
    """Gather what `doctor` tells, as JSON values."""
    import os

    from parascale.generators.registry import generators

    extras = {}
    for extra, parts in PARTS.items():
        missing = [package for _, package in parts if not _installed(package)]
        extras[extra] = {"ready": not missing, "missing": missing, "install": f'pip install "parascale[{extra}]"'}
    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "processors": os.cpu_count(),
        "extras": extras,
        "generators": {name: {"scale_class": item.scale_class} for name, item in generators().items()},
    }


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
