"""Make a virtual environment that borrows packages of this one, with what they need, by links; nothing else is in it.

So the add-on is tested in this environment's own Blender without the `parascale` that is installed beside it.
"""

import argparse
import venv
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.requirements import Requirement


def with_requirements(names: list[str]) -> set[str]:
    """Names of installed packages and of all they need, extras apart."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        needed = [Requirement(line) for line in distribution(name).requires or ()]
        waiting += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def lend(folder: Path, names: list[str]) -> None:
    """Make the environment in a folder, anew."""
    venv.create(folder, clear=True, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in with_requirements(names):
        lender = distribution(name)
        for top in {path.parts[0] for path in lender.files or ()} - {"..", "__pycache__"}:
            (site / top).symlink_to(Path(str(lender.locate_file(top))).resolve())


def main() -> None:
    """Make the environment; where bpy is of another line than is asked for, an empty folder instead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("line", help="of Blender, as 5.0")
    parser.add_argument("packages", nargs="+")
    options = parser.parse_args()
    if version("bpy").startswith(f"{options.line}."):
        lend(options.folder, options.packages)
    else:
        options.folder.mkdir(exist_ok=True)


if __name__ == "__main__":
    main()
