"""Recognise a trajectory format by what a file or folder holds, never by its name alone."""

from collections.abc import Callable
from pathlib import Path

from parascale.errors import InputError
from parascale.files.camera_rows import COLUMNS
from parascale.files.formats.colmap import model_folder
from parascale.files.formats.spreadsheet import is_table
from parascale.files.json_text import parse_json
from parascale.files.npz import Archive

_HEAD = 100_000


def recognise(path: Path) -> str:
    """Name of the format.

    Parameters
    ----------
    path : Path
        File or folder.

    Raises
    ------
    InputError
        Where no format is recognised.
    """
    name = _folder(path) if path.is_dir() else _file(path)
    if name is None:
        raise InputError(f"{path} is of no known format: name it by --format (parascale formats lists them)")
    return name


def _folder(path: Path) -> str | None:
    tests: dict[str, Callable[[], bool]] = {
        "colmap": lambda: model_folder(path) is not None,
        "nerfstudio": (path / "transforms.json").is_file,
        "lingbot-world": (path / "poses.npy").is_file,
        "vipe": lambda: any((path / "pose").glob("*.npz")),
        "strecha": lambda: any(path.glob("*.camera")),
        "pose-folder": lambda: any(path.glob("*.txt")),
    }
    return next((name for name, test in tests.items() if test()), None)


def _file(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if head.startswith(b"PK"):
        return _archive(path)
    text = head.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip().startswith(("{", "[")):
        return _json(text, path)
    if is_table(text.partition("\n")[0]):
        return "csv"
    return _rows(text)


def _archive(path: Path) -> str | None:
    with Archive(path) as archive:
        if "w2cs_all" in archive.names:
            return "gen3c"
        return "megasam" if "cam_c2w" in archive.names else None


def _json(text: str, path: Path) -> str | None:
    if '"frame0"' in text and "[" in text:
        return "recammaster"
    if '"transform_matrix"' in text or '"frames"' in text:
        return "nerfstudio"
    if not text.lstrip().startswith("["):
        return None
    # The first row alone: the rest of the file may be long.
    first = text.partition("]")[0].rpartition("[")[2]
    row = parse_json(f"[{first}]", str(path))
    return {12: "motionctrl", COLUMNS: "comfyui"}.get(len(row))


def _rows(text: str) -> str | None:
    lines = text.split("\n")
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    if len(rows) > 1 and len(rows[0]) != len(rows[1]):
        del rows[0]
    count = len(rows[0]) if rows else 0
    if not all(map(_is_number, rows[0] if rows else ())):
        return None
    if count == COLUMNS:
        ours = "convention=wan-fun" in lines[0]
        made_up = not lines[0].strip() and all(row[0] in {"0", "0.0"} for row in rows[:-1] or rows)
        return "wan-fun" if ours or made_up else "realestate10k"
    if count in {7, 8}:
        whole = all(row[0].lstrip("-").isdigit() for row in rows[:100])
        return "chan" if whole and not text.startswith("#") else "tum"
    return "kitti" if count == 12 else None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
